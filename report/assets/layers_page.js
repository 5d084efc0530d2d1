// layers.html: one sound through the layers, on one time axis: their series or the spectrograms of their copies.
"use strict";

(async function () {
  const { el, bdi, fail, load, player, samples } = soundglass;
  const form = document.getElementById("layer-choice");
  const place = document.getElementById("layer-stack");
  const [WIDTH, HEIGHT, PAD] = [1000, 64, 4];
  const mel = (hz) => 2595 * Math.log10(1 + hz / 700);
  let [data, view, pictures] = [null, "series", []];

  function svg(tag, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const hertz = (value) => (value >= 1000 ? `${Number((value / 1000).toPrecision(3))} kHz` : `${Number(value.toPrecision(3))} Hz`);

  async function sound(file) {
    const found = await load(`layers/${file}`);
    return { samples: samples(found.pcm, found.peak), rate: data.front_end.sample_rate };
  }

  // What was measured on the layer as if it were the sound, beside the sound's own.
  function readings(read) {
    const parts = [];
    if (read.f0 && read.f0.value) parts.push(`F0 ${read.f0.value.toFixed(0)} Hz${read.f0.suspect ? " (artefact tone?)" : ""}`);
    for (const name of ["f1", "f2"]) if (read[name] && read[name].value) parts.push(`${name.toUpperCase()} ${read[name].value.toFixed(0)} Hz`);
    if (read.duration && read.duration.value) parts.push(`${read.duration.value.toFixed(2)} s`);
    return parts.join(", ");
  }

  function series(entry, seconds, name) {
    const [low, high] = [entry.values || entry.low, entry.values || entry.high];
    const [bottom, top] = [Math.min(...low), Math.max(...high)];
    const y = (value) => HEIGHT - PAD - ((value - bottom) / (top - bottom || 1)) * (HEIGHT - 2 * PAD);
    const x = (i) => ((entry.start + i * entry.step) / seconds) * WIDTH;
    const points = high.map((value, i) => `${x(i).toFixed(1)} ${y(value).toFixed(1)}`);
    if (entry.low) for (let i = low.length - 1; i >= 0; i--) points.push(`${x(i).toFixed(1)} ${y(low[i]).toFixed(1)}`);
    const path = svg("path", { class: entry.low ? "series band" : "series", d: `M${points.join("L")}${entry.low ? "Z" : ""}` });
    const zero = bottom < 0 && top > 0 ? [svg("line", { class: "zero", x1: 0, x2: WIDTH, y1: y(0), y2: y(0) })] : [];
    const label = `${name} from ${bottom.toPrecision(3)} to ${top.toPrecision(3)} over ${seconds.toFixed(2)} s`;
    const box = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label };
    return el("div", { class: "series-box" }, svg("svg", box, ...zero, path));
  }

  async function spectrogram(file, seconds, name, nyquist) {
    const { n_fft: nFft, hop_length: hop, sample_rate: rate } = data.front_end;
    const picture = soundglass.spectrogram(name, data, seconds);
    picture.draw(new soundglass.STFT(nFft, hop).forward((await sound(file)).samples));
    if (nyquist && nyquist < rate / 2) {
      const height = (100 * mel(nyquist)) / mel(rate / 2);
      const words = el("span", {}, `Nyquist limit ${hertz(nyquist)}`);
      picture.figure.querySelector(".plot").append(el("div", { class: height < 60 ? "nyquist low" : "nyquist", style: `bottom:${height}%` }, words));
    }
    pictures.push(picture);
    return picture.figure;
  }

  async function row(item, entry, layer) {
    const name = layer ? layer.name : item.name;
    const facts = layer ? `${hertz(layer.rate)}, Nyquist ${hertz(layer.nyquist)}` : item.label;
    const read = layer ? entry.read && readings(entry.read) : readings(Object.fromEntries(Object.entries(item.read).map(([k, v]) => [k, { value: v }])));
    const lines = [facts, read, entry && entry.on_noise ? "copy carried on noise" : "", entry && entry.problem].filter(Boolean);
    const text = el("div", { class: "name" }, bdi(name), ...lines.map((line) => el("small", {}, line)));
    const file = layer ? entry.file : item.file;
    const play = file
      ? soundglass.playButton(`Play ${name}`, () => sound(file), { small: true, onplay: follow, onstop: () => pictures.forEach((p) => p.mark(null)) })
      : el("span");
    const drawn =
      layer && (view === "series" || !file)
        ? series(entry, item.seconds, name)
        : await spectrogram(file, item.seconds, name, layer && layer.nyquist);
    return el("div", { class: "stack-row" }, text, play, el("div", { class: "drawn" }, drawn));
  }

  function follow() {
    if (!player.owner()) return;
    pictures.forEach((picture) => picture.mark(player.position()));
    requestAnimationFrame(follow);
  }

  async function draw() {
    player.stop();
    pictures = [];
    const item = data.shown[Number(form.elements.sound.value)];
    const rows = [await row(item, null, null)];
    for (const entry of item.layers) rows.push(await row(item, entry, data.layers.find((layer) => layer.name === entry.layer)));
    place.replaceChildren(...rows);
  }

  const safely = () => draw().catch((error) => fail(place, error));
  try {
    data = await load("layers");
    const option = (item, i) => el("option", { value: i }, item.label ? `${item.name} (${item.label})` : item.name);
    form.elements.sound.append(...data.shown.map(option));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", safely);
    for (const button of form.querySelectorAll("[data-view]"))
      button.addEventListener("click", () => {
        view = button.dataset.view;
        for (const other of form.querySelectorAll("[data-view]")) other.setAttribute("aria-pressed", String(other === button));
        safely();
      });
    await draw();
    soundglass.ready = true;
  } catch (error) {
    fail(place, error);
  }
})();

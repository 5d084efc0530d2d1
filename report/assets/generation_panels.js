// Panels of features, all on the scale of their run: seconds to the right, low bands below.
"use strict";

(function () {
  const { el, load, samples, playButton } = soundglass;

  soundglass.panel = function (label, { bands, frames, values }) {
    const canvas = el("canvas", { class: "generated-panel", role: "img", "aria-label": label, width: frames, height: bands });
    const shades = Uint8Array.from(atob(values), (sign) => sign.charCodeAt(0));
    const image = new ImageData(frames, bands);
    for (let y = 0; y < bands; y++)
      for (let x = 0; x < frames; x++)
        image.data.set([...soundglass.colours[shades[(bands - 1 - y) * frames + x]], 255], 4 * (y * frames + x));
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  };

  // A panel with both axes; frequencies have names where the front end of the run is known.
  soundglass.panelWithAxes = function (label, title, panel, unit) {
    const step = [0.1, 0.2, 0.5, 1, 2, 5].find((width) => unit.seconds / width <= 5) || 10;
    const times = [];
    for (let i = 0; i * step < 0.93 * unit.seconds; i++)
      times.push(el("span", { style: `left:${(100 * i * step) / unit.seconds}%` }, String(Number((i * step).toFixed(2)))));
    const ticks = unit.ticks.filter(([name]) => ["500", "2k", "8k"].includes(name) || unit.ticks.length < 4);
    const hz = ticks.map(([name, place]) => el("span", { style: `bottom:${100 * place}%` }, name));
    const axis = hz.length ? [el("span", { style: "bottom:0" }, "Hz"), ...hz] : [];
    return el(
      "figure",
      { class: "spectrogram" },
      el("figcaption", {}, title),
      el(
        "div",
        { class: "axes" },
        el("div", { class: "axis frequency", "aria-hidden": "true" }, ...axis),
        el("div", { class: "plot" }, soundglass.panel(label, panel)),
        el("div", { class: "axis time", "aria-hidden": "true" }, ...times, el("b", {}, "s")),
      ),
    );
  };

  soundglass.generatedSound = async function (file, rate) {
    const found = await load(`generations/${file}`);
    return { samples: samples(found.pcm, found.peak), rate };
  };

  soundglass.generatedButton = (label, file, rate, more = {}) =>
    playButton(label, () => soundglass.generatedSound(file, rate), { small: true, ...more });
})();

// layers_moved.html: ridgelines of each layer while one latent is moved.
"use strict";

(async function () {
  const { el, bdi, fail, load } = soundglass;
  const form = document.getElementById("moved-choice");
  const place = document.getElementById("layer-ridges");
  const [WIDTH, STEP, TALL, LEFT] = [320, 18, 34, 34];

  function svg(tag, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function ridges(one, layer) {
    const all = layer.ridges.flat();
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const count = layer.ridges.length;
    const height = TALL + STEP * count + 16;
    const parts = layer.ridges.map((line, s) => {
      const base = TALL + STEP * s;
      const y = (value) => base - ((value - low) / (high - low || 1)) * TALL;
      const x = (i) => LEFT + (i / Math.max(1, line.length - 1)) * (WIDTH - LEFT - 4);
      const d = `M${line.map((value, i) => `${x(i).toFixed(1)} ${y(value).toFixed(1)}`).join("L")}`;
      return svg("path", { d, "stroke-opacity": 0.3 + (0.7 * s) / Math.max(1, count - 1) });
    });
    const mark = (s) => svg("text", { x: 0, y: TALL + STEP * s }, Number(one.values[s].toFixed(2)).toString().replace("-", "\u2212"));
    const end = layer.start + layer.step * layer.ridges[0].length;
    const time = svg("text", { x: WIDTH - 4, y: height - 2, "text-anchor": "end" }, `${Math.max(0, layer.start).toFixed(2)} to ${end.toFixed(2)} s`);
    const [value, from, to] = layer.against_random.map((v) => (v === null ? "–" : v.toFixed(2).replace("-", "\u2212")));
    const said = `${value} [${from}, ${to}] against a random latent`;
    const box = { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": `${layer.layer} while ${one.name} is moved: ${said}` };
    const picture = svg("svg", box, mark(0), mark(count - 1), time, ...parts);
    return el("figure", {}, el("figcaption", {}, bdi(layer.layer), el("small", {}, ` ${said}`)), picture);
  }

  try {
    const data = await load("layers_moved");
    form.elements.moved.append(...data.map((one, i) => el("option", { value: i }, one.name)));
    const draw = () => {
      const one = data[Number(form.elements.moved.value)];
      place.replaceChildren(...one.layers.map((layer) => ridges(one, layer)));
    };
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", draw);
    draw();
    soundglass.ready = true;
  } catch (error) {
    fail(place, error);
  }
})();

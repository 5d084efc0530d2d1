// layers_moved.html: each layer while one latent is moved, beside random ones, and its ridgelines.
"use strict";

(async function () {
  const { load, fail } = soundglass;
  const { bands, legend, ridges, short } = soundglass.layerPlots;
  const form = document.getElementById("moved-choice");
  const places = ["layer-growth", "layer-effect", "layer-ridges", "moved-guard"];
  const [curves, effects, lines, guard] = places.map((id) => document.getElementById(id));

  try {
    const data = await load("layers_moved");
    const options = data.map((one, i) => Object.assign(document.createElement("option"), { value: i, textContent: one.name }));
    form.elements.moved.append(...options);
    const draw = () => {
      const one = data[Number(form.elements.moved.value)];
      const x = one.path.length && one.path[0].length > 1 ? "distance along the path" : `value of ${one.name}`;
      const against = (layer) => {
        const [value, low, high] = layer.against_random.map(short);
        return `${value} [${low}, ${high}] log2 against random`;
      };
      const chart = (layer) => {
        const pair = [[one.name, layer.growth], ["random latents", layer.random_growth]];
        const drawn = pair.map(([name, [mean, low, high]]) => ({ name, x: one.values, mean, low, high }));
        return bands(layer.layer, drawn, { x, y: "change, RMS", yShort: "RMS change", note: against(layer) });
      };
      curves.replaceChildren(legend([one.name, "random latents moved as far"]), ...one.layers.filter((l) => l.growth).map(chart));
      const change = (layer) => {
        const [mean, low, high] = layer.effect;
        const x = mean.map((_, i) => layer.start + (i + (layer.is_level ? 0.5 : 0)) * layer.step);
        const what = layer.is_level ? "change of the level" : "change of the series";
        return bands(layer.layer, [{ name: one.name, x, mean, low, high }], { x: "s", y: what, yShort: what, note: " " });
      };
      effects.replaceChildren(...one.layers.filter((layer) => layer.effect).map(change));
      lines.replaceChildren(...one.layers.map((layer) => ridges(layer.layer, one, layer, layer.is_level ? "level over time" : "series over time")));
      guard.textContent = one.guard ? `${one.guard}.` : "";
      guard.hidden = !one.guard;
    };
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", draw);
    draw();
    soundglass.ready = true;
  } catch (error) {
    fail(curves, error);
  }
})();

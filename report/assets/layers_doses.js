// layers_doses.html: how layers answer graded sounds, trained and untrained.
"use strict";

(async function () {
  const { load, fail } = soundglass;
  const { bands, legend, short } = soundglass.layerPlots;
  const form = document.getElementById("dose-choice");
  const place = document.getElementById("layer-doses");

  try {
    const data = await load("layers_doses");
    form.elements.set.append(...data.map((one, i) => Object.assign(document.createElement("option"), { value: i, textContent: one.name.replaceAll("_", " ") })));
    const draw = () => {
      const one = data[Number(form.elements.set.value)];
      const chart = (layer) => {
        const pair = [["trained", layer.share], ["untrained", layer.untrained_share]];
        const lines = pair.map(([name, [mean, low, high]]) => ({ name, x: one.doses, mean, low, high }));
        const sham = layer.against_sham ? `${short(layer.against_sham[0])} of it beyond the sham` : "share of the level";
        return bands(layer.layer, lines, { x: one.unit || "without, with", y: "change as a share of the layer's level", yShort: "share of level", log: one.log, note: sham });
      };
      place.replaceChildren(legend(["trained", "untrained"]), ...one.layers.map(chart));
    };
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", draw);
    draw();
    soundglass.ready = true;
  } catch (error) {
    fail(place, error);
  }
})();

// layers_causes.html: when each layer answers a small push of a latent.
"use strict";

(async function () {
  const { load, fail } = soundglass;
  const { timeMap } = soundglass.layerPlots;
  const form = document.getElementById("pushed-choice");
  const place = document.getElementById("layer-map");

  try {
    const data = await load("layers_causes");
    form.elements.pushed.append(...data.maps.map((one, i) => Object.assign(document.createElement("option"), { value: i, textContent: one.name })));
    const draw = () => {
      const one = data.maps[Number(form.elements.pushed.value)];
      place.replaceChildren(timeMap(`Answers of the layers to ${one.name} over time`, one.layers, data.seconds));
    };
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", draw);
    draw();
    soundglass.ready = true;
  } catch (error) {
    fail(place, error);
  }
})();

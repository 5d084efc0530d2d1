// The list of components: name field, spectrum, typical excerpt.
"use strict";

(async function () {
  const { names, loadModel, load, samples, playButton, fail } = soundglass;
  const list = document.getElementById("component-list");
  if (!list) return;
  try {
    const model = await loadModel();
    names.open(model);
    document.getElementById("save-names").replaceWith(names.saveButton());
    for (const row of list.children) {
      const k = Number(row.dataset.component);
      row.querySelector(".name-place").replaceWith(names.field(k));
      const place = row.querySelector("[data-excerpt]");
      if (!place) continue;
      place.replaceWith(
        playButton(
          place.dataset.label,
          async () => {
            const excerpt = await load(`excerpt/${k}`);
            return { samples: samples(excerpt.pcm, excerpt.peak), rate: model.front_end.sample_rate };
          },
          { small: true },
        ),
      );
    }
    soundglass.ready = true;
  } catch (error) {
    fail(list, error);
  }
})();

// generations.html: the buttons that play what was generated and the real excerpts beside it.
"use strict";

(async function () {
  const { load, samples, playButton } = soundglass;
  const list = await load("generations");

  async function sound(file) {
    const found = await load(`generations/${file}`);
    return { samples: samples(found.pcm, found.peak), rate: list.sample_rate };
  }

  for (const place of document.querySelectorAll(".player[data-sound]")) {
    const { sound: file, name } = place.dataset;
    place.replaceChildren(playButton(name, () => sound(file), { small: true }));
  }
  soundglass.ready = true;
})();

// Play buttons of the list of clips; a clip's data are read when it is first played.
"use strict";

(function () {
  for (const place of document.querySelectorAll("[data-play]")) {
    place.replaceWith(
      soundglass.playButton(
        place.dataset.label,
        async () => {
          const model = await soundglass.loadModel();
          const clip = await soundglass.loadClip(place.dataset.play, model);
          return { samples: clip.waveform, rate: model.front_end.sample_rate };
        },
        { small: true },
      ),
    );
  }
  soundglass.ready = true;
})();

// The explained clip of the first page: the clip, what speaks for its class, and the rest.
"use strict";

(async function () {
  const { el, bdi, names, fail, loadModel, loadClip, playButton, player } = soundglass;
  const place = document.getElementById("featured");
  if (!place) return;

  try {
    const model = await loadModel();
    names.open(model);
    const clip = await loadClip(place.dataset.clip, model);
    const chosen = Number(place.dataset.class);
    const mix = new soundglass.Mix(model, clip);
    const relevances = clip.relevance || new soundglass.Decision(model, clip).relevance();
    const rate = model.front_end.sample_rate;
    const picture = soundglass.spectrogram("", model, clip.waveform.length / rate);
    const gains = (inside) => Float64Array.from(relevances[chosen], (r) => (inside === r > 0.2 ? 1 : 0));
    const parts = [
      [["The clip"], () => null],
      [["What speaks for ", bdi(model.class_names[chosen])], () => mix.mask(gains(true))],
      [["The rest"], () => mix.mask(gains(false))],
    ];
    picture.draw(mix.spectrum, null);
    const buttons = parts.map(([label, mask]) => {
      let heard = null;
      const button = playButton(
        "",
        async () => {
          const part = mask();
          picture.draw(mix.spectrum, part);
          heard = heard || (part ? mix.stft.inverse(mix.spectrum, part, clip.waveform.length) : clip.waveform);
          return { samples: heard, rate };
        },
        { onplay: () => follow(button), onstop: () => picture.mark(null) },
      );
      button.firstChild.replaceChildren(...label);
      return button;
    });
    const follow = (button) => {
      if (player.owner() !== button) return;
      picture.mark(player.position());
      requestAnimationFrame(() => follow(button));
    };
    place.replaceChildren(picture.figure, soundglass.levelScale(), el("div", { class: "buttons" }, ...buttons));
    soundglass.renderMix = (values) => mix.render(values);
    soundglass.ready = true;
  } catch (error) {
    fail(place, error);
  }
})();

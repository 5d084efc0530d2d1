// clip.html#KEY: the mixing desk of one clip.
"use strict";

(async function () {
  const { el, bdi, names, fragment, fail, loadModel, loadClip, load } = soundglass;
  const SPLITS = { train: "training", val: "validation" };
  const place = document.getElementById("desk");

  async function open() {
    try {
      soundglass.player.stop();
      const [model, list] = await Promise.all([loadModel(), load("clips")]);
      const entry = list.find((item) => item.key === fragment()) || list[0];
      if (!entry) throw new Error("There is no explained clip in this report.");
      names.open(model);
      const clip = await loadClip(entry.key, model);
      title(entry, list, model, clip);
      const own = Array.from(clip.logits).indexOf(Math.max(...clip.logits));
      const relevances = clip.relevance || new soundglass.Decision(model, clip).relevance();
      soundglass.openDesk(place, { model, clip, chosen: own, relevances });
      notes(model, clip);
    } catch (error) {
      fail(place, error);
    }
  }

  function title(entry, list, model, clip) {
    const number = list.indexOf(entry);
    document.title = `${entry.name} \u00b7 Soundglass`;
    document.getElementById("clip-name").replaceChildren(bdi(entry.name));
    const truth = (clip.target || []).flatMap((c, i) => [i ? ", " : "", bdi(model.class_names[c])]);
    const facts = [`${SPLITS[entry.split] || entry.split} split`, `${entry.seconds.toFixed(1)} s`, entry.note]
      .filter(Boolean)
      .join(" \u00b7 ");
    document
      .getElementById("clip-facts")
      .replaceChildren(...(truth.length ? ["True class: ", ...truth, " \u00b7 "] : []), facts);
    const link = (to, word) => (to ? el("a", { href: `clip.html#${to.key}` }, word) : el("span", {}, word));
    document
      .getElementById("clip-links")
      .replaceChildren(link(list[number - 1], "Previous clip"), link(list[number + 1], "Next clip"));
  }

  // Where a recording was heard in overlapping windows, scores from the joined activations are close, not equal.
  function notes(model, clip) {
    if (!model.can_rescore) return;
    const own = soundglass.scores(new Float64Array(model.K).fill(1));
    const difference = Math.max(
      ...soundglass.probabilities(clip.logits, model.multi_label).map((p, c) => Math.abs(p - own[c])),
    );
    if (difference < 1e-3) return;
    place.append(
      el(
        "p",
        { class: "notice" },
        "This recording was heard in several overlapping windows. Scores of a mix are " +
          `recomputed from the joined activations; for the whole clip they differ from the model's by up to ${soundglass.percent(difference)}.`,
      ),
    );
  }

  window.addEventListener("hashchange", open);
  await open();
  soundglass.ready = true;
})();

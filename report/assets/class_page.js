// class.html#NUMBER: what a class is made of over many clips, heard in a clip of one's choice.
"use strict";

(async function () {
  const { el, bdi, names, fragment, fail, percent, loadModel, loadClip, load } = soundglass;
  const place = document.getElementById("desk");
  const select = document.getElementById("in-clip");
  let [model, clips, chosen] = [null, [], 0];

  async function open() {
    try {
      soundglass.player.stop();
      [model, clips] = await Promise.all([loadModel(), load("clips")]);
      names.open(model);
      chosen = Math.min(model.C - 1, Math.max(0, Number(fragment()) || 0));
      title();
      const fitting = (clip) => (clip.predicted.includes(chosen) ? 0 : (clip.target || []).includes(chosen) ? 1 : 2);
      const ordered = clips.map((clip, i) => [fitting(clip), i]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      const words = ["predicted as it", "truly of it", "of other classes"];
      select.replaceChildren(
        ...words
          .map((word, rank) =>
            el(
              "optgroup",
              { label: `Clips ${word}` },
              ...ordered.filter(([r]) => r === rank).map(([, i]) => el("option", { value: i }, clips[i].name)),
            ),
          )
          .filter((group) => group.children.length),
      );
      await hear();
    } catch (error) {
      fail(place, error);
    }
  }

  function title() {
    const name = model.class_names[chosen];
    document.title = `${name} \u00b7 Soundglass`;
    document.getElementById("class-name").replaceChildren(bdi(name));
    const facts = model.n_predicted
      ? [`mean relevance over ${model.n_predicted[chosen]} clips predicted as this class`]
      : ["no relevance over many clips was measured; shown is that of the chosen clip"];
    const recall = model.accuracy && model.accuracy[chosen];
    if (typeof recall === "number")
      facts.push(`${model.multi_label ? "average precision" : "recall"} ${percent(recall)}`);
    document.getElementById("class-facts").textContent = facts.join(" \u00b7 ");
  }

  async function hear() {
    soundglass.player.stop();
    if (!clips.length) throw new Error("There is no explained clip in this report.");
    const clip = await loadClip(clips[Number(select.value)].key, model);
    const relevances = model.global_relevance
      ? soundglass.globalRelevance(model)
      : clip.relevance || new soundglass.Decision(model, clip).relevance();
    const desk = soundglass.openDesk(place, { model, clip, chosen, relevances, fixed: true });
    if (relevances[chosen]) desk.apply("class");
  }

  select.addEventListener("change", () => hear().catch((error) => fail(place, error)));
  window.addEventListener("hashchange", open);
  await open();
  soundglass.ready = true;
})();

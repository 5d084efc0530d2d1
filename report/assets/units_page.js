// units.html: thousands of units, searched, filtered and sorted in memory; only the rows one looks at are in the page.
"use strict";

(async function () {
  const { el, bdi, fail, player, debounced } = soundglass;
  const [AT_ONCE, EXCERPT] = [60, 2]; // rows; seconds
  const form = document.getElementById("unit-filters");
  const place = document.getElementById("unit-list");
  const count = form.querySelector("output");
  const more = el("button", { type: "button", class: "quiet" });
  let [list, found, shown] = [null, [], 0];

  const SORTS = {
    score: (a, b) => (b.auprc ?? -1) - (a.auprc ?? -1),
    above: (a, b) => (b.label !== null) - (a.label !== null) || lift(b) - lift(a),
    changed: (a, b) => (a.overlap ?? 2) - (b.overlap ?? 2),
    effect: (a, b) => (b.z ?? -1e9) - (a.z ?? -1e9),
    place: (a, b) => a.place - b.place,
  };
  const KINDS = {
    named: (unit) => unit.label !== null,
    unnamed: (unit) => unit.label === null && !unit.dead,
    words: (unit) => unit.sentence !== (unit.label ?? "no label") && !unit.dead,
    polysemantic: (unit) => unit.polysemantic === 1,
    dead: (unit) => unit.dead === 1,
  };
  const lift = (unit) => (unit.auprc === null ? -1 : unit.auprc - (unit.chance ?? 0));

  function update() {
    const fields = form.elements;
    const words = fields.search.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const [layer, kind, least] = [fields.layer.value, KINDS[fields.kind.value], Number(fields.least.value)];
    form.querySelector("#least-value").textContent = least ? `${least.toFixed(2)} or more` : "any";
    found = list.units.filter(
      (unit) =>
        (!layer || unit.layer === layer) &&
        (!kind || kind(unit)) &&
        (!least || (unit.auprc ?? -1) >= least) &&
        words.every((word) => unit.text.includes(word)),
    );
    found.sort(SORTS[fields.sort.value]);
    place.replaceChildren();
    shown = 0;
    grow();
    const all = list.units.length.toLocaleString("en");
    count.textContent = found.length === list.units.length ? `${all} in all` : `${found.length} of ${all}`;
  }

  function grow() {
    const first = shown;
    place.append(...found.slice(first, first + AT_ONCE).map(row));
    shown = Math.min(found.length, first + AT_ONCE);
    more.hidden = shown >= found.length;
    more.textContent = `Show ${Math.min(AT_ONCE, found.length - shown)} more of ${found.length - shown}`;
    if (!found.length) place.append(el("li", { class: "none" }, "No unit fits. Take a word or a filter away."));
  }

  function row(unit) {
    const name = soundglass.unitName(list, unit);
    const clip = unit.clip === null ? null : list.clips[unit.clip];
    const button =
      clip && clip.heard
        ? soundglass.playButton(
            `Play what drives ${name} of ${unit.layer} most`,
            async () => soundglass.around(await soundglass.loadProbe(list, unit.clip), unit.seconds, EXCERPT),
            { small: true },
          )
        : el("span", {});
    const title = unit.dead ? "dead" : unit.sentence;
    const link = el("a", { href: soundglass.unitLink(unit), class: unit.label ? "" : "unnamed" }, bdi(title));
    const facts = [unit.dead ? "same value for every clip" : clip ? `most in ${clip.name}` : ""];
    if (unit.polysemantic) facts.push("several things");
    return el(
      "li",
      {},
      button,
      el("div", { class: "what" }, link, el("small", {}, bdi(facts.filter(Boolean).join(" \u00b7 ")))),
      el("div", { class: "where" }, bdi(unit.layer), " ", el("small", {}, name)),
      unit.dead ? el("span", {}) : score(unit),
    );
  }

  // AUPRC as a bar, with a mark where a unit that knows nothing stands.
  function score(unit) {
    if (unit.auprc === null) return el("span", { class: "score" }, el("small", {}, "not tested"));
    const width = `width:${(100 * unit.auprc).toFixed(1)}%`;
    const mark = unit.chance === null ? null : el("span", { class: "mark", style: `left:${100 * unit.chance}%` });
    return el(
      "span",
      { class: unit.label ? "score" : "score weak" },
      el("span", { class: "track", "aria-hidden": "true" }, el("span", { class: "fill", style: width }), mark),
      el(
        "span",
        { class: "value" },
        el("span", { class: "visually-hidden" }, "AUPRC "),
        unit.auprc.toFixed(2),
        el("span", { class: "visually-hidden" }, unit.chance === null ? "" : `, chance ${unit.chance.toFixed(2)}`),
      ),
    );
  }

  try {
    list = await soundglass.loadUnits();
    form.elements.layer.append(...list.layers.map((layer) => el("option", { value: layer }, layer)));
    place.after(el("p", { class: "list-end" }, more));
    more.addEventListener("click", () => {
      const next = shown;
      grow();
      const target = place.children[next];
      if (target) target.querySelector("a").focus();
    });
    const soon = debounced(update, 40);
    form.addEventListener("input", soon);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      update();
    });
    const word = new URLSearchParams(location.hash.slice(1)).get("word");
    if (word) form.elements.search.value = word;
    soundglass.updateUnits = update;
    window.addEventListener("pagehide", () => player.stop());
    update();
    soundglass.ready = true;
  } catch (error) {
    fail(place, error);
  }
})();

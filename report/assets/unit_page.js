// unit.html#LAYER/UNIT+: what drives one unit, what describes it, what silencing it does, and what it was before.
"use strict";

(async function () {
  const { el, bdi, fail, fragment, percent, player } = soundglass;
  const place = document.getElementById("unit");
  const two = (value) => (value === null ? null : value.toFixed(2));

  async function open() {
    try {
      player.stop();
      const list = await soundglass.loadUnits();
      const entry = list.byKey.get(fragment()) || list.units[0];
      if (!entry) throw new Error("There is no unit in this report.");
      const unit = await soundglass.loadUnit(list, entry);
      head(list, entry, unit);
      place.replaceChildren(...sections(list, unit));
      soundglass.unit = unit;
    } catch (error) {
      fail(place, error);
    }
  }

  function head(list, entry, unit) {
    const name = soundglass.unitName(list, entry);
    const title = unit.dead ? "dead" : unit.sentence;
    document.title = `${title} \u00b7 ${entry.layer} ${name}`;
    const where = el("small", { class: "unit-place" }, bdi(entry.layer), ` \u00b7 ${name}`);
    document.getElementById("unit-title").replaceChildren(bdi(title), " ", where);
    const link = (to, word) => (to ? el("a", { href: soundglass.unitLink(to) }, word) : el("span", {}, word));
    const other = list.byKey.get(`${entry.layer}/${entry.unit}${entry.pole > 0 ? "-" : "+"}`);
    document
      .getElementById("unit-links")
      .replaceChildren(
        link(list.units[entry.place - 1], "Previous"),
        ...(other ? [link(other, "Other pole")] : []),
        link(list.units[entry.place + 1], "Next"),
      );
    document.getElementById("unit-facts").replaceChildren(...verdict(unit));
  }

  // One sentence on how far the name can be trusted.
  function verdict(unit) {
    if (unit.dead) return ["Gives the same value for every clip of the probe set."];
    const said = [];
    const chance = unit.chance === null ? "" : `, chance ${two(unit.chance)}`;
    if (unit.label !== null) {
      said.push("Finds ", el("strong", {}, bdi(unit.label)), ` on held-out clips: AUPRC ${two(unit.auprc)}${chance}`);
      const more = [
        unit.correlation === null ? "" : `r ${two(unit.correlation)}`,
        unit.f1 === null ? "" : `F1 ${two(unit.f1)}`,
        unit.q === null ? "" : `q ${unit.q < 0.001 ? "below 0.001" : unit.q.toPrecision(2)}`,
        unit.stability === null ? "" : `same name in ${percent(unit.stability)} of bootstraps`,
      ];
      said.push(`; ${more.filter(Boolean).join(", ")}.`);
    } else if (unit.best && unit.auprc !== null) {
      said.push("No concept holds up; nearest is ", bdi(unit.best), `, AUPRC ${two(unit.auprc)}${chance}.`);
    } else {
      said.push("No concept holds up.");
    }
    const spread = unit.polysemanticity;
    if (spread && spread.polysemantic)
      said.push(` Its top clips are no more alike than random ones (${percent(spread.chance)} of units by chance).`);
    return said;
  }

  function section(title, hint, ...content) {
    return el("section", { class: "unit-part" }, el("h2", {}, title), ...content, hint && el("p", { class: "hint" }, hint));
  }

  function sections(list, unit) {
    const parts = [];
    if (unit.top.length && !unit.dead)
      parts.push(
        section(
          "What drives it",
          null,
          ...soundglass.unitClips(list, unit.top, 4),
          el("div", { class: "scale-line" }, el("p", { class: "hint" }, "The frame that drives it is marked."), soundglass.levelScale()),
        ),
      );
    const plots = [...described(unit), ...silenced(unit)];
    if (plots.length) parts.push(el("div", { class: "unit-plots" }, ...plots));
    parts.push(...edited(unit), ...tuned(unit), ...before(unit));
    if (unit.bottom.length && !unit.dead)
      parts.push(section("What leaves it cold", null, ...soundglass.unitClips(list, unit.bottom, 4, false)));
    parts.push(numbers(list, unit));
    return parts;
  }

  function described(unit) {
    if (!Object.keys(unit.descriptors).length) return [];
    const hint =
      "Top clips against other clips: \u22121 all lower, +1 all higher (Cliff\u2019s delta); the marks are where an effect is large. " +
      "Words are given only where they also hold on the other half of the clips.";
    return [section("What it sounds like", hint, ...soundglass.descriptorBars(unit))];
  }

  function silenced(unit) {
    const found = unit.ablation;
    if (!found) return [];
    const accuracy = found.accuracy === null ? "" : ` Accuracy over all clips changes by ${(100 * found.accuracy).toFixed(1).replace("-", "\u2212")} points.`;
    const how = found.how === "mean" ? "held at its mean" : "silenced";
    const hint =
      `Change of each class\u2019s log-probability on its own clips when the unit is ${how}; ` +
      `grey: ${found.draws} random units of its layer, two standard deviations either way.${accuracy}`;
    return [section("What silencing it does", hint, ...soundglass.ablationBars(found))];
  }

  // Words that edits say something about, then what each edit does.
  function edited(unit) {
    if (!unit.edits) return [];
    const SAID = {
      confirmed: "confirmed: edits of it move the unit as the word says",
      contradicted: "contradicted: edits of it move the unit the other way",
      mixed: "mixed: some edits of it agree, others do not",
      "not seen": "not seen: no edit of it moves the unit beyond chance",
    };
    const words = unit.words.filter((word) => SAID[word.edits]);
    const verdicts = words.map((word) => el("li", { class: word.edits.replace(" ", "-") }, el("strong", {}, word.text), ` ${SAID[word.edits]}`));
    const hint =
      "The clips that drive it, changed: how much more (up) or less (down) the unit then answers at this pole, in its " +
      "standard deviations over all clips and beyond a sham edit. Full dots are more than chance (5 % of false discoveries in its layer).";
    const list = verdicts.length ? [el("ul", { class: "verdicts" }, ...verdicts)] : [];
    return [section("What changes it", hint, ...list, ...soundglass.editCurves(unit.edits))];
  }

  function tuned(unit) {
    const curves = unit.tuning ? soundglass.tuningCurves(unit.tuning) : [];
    if (!curves.length) return [];
    return [section("What it is tuned to", "Its response to synthetic sounds.", el("div", { class: "tuning" }, ...curves))];
  }

  function before(unit) {
    if (unit.history.length < 2) return [];
    const hint = unit.settled
      ? `Its top clips have stayed nearly the same since epoch ${unit.settled}.`
      : "Its top clips still changed at the last point.";
    return [section("What it was before", hint, soundglass.historyNames(unit.history), soundglass.historyCurve(unit.history))];
  }

  function numbers(list, unit) {
    const rows = [
      ["Names from", list.source],
      ["Read-out", list.read_out],
      ["Mean and deviation", `${unit.mean.toPrecision(3)}, ${unit.std.toPrecision(3)}`],
      ["Lowest and highest", `${unit.low.toPrecision(3)}, ${unit.high.toPrecision(3)}`],
      ["p", unit.p === null ? "" : unit.p.toPrecision(2)],
      ["Spread of the top clips above random", unit.polysemanticity ? `${two(unit.polysemanticity.excess)}, z ${two(unit.polysemanticity.z)}` : ""],
    ];
    const body = rows.filter(([, value]) => value).map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, bdi(String(value)))));
    return el("details", { class: "unit-part" }, el("summary", {}, "Numbers"), el("table", { class: "plain" }, el("tbody", {}, ...body)));
  }

  window.addEventListener("hashchange", open);
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || /input|select|textarea/i.test(event.target.tagName)) return;
    const links = document.querySelectorAll("#unit-links a");
    const word = { ArrowLeft: "Previous", ArrowRight: "Next" }[event.key];
    const target = Array.from(links).find((link) => link.textContent === word);
    if (target) location.hash = target.hash;
  });
  await open();
  soundglass.ready = true;
})();

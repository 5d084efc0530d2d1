// generation.html#LAYER/UNIT/AIM: what one unit asks for, how that formed in the training, and the settings tried.
"use strict";

(async function () {
  const { el, bdi, fail, load, fragment, percent, player } = soundglass;
  const place = document.getElementById("generation");
  const SHOWN = 6; // settings beside the chosen one
  const number = (value, digits = 2) =>
    value === null || value === undefined ? "\u2013" : value.toFixed(digits).replace("-", "\u2212");
  const AIMS = { maximise: "maximised", minimise: "minimised", reach: "as strong as in real excerpts" };

  async function open() {
    try {
      player.stop();
      const list = await load("generations");
      const at = Math.max(0, list.units.findIndex((unit) => unit.key === fragment()));
      const unit = await load(`generations/unit_${at}`);
      head(list, at, unit);
      place.replaceChildren(...sections(unit));
      soundglass.unit = unit;
    } catch (error) {
      fail(place, error);
    }
  }

  function head(list, at, unit) {
    document.title = `${unit.name} \u00b7 generated`;
    const where = unit.layer === "" ? "class" : `${unit.layer}, unit ${unit.unit}`;
    const title = document.getElementById("generation-title");
    title.replaceChildren(bdi(unit.name), " ", el("small", { class: "unit-place" }, bdi(where), ` \u00b7 ${AIMS[unit.aim] || unit.aim}`));
    const link = (to, word) => (to ? el("a", { href: `#${encodeURIComponent(to.key)}` }, word) : el("span", {}, word));
    document.getElementById("generation-links").replaceChildren(link(list.units[at - 1], "Previous"), link(list.units[at + 1], "Next"));
    document.getElementById("generation-facts").replaceChildren(...facts(unit));
  }

  const AMONG = { frechet: "Fr\u00e9chet distance", kernel: "kernel distance" };

  // Two sentences: how near it comes, and to what.
  function facts(unit) {
    const { value, low, high, floor, ceiling } = unit.distance;
    const real = floor.length ? `, real excerpts among themselves ${number(floor[1])}` : "";
    const who = unit.aim === "minimise" ? "leave it coldest" : "excite it";
    const said = [
      `Generated sounds are at a ${AMONG[unit.by]} of `,
      el("strong", {}, number(value)),
      ` (${number(low)} to ${number(high)}) from the ${unit.reference.n} real excerpts of ${unit.reference.recordings} recordings that ${who}${real}, `,
      `sounds that were not searched ${number(ceiling)}.`,
    ];
    const { recognised } = chosen(unit);
    if (known(recognised)) said.push(` The independent network hears it in ${percent(recognised)} of them.`);
    return said;
  }

  const known = (value) => value !== null && value !== undefined;
  const chosen = (unit) => unit.lanes[unit.chosen];

  function section(title, ...content) {
    return el("section", {}, el("h2", {}, title), ...content);
  }

  function sections(unit) {
    const parts = [];
    if (unit.examples.length) parts.push(section("What it asks for, and the nearest real excerpts", pairs(unit), scale(unit)));
    const film = unit.points.length > 1 ? [...soundglass.film(unit), legend()] : [];
    const content = [...film, ...leftOut(unit)];
    if (content.length) parts.push(section("How it formed in the training", ...content));
    parts.push(section("Settings tried", lanes(unit)));
    parts.push(details(unit));
    return parts;
  }

  function shown(label, title, part, unit) {
    const drawn = part.panel ? soundglass.panelWithAxes(label, title, part.panel, unit) : el("p", { class: "hint" }, title);
    const button = part.file ? soundglass.generatedButton(`Play ${label}`, part.file, unit.sample_rate) : null;
    return el("div", {}, drawn, el("div", { class: "under" }, button, el("small", {}, `activation ${number(part.activation)}`)));
  }

  function pairs(unit) {
    const items = unit.examples.map((example, i) => {
      const { nearest } = example;
      const real = () => el("span", {}, "nearest real: ", bdi(nearest.clip), `, ${number(nearest.start || 0, 1)} s`);
      return el(
        "li",
        {},
        shown(`generated sound ${i + 1}`, `generated ${i + 1}`, example, unit),
        nearest ? shown(`real excerpt ${i + 1}`, real(), nearest, unit) : null,
      );
    });
    return el("ul", { class: "pairs" }, ...items);
  }

  function scale(unit) {
    const [low, high, name] = unit.scale;
    const ramp = el("p", { class: "level-scale" }, low, el("span", { class: "ramp" }), `${high} ${name}`);
    return el("div", { class: "scale-line" }, el("p", { class: "hint" }, `Sound: ${unit.vocoding || "as it is"}.`), ramp);
  }

  // Points of another prior or length, which stand for nothing beside the others.
  function leftOut(unit) {
    const many = unit.left_out.length > 1 || unit.left_out.some((one) => one.split(":")[0].includes(","));
    const said = `Left out, as ${many ? "they have" : "it has"} another prior or length: `;
    return unit.left_out.length ? [el("p", { class: "hint" }, said, bdi(unit.left_out.join("; ")), ".")] : [];
  }

  function legend() {
    const key = (name) => el("span", { class: `key ${name}-key` });
    return el(
      "p",
      { class: "hint" },
      key("floor"),
      "real excerpts (90 %)",
      key("dot"),
      "generated, with its 90 % interval",
      key("ceiling"),
      "drawn from the prior, not searched. Features are those of the network at that point, so that distances of different points have each its own floor and ceiling.",
    );
  }

  const COLUMNS = [
    ["median activation", (l) => number(l.median)],
    ["kernel distance", (l) => [number(l.kernel), el("small", {}, `${number(l.kernel_low)} to ${number(l.kernel_high)}`)]],
    ["Fr\u00e9chet above floor", (l) => [number(l.excess), el("small", {}, !known(l.low) ? "" : `${number(l.low)} to ${number(l.high)}`)]],
    ["Fr\u00e9chet of the activation alone", (l) => number(l.scalar)],
    ["density", (l) => number(l.density)],
    ["coverage", (l) => number(l.coverage)],
    ["recognised elsewhere", (l) => (known(l.recognised) ? percent(l.recognised) : "\u2013")],
    ["steps used", (l) => number(l.steps, 0)],
  ];

  function lanes(unit) {
    const measured = ([name, cell]) => [...unit.lanes, unit.ceiling].some((lane) => [cell(lane)].flat()[0] !== "\u2013");
    const columns = COLUMNS.filter(measured);
    const row = (lane, kind, name) =>
      el(
        "tr",
        { class: kind },
        el("th", { scope: "row" }, name, lane.in_range || kind === "drawn" ? null : el("small", {}, "outside the range")),
        ...columns.map(([, cell]) => el("td", {}, ...[cell(lane)].flat())),
      );
    // The chosen one first, then by upper bound; of many, those that come last wait behind a button.
    const others = unit.lanes.filter((lane) => lane !== chosen(unit)).sort((a, b) => (a[better(unit)] ?? 1e9) - (b[better(unit)] ?? 1e9));
    const name = (lane) => `${lane.lane}, ${lane.step} steps`;
    const rest = others.slice(SHOWN).map((lane) => row(lane, "", name(lane)));
    const body = [row(chosen(unit), "taken", name(chosen(unit))), ...others.slice(0, SHOWN).map((lane) => row(lane, "", name(lane)))];
    const last = row(unit.ceiling, "drawn", "not searched");
    const more = el("button", { type: "button", class: "quiet", on: { click: () => (last.before(...rest), more.remove()) } }, `All ${unit.lanes.length} settings`);
    body.push(last);
    const table = el(
      "table",
      { class: "matrix lanes" },
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "setting"), ...columns.map(([name]) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, ...body),
    );
    const view = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Settings" }, table);
    return el("div", {}, view, el("p", { class: "hint" }, `The marked setting was chosen: ${unit.reason}. ${unit.ceiling.n} sounds of each.`), rest.length ? more : null);
  }

  const better = (unit) => (unit.by === "frechet" ? "high" : "kernel_high");

  function details(unit) {
    const { n, recordings, split, low, high } = unit.reference;
    const rows = [
      ["Prior", unit.prior.note || unit.prior.name],
      ["Independent network", unit.judge || unit.judge_note],
      ["Real excerpts", `${n} of ${recordings} recordings (${split || "held out"}), 90 % of them with an activation of ${number(low)} to ${number(high)}`],
      ["Length of an excerpt", `${Number(unit.seconds.toPrecision(3))} s`],
      ["Last search", unit.search === "refresh" ? "a few settings, started from the point before" : "all settings, from the beginning"],
      ["Work of it", unit.work ? `${unit.work} latent-steps` : ""],
    ];
    const body = rows.filter(([, value]) => value).map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, bdi(String(value)))));
    return el("details", { class: "unit-part" }, el("summary", {}, "Numbers"), el("table", { class: "plain" }, el("tbody", {}, ...body)));
  }

  window.addEventListener("hashchange", open);
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || /input|select|textarea/i.test(event.target.tagName)) return;
    const word = { ArrowLeft: "Previous", ArrowRight: "Next" }[event.key];
    const target = Array.from(document.querySelectorAll("#generation-links a")).find((link) => link.textContent === word);
    if (target) location.hash = target.hash;
  });
  await open();
  soundglass.ready = true;
})();

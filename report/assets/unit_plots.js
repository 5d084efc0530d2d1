// Pictures of one unit: bars of descriptors and of what silencing it does, curves of tuning and of its history.
"use strict";

(function () {
  const { el, bdi, signed } = soundglass;
  const [WIDTH, HEIGHT] = [320, 150];
  const BOX = { left: 58, right: 10, top: 10, bottom: 34 };
  const LARGE = 0.474; // Cliff's delta that counts as large

  function svg(tag, attributes = {}, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const plain = (name) => name.replaceAll("_", " ");
  const digits = (value) => {
    const size = Math.abs(value);
    if (size >= 1e4) return `${value / 1000}k`;
    return size > 0 && size < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
  };
  const short = (value) => digits(value).replaceAll("-", "\u2212");

  // A row with a bar from the middle; `chance` is a pair on the same scale that random units stay within.
  function bar(label, value, scale, text, { marks = [], chance = null, strong = false } = {}) {
    const at = (v) => 50 + 50 * Math.max(-1, Math.min(1, v / scale));
    const [left, right] = [Math.min(at(value), 50), Math.max(at(value), 50)];
    const fill = el("span", {
      class: value < 0 ? "fill against" : "fill",
      style: `left:${left}%;width:${right - left}%`,
    });
    const band = chance && el("span", { class: "chance", style: `left:${at(chance[0])}%;width:${at(chance[1]) - at(chance[0])}%` });
    return el(
      "li",
      { class: strong ? "strong" : "" },
      el("span", { class: "label" }, label),
      el(
        "span",
        { class: "track signed", "aria-hidden": "true" },
        band,
        fill,
        ...marks.map((mark) => el("span", { class: "limit", style: `left:${at(mark)}%` })),
      ),
      el("span", { class: "value" }, text),
    );
  }

  function folded(rows, shown, what) {
    const list = el("ol", { class: "bars thin unit-bars" }, ...rows.slice(0, shown));
    if (rows.length <= shown) return [list];
    const more = el("button", { type: "button", class: "quiet" }, `All ${rows.length} ${what}`);
    more.addEventListener("click", () => {
      list.append(...rows.slice(shown));
      more.remove();
    });
    return [list, more];
  }

  soundglass.descriptorBars = function (unit) {
    const words = new Map(unit.words.filter((word) => word.descriptor).map((word) => [word.descriptor, word]));
    const entries = Object.entries(unit.descriptors).filter(([, delta]) => delta !== null);
    const weight = ([name, delta]) => (words.has(name) ? 2 : 0) + Math.abs(delta);
    entries.sort((a, b) => weight(b) - weight(a));
    const rows = entries.map(([name, delta]) => {
      const word = words.get(name);
      const label = word ? el("span", {}, plain(name), el("small", {}, ` ${word.text}`)) : plain(name);
      return bar(label, delta, 1, signed(delta), { marks: [-LARGE, LARGE], strong: Boolean(word) });
    });
    return folded(rows, 8, "descriptors");
  };

  soundglass.ablationBars = function (ablation) {
    const entries = ablation.classes.map((name, c) => ({
      name,
      change: ablation.change[c],
      random: ablation.random[c],
      spread: ablation.random_std[c],
      z: ablation.z[c],
    }));
    const known = entries.filter((entry) => entry.change !== null);
    known.sort((a, b) => (b.z ?? -1e9) - (a.z ?? -1e9) || a.change - b.change);
    const far = known.flatMap((e) => [e.change, e.random === null ? 0 : e.random - 2 * e.spread]).map(Math.abs);
    const scale = Math.max(1e-6, ...far);
    const rows = known.map((e) => {
      const chance = e.random === null ? null : [e.random - 2 * e.spread, e.random + 2 * e.spread];
      const z = e.z === null ? "" : `, z ${e.z.toFixed(1).replace("-", "\u2212")}`;
      const text = `${e.change !== 0 && Math.abs(e.change) < 0.005 ? "< 0.01" : signed(e.change)}${z}`;
      return bar(bdi(e.name), e.change, scale, text, { chance, strong: e.z !== null && e.z >= 3 });
    });
    return folded(rows, 8, "classes");
  };

  // Curve of points (x, y) with round numbers on both axes; `low` and `high` fix the vertical one. Of a series with
  // `full` the points that are not are hollow.
  function curve(title, x, series, { unit, log = false, low = null, high = null, peak = null }) {
    const place = (value) => (log ? Math.log2(value) : value);
    const ys = series.flatMap((line) => line.y).filter((value) => value !== null);
    if (!ys.length) return null;
    const [x0, x1] = [place(Math.min(...x)), place(Math.max(...x))];
    let [y0, y1] = [low ?? Math.min(...ys), high ?? Math.max(...ys)];
    if (low === null && y0 > 0 && y0 < 0.5 * y1) y0 = 0;
    if (y1 - y0 < 1e-9) y1 = y0 + 1;
    const px = (value) => BOX.left + ((place(value) - x0) / (x1 - x0 || 1)) * (WIDTH - BOX.left - BOX.right);
    const py = (value) => HEIGHT - BOX.bottom - ((value - y0) / (y1 - y0)) * (HEIGHT - BOX.top - BOX.bottom);
    const parts = [];
    for (const value of [y0, (y0 + y1) / 2, y1]) {
      parts.push(svg("line", { class: "grid", x1: BOX.left, x2: WIDTH - BOX.right, y1: py(value), y2: py(value) }));
      parts.push(svg("text", { x: BOX.left - 6, y: py(value) + 4, "text-anchor": "end" }, short(value)));
    }
    const last = x.length - 1;
    const middle = Math.round(last / 2);
    const apart = Math.min(px(x[middle]) - px(x[0]), px(x[last]) - px(x[middle]));
    for (const i of new Set(apart > 50 ? [0, middle, last] : [0, last])) {
      const anchor = i === 0 && last > 0 ? "start" : i === last && last > 0 ? "end" : "middle";
      parts.push(svg("text", { x: px(x[i]), y: HEIGHT - BOX.bottom + 16, "text-anchor": anchor }, short(x[i])));
    }
    parts.push(svg("text", { x: (BOX.left + WIDTH - BOX.right) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, unit));
    series.forEach((line, i) => parts.push(...drawn(line, i, x, px, py)));
    const label = `${title} over ${unit}: ${series.map((line) => spoken(line, x)).join("; ")}`;
    const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label }, ...parts);
    const legend =
      series.length < 2
        ? null
        : el("ul", { class: "legend" }, ...series.map((line, i) => el("li", { class: `c${i}` }, line.name)));
    const note = peak === null ? null : el("small", {}, ` peak at ${short(peak)} ${unit}`);
    return el("figure", { class: "chart small-chart" }, el("figcaption", {}, title, note), picture, legend);
  }

  function drawn(line, i, x, px, py) {
    const points = line.y.map((value, j) => (value === null ? null : [px(x[j]), py(value)]));
    let pen = "M";
    const path = points
      .map((point) => {
        const part = point ? `${pen}${point[0].toFixed(1)} ${point[1].toFixed(1)}` : "";
        pen = point ? "L" : "M";
        return part;
      })
      .join("");
    const kind = (j) => (line.full && !line.full[j] ? `dot hollow c${i}` : `dot c${i}`);
    const r = line.full ? 4 : 2.5;
    const dots = points.map((point, j) => point && svg("circle", { class: kind(j), cx: point[0], cy: point[1], r }));
    return [svg("path", { class: `line c${i}`, d: path }), ...dots.filter(Boolean)];
  }

  function spoken(line, x) {
    const top = line.y.reduce((best, value, i) => (value !== null && (best < 0 || value > line.y[best]) ? i : best), -1);
    return top < 0 ? line.name : `${line.name} largest, ${short(line.y[top])}, at ${short(x[top])}`;
  }

  Object.assign(soundglass, { unitBar: bar, unitCurve: curve });

  soundglass.tuningCurves = function (tuning) {
    return Object.entries(tuning)
      .map(([name, { x, y, unit, peak, selective, silence }]) => {
        const series = [{ name: "response", y }];
        if (silence !== null && silence !== undefined) series.push({ name: "silence", y: x.map(() => silence) });
        const log = ["Hz", "clicks/s"].includes(unit) && Math.min(...x) > 0 && Math.max(...x) > 4 * Math.min(...x);
        return curve(plain(name), x, series, { unit, log, peak: selective ? peak : null });
      })
      .filter(Boolean);
  };

  soundglass.historyCurve = function (history) {
    const x = history.map((point) => point.epoch);
    const series = [{ name: "AUPRC of its name", y: history.map((point) => point.auprc) }];
    if (history.some((point) => point.overlap !== null))
      series.push({ name: "top clips shared with the point before", y: history.map((point) => point.overlap) });
    return curve("Through training", x, series, { unit: "epoch", low: 0, high: 1 });
  };

  // Names in a row, each with the epochs in which it held.
  soundglass.historyNames = function (history) {
    const spans = [];
    for (const point of history) {
      const name = point.dead ? "dead" : (point.label ?? "no label");
      const last = spans[spans.length - 1];
      if (last && last.name === name) last.end = point.epoch;
      else spans.push({ name, start: point.epoch, end: point.epoch, label: point.label });
    }
    const item = ({ name, start, end, label }) =>
      el(
        "li",
        { class: label === null ? "unnamed" : "" },
        bdi(name),
        el("small", {}, start === end ? ` epoch ${short(start)}` : ` epochs ${short(start)} to ${short(end)}`),
      );
    return el("ol", { class: "names-over-time" }, ...spans.map(item));
  };
})();

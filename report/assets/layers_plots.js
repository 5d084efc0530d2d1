// Small pictures of layers: lines with their intervals, ridgelines, and maps of layers against time.
"use strict";

(function () {
  const { el, bdi } = soundglass;
  const [WIDTH, HEIGHT] = [340, 190];
  const BOX = { left: 52, right: 12, top: 12, bottom: 44 };
  const minus = (text) => String(text).replaceAll("-", "\u2212");

  function svg(tag, attributes = {}, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function short(value) {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    if (size >= 1e4) return `${Number((value / 1000).toPrecision(3))}k`;
    return minus(size > 0 && size < 1e-3 ? value.toExponential(0) : String(Number(value.toPrecision(2))));
  }

  // Lines {name, x, mean, low, high}; `unit` of both axes, `log` for equal ratios along x.
  function bands(title, lines, { x: xUnit, y: yUnit, yShort = yUnit, log = false, note = "" }) {
    const at = (value) => (log ? Math.log2(value) : value);
    const xs = lines.flatMap((line) => line.x.map(at));
    const ys = lines.flatMap((line) => [line.mean, line.low, line.high].flat()).filter((v) => v !== null);
    const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
    let [y0, y1] = [Math.min(0, ...ys), Math.max(0, ...ys)];
    if (y0 === y1) y1 = y0 + 1;
    const x = (value) => BOX.left + ((at(value) - x0) / (x1 - x0 || 1)) * (WIDTH - BOX.left - BOX.right);
    const y = (value) => HEIGHT - BOX.bottom - ((value - y0) / (y1 - y0)) * (HEIGHT - BOX.top - BOX.bottom);
    const parts = [];
    for (const value of y0 < 0 && y1 > 0 ? [y0, 0, y1] : [y0, (y0 + y1) / 2, y1]) {
      parts.push(svg("line", { class: "grid", x1: BOX.left, x2: WIDTH - BOX.right, y1: y(value), y2: y(value) }));
      parts.push(svg("text", { x: BOX.left - 6, y: y(value) + 4, "text-anchor": "end" }, short(value)));
    }
    const line = lines[0].x;
    for (const [i, anchor] of [[0, "start"], [Math.floor((line.length - 1) / 2), "middle"], [line.length - 1, "end"]])
      parts.push(svg("text", { x: x(line[i]), y: HEIGHT - BOX.bottom + 16, "text-anchor": anchor }, short(line[i])));
    parts.push(svg("text", { x: WIDTH - BOX.right, y: HEIGHT - 6, "text-anchor": "end" }, xUnit));
    parts.push(svg("text", { x: 2, y: HEIGHT - 6 }, `\u2191 ${yShort}`));
    lines.forEach((one, i) => {
      const inside = one.x.map((value, j) => [value, one.low[j], one.high[j]]).filter(([, low, high]) => low !== null && high !== null);
      const there = inside.map(([value, , high]) => `${x(value).toFixed(1)} ${y(high).toFixed(1)}`);
      const back = inside.toReversed().map(([value, low]) => `${x(value).toFixed(1)} ${y(low).toFixed(1)}`);
      if (inside.length > 1) parts.push(svg("path", { class: `area c${i}`, d: `M${[...there, ...back].join("L")}Z` }));
      const known = one.x.map((value, j) => [value, one.mean[j]]).filter(([, value]) => value !== null);
      const d = `M${known.map(([value, mean]) => `${x(value).toFixed(1)} ${y(mean).toFixed(1)}`).join("L")}`;
      parts.push(svg("path", { class: `line c${i}`, d }));
    });
    const said = lines.map((one) => `${one.name} to ${short(one.mean[one.mean.length - 1])}`).join(", ");
    const box = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}, ${yUnit} over ${xUnit}: ${said}` };
    return el("figure", { class: "chart layer-chart" }, el("figcaption", {}, bdi(title), el("small", {}, ` ${note || yUnit}`)), svg("svg", box, ...parts));
  }

  const legend = (names) => el("ul", { class: "legend" }, ...names.map((name, i) => el("li", { class: `c${i}` }, name)));

  function ridges(title, one, layer, note) {
    const [TALL, STEP, LEFT] = [34, 18, 34];
    const all = layer.ridges.flat();
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const height = TALL + STEP * layer.ridges.length + 16;
    const last = Math.max(1, layer.ridges.length - 1);
    const lines = layer.ridges.map((line, s) => {
      const y = (value) => TALL + STEP * s - ((value - low) / (high - low || 1)) * TALL;
      const x = (i) => LEFT + (i / Math.max(1, line.length - 1)) * (WIDTH - LEFT - 4);
      const d = `M${line.map((value, i) => `${x(i).toFixed(1)} ${y(value).toFixed(1)}`).join("L")}`;
      return svg("path", { d, "stroke-opacity": 0.3 + (0.7 * s) / last });
    });
    const mark = (s) => svg("text", { x: 0, y: TALL + STEP * s }, short(one.values[s]));
    const end = layer.start + layer.step * layer.ridges[0].length;
    const time = svg("text", { x: WIDTH - 4, y: height - 2, "text-anchor": "end" }, `${Math.max(0, layer.start).toFixed(2)} to ${end.toFixed(2)} s`);
    const box = { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": `${title} while ${one.name} is moved` };
    return el("figure", {}, el("figcaption", {}, bdi(title), el("small", {}, ` ${note}`)), svg("svg", box, mark(0), mark(layer.ridges.length - 1), time, ...lines));
  }

  // Rows {layer, start, step, mean}; each has a scale of its own, blue-green up, red down.
  function timeMap(title, rows, seconds) {
    const [LEFT, TALL, GAP, RIGHT] = [92, 26, 4, 60];
    const height = rows.length * (TALL + GAP) + 22;
    const width = 720;
    const x = (time) => LEFT + (Math.max(0, Math.min(seconds, time)) / seconds) * (width - LEFT - RIGHT);
    const parts = rows.flatMap((row, number) => {
      const top = number * (TALL + GAP);
      const scale = Math.max(...row.mean.map(Math.abs)) || 1;
      const cells = row.mean.map((value, i) => {
        const from = x(row.start + (i - 0.5) * row.step);
        const to = x(row.start + (i + 0.5) * row.step);
        const sure = row.low[i] > 0 || row.high[i] < 0;
        const opacity = ((Math.abs(value) / scale) * (sure ? 1 : 0.35)).toFixed(2);
        return svg("rect", { class: value < 0 ? "less" : "more", x: from.toFixed(1), width: Math.max(0.5, to - from).toFixed(1), y: top, height: TALL, "fill-opacity": opacity });
      });
      const frame = svg("rect", { class: "frame", x: LEFT, y: top, width: width - LEFT - RIGHT, height: TALL });
      const name = svg("text", { x: LEFT - 8, y: top + TALL / 2 + 4, "text-anchor": "end" }, row.layer);
      return [...cells, frame, name, svg("text", { x: width - RIGHT + 6, y: top + TALL / 2 + 4 }, `${row.is_level ? "" : "±"}${short(scale)}`)];
    });
    for (const share of [0, 0.5, 1])
      parts.push(svg("text", { x: x(share * seconds), y: height - 4, "text-anchor": share === 0 ? "start" : share === 1 ? "end" : "middle" }, `${(share * seconds).toFixed(2)} s`));
    const box = { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title };
    return el("figure", { class: "time-map" }, svg("svg", box, ...parts));
  }

  soundglass.layerPlots = { bands, legend, ridges, timeMap, short };
})();

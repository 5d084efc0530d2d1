// Line charts of data/curves.js, or of what the place names: axes with units, a legend, and the numbers at the pointer.
"use strict";

(async function () {
  const { el, fail, load } = soundglass;
  const place = document.getElementById("charts");
  const [WIDTH, HEIGHT] = [520, 240];
  const BOX = { left: 56, right: 14, top: 12, bottom: 40 };

  function svg(tag, attributes = {}, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  // Round numbers from `low` to `high`, about `count` of them.
  function ticks(low, high, count) {
    const rough = (high - low) / count || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= rough);
    const values = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) values.push(i * step);
    return values;
  }

  const text = (value) => (Math.abs(value) >= 1e5 ? value.toExponential(1) : String(Number(value.toPrecision(4))));

  function scales(series) {
    const points = series.flatMap((line) => line.points).filter(([, y]) => y !== null);
    const [xs, ys] = [points.map((p) => p[0]), points.map((p) => p[1])];
    const range = (values) => values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
    const [x0, x1] = range(xs);
    let [y0, y1] = range(ys);
    if (y0 > 0 && y0 < 0.5 * y1) y0 = 0;
    if (y0 === y1) [y0, y1] = [y0 - 0.5, y1 + 0.5];
    let yTicks = ticks(y0, y1, 4);
    const step = yTicks.length > 1 ? yTicks[1] - yTicks[0] : y1 - y0;
    [y0, y1] = [Math.floor(y0 / step + 1e-9) * step, Math.ceil(y1 / step - 1e-9) * step];
    yTicks = Array.from({ length: Math.round((y1 - y0) / step) + 1 }, (_, i) => y0 + i * step);
    const x = (value) => BOX.left + ((value - x0) / (x1 - x0 || 1)) * (WIDTH - BOX.left - BOX.right);
    const y = (value) => HEIGHT - BOX.bottom - ((value - y0) / (y1 - y0)) * (HEIGHT - BOX.top - BOX.bottom);
    return { x, y, x0, x1, yTicks, xTicks: ticks(x0, x1, 6).filter((v) => Number.isInteger(v)) };
  }

  function axes({ x, y, x0, x1, xTicks, yTicks }, chart) {
    const parts = [];
    for (const value of yTicks) {
      parts.push(svg("line", { class: "grid", x1: x(x0), x2: x(x1), y1: y(value), y2: y(value) }));
      parts.push(svg("text", { x: BOX.left - 8, y: y(value) + 4, "text-anchor": "end" }, text(value)));
    }
    for (const value of xTicks)
      parts.push(svg("text", { x: x(value), y: HEIGHT - BOX.bottom + 18, "text-anchor": "middle" }, text(value)));
    parts.push(svg("text", { class: "unit", x: WIDTH - BOX.right, y: HEIGHT - 4, "text-anchor": "end" }, chart.x));
    return parts;
  }

  // Lines are broken where a value was not finite.
  function path(points, { x, y }) {
    let pen = "M";
    return points
      .map(([px, py]) => {
        if (py === null) pen = "M";
        const part = py === null ? "" : `${pen}${x(px).toFixed(1)} ${y(py).toFixed(1)}`;
        if (py !== null) pen = "L";
        return part;
      })
      .join("");
  }

  function draw(chart) {
    const scale = scales(chart.series);
    const picture = svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": describe(chart) },
      ...axes(scale, chart),
    );
    chart.series.forEach((line, i) =>
      picture.append(svg("path", { class: `line c${i % 6}`, d: path(line.points, scale) })),
    );
    const cursor = svg("line", { class: "cursor", y1: BOX.top, y2: HEIGHT - BOX.bottom, visibility: "hidden" });
    picture.append(cursor);
    const legend = el(
      "ul",
      { class: "legend" },
      ...chart.series.map((line, i) =>
        el("li", { class: `c${i % 6}` }, el("bdi", {}, line.name || chart.title), el("output")),
      ),
    );
    const title = el("figcaption", {}, chart.title, chart.unit ? el("small", {}, ` ${chart.unit}`) : null);
    const figure = el("figure", { class: "chart" }, title, picture, legend);
    read(figure, picture, cursor, chart, scale, legend);
    return figure;
  }

  // Shows the values nearest to the pointer; without one, the last of each line.
  function read(figure, picture, cursor, chart, scale, legend) {
    const outputs = legend.querySelectorAll("output");
    const show = (place) =>
      chart.series.forEach((line, i) => {
        const finite = line.points.filter(([, y]) => y !== null);
        const point =
          place === null
            ? finite[finite.length - 1]
            : finite.reduce((best, p) => (Math.abs(p[0] - place) < Math.abs(best[0] - place) ? p : best), finite[0]);
        outputs[i].textContent = point ? `${text(point[1])} at ${chart.x} ${point[0]}` : "no finite value";
      });
    picture.addEventListener("pointermove", (event) => {
      const bounds = picture.getBoundingClientRect();
      const inside = ((event.clientX - bounds.left) / bounds.width) * WIDTH;
      const share = Math.max(0, Math.min(1, (inside - BOX.left) / (WIDTH - BOX.left - BOX.right)));
      const step = chart.step || 1;
      const value = step * Math.round((scale.x0 + share * (scale.x1 - scale.x0)) / step);
      cursor.setAttribute("x1", scale.x(value));
      cursor.setAttribute("x2", scale.x(value));
      cursor.setAttribute("visibility", "visible");
      show(value);
    });
    picture.addEventListener("pointerleave", () => {
      cursor.setAttribute("visibility", "hidden");
      show(null);
    });
    show(null);
  }

  function describe(chart) {
    const ends = chart.series.map((line) => {
      const finite = line.points.filter(([, y]) => y !== null);
      return finite.length
        ? `${line.name || chart.title} from ${text(finite[0][1])} to ${text(finite[finite.length - 1][1])}`
        : line.name;
    });
    return `${chart.title} over ${chart.x}: ${ends.join("; ")}`;
  }

  try {
    place.replaceChildren(...(await load(place.dataset.of || "curves")).map(draw));
    soundglass.ready = true;
  } catch (error) {
    fail(place, error);
  }
})();

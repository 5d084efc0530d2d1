// The film of one unit: a frame for each point of the training, and curves whose places stand below the frames.
"use strict";

(function () {
  const { el, player } = soundglass;
  const LEFT = 56;
  const [TALL, BOX] = [130, { top: 8, bottom: 10 }];
  const known = (value) => value !== null && value !== undefined;

  function svg(tag, attributes = {}, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const text = (value) => String(Number(value.toPrecision(3))).replace("-", "\u2212");

  function ticks(low, high) {
    const rough = (high - low) / 3 || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= rough - 1e-12);
    const values = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) values.push(i * step);
    return values;
  }

  // `read` takes a point to {value, low, high, floor: [low, middle, high], ceiling}; what is null is left out.
  function chart(title, points, width, read, { least = null, most = null } = {}) {
    const rows = points.map((point) => read(point) || {});
    const all = rows.flatMap((row) => [row.value, row.low, row.high, row.ceiling, ...(row.floor || [])]).filter(known);
    if (!rows.some((row) => known(row.value))) return null;
    const [y0, y1] = [Math.min(...all, least ?? Infinity), Math.max(...all, most ?? -Infinity)];
    const y = (value) => TALL - BOX.bottom - ((value - y0) / (y1 - y0 || 1)) * (TALL - BOX.top - BOX.bottom);
    const x = (i) => LEFT + (i + 0.5) * width;
    const right = LEFT + points.length * width;
    const parts = [];
    for (const value of ticks(y0, y1)) {
      parts.push(svg("line", { class: "grid", x1: LEFT, x2: right, y1: y(value), y2: y(value) }));
      parts.push(svg("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, text(value)));
    }
    const line = (of) => {
      let pen = "M";
      return rows
        .map((row, i) => {
          const value = of(row);
          const part = known(value) ? `${pen}${x(i).toFixed(1)} ${y(value).toFixed(1)}` : "";
          pen = known(value) ? "L" : "M";
          return part;
        })
        .join("");
    };
    const half = 0.36 * width;
    rows.forEach((row, i) => {
      const [low, , high] = row.floor || [];
      if (known(low) && known(high))
        parts.push(svg("rect", { class: "floor", x: x(i) - half, width: 2 * half, y: y(high), height: Math.max(1.5, y(low) - y(high)) }));
      if (known(row.low) && known(row.high))
        parts.push(svg("line", { class: "whisker", x1: x(i), x2: x(i), y1: y(row.low), y2: y(row.high) }));
    });
    parts.push(svg("path", { class: "ceiling", d: line((row) => row.ceiling) }));
    rows.forEach((row, i) => {
      if (known(row.ceiling)) parts.push(svg("line", { class: "dropped", x1: x(i) - 6, x2: x(i) + 6, y1: y(row.ceiling), y2: y(row.ceiling) }));
    });
    parts.push(svg("path", { class: "line", d: line((row) => row.value) }));
    rows.forEach((row, i) => {
      if (known(row.value)) parts.push(svg("circle", { class: "dot", cx: x(i), cy: y(row.value), r: 3.5 }));
    });
    const spoken = points.map((point, i) => (known(rows[i].value) ? `${point.name}: ${text(rows[i].value)}` : `${point.name}: none`));
    const picture = svg(
      "svg",
      { viewBox: `0 0 ${right} ${TALL}`, width: right, height: TALL, role: "img", "aria-label": `${title} over epochs; ${spoken.join("; ")}` },
      ...parts,
    );
    return el("figure", { class: "film-chart" }, el("figcaption", {}, title), picture);
  }

  function frame(point, unit, place) {
    const label = point.name === "end" ? "end" : `epoch ${point.name}`;
    const picture = point.panel ? soundglass.panel(`${unit.name}, ${label}`, point.panel) : el("span", { class: "no-panel" }, "no picture");
    const show = (on) => () => item.classList.toggle("now", on);
    const play = point.file
      ? soundglass.generatedButton(`Play ${unit.name}, ${label}`, point.file, unit.sample_rate, { onplay: show(true), onstop: show(false) })
      : null;
    const item = el("li", {}, picture, el("small", {}, label), play);
    return item;
  }

  // Plays the frames one after the other, from the first to the last.
  function projector(items, points, unit) {
    const button = el("button", { type: "button", class: "play", "aria-pressed": "false" }, "Play the film");
    let at = -1;
    const off = () => {
      items.forEach((item) => item.classList.remove("now"));
      button.setAttribute("aria-pressed", "false");
      at = -1;
    };
    async function next() {
      const found = points.findIndex((point, i) => i > at && point.file);
      items.forEach((item) => item.classList.remove("now"));
      if (found < 0) return off();
      at = found;
      const { samples, rate } = await soundglass.generatedSound(points[at].file, unit.sample_rate);
      const mine = at;
      items[at].classList.add("now");
      items[at].scrollIntoView({ block: "nearest", inline: "nearest" });
      button.setAttribute("aria-pressed", "true");
      const seconds = samples.length / rate;
      const started = performance.now();
      player.start(button, samples, rate, {
        onend: () => {
          // One that was stopped by hand, or by another sound, ends the film.
          const over = performance.now() - started > 1000 * seconds - 150;
          if (mine === at) (over ? next : off)();
        },
      });
    }
    button.addEventListener("click", () => (player.owner() === button ? player.stop() : next()));
    return button;
  }

  soundglass.film = function (unit) {
    const { points } = unit;
    const items = points.map((point, i) => frame(point, unit, i));
    const inner = el("div", { class: "film-inner" }, el("ol", { class: "frames" }, ...items));
    const view = el("div", { class: "film", tabindex: 0, role: "region", "aria-label": "Points of the training" }, inner);
    const charts = el("div", {});
    inner.append(charts);
    const draw = () => {
      const width = items[0].getBoundingClientRect().width || 110;
      const found = [
        chart("Kernel distance to real excerpts", points, width, (p) => p.kernel, { least: 0 }),
        chart("Fréchet distance to real excerpts", points, width, (p) => p.frechet, { least: 0 }),
        chart("Activation of the unit", points, width, (p) => p.activation),
        chart("Recognised by the independent network (share)", points, width, (p) => p.recognised, { least: 0, most: 1 }),
      ];
      charts.replaceChildren(...found.filter(Boolean));
    };
    new ResizeObserver(draw).observe(items[0]);
    const parts = points.length > 1 ? [el("div", { class: "buttons" }, projector(items, points, unit))] : [];
    return [...parts, view];
  };
})();

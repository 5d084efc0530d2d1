// Spectrograms on one fixed scale, -80 to 0 dB re a full-scale sine, seconds against mel-spaced frequency.
"use strict";

(function () {
  const { el } = soundglass;
  const [ROWS, FLOOR] = [160, -80];
  const mel = (hz) => 2595 * Math.log10(1 + hz / 700);
  const hertz = (value) => 700 * (10 ** (value / 2595) - 1);

  // Figure with axes; `.draw(spectrum, mask)` paints |S| or |mask S|, `.mark(seconds)` moves the playhead (null hides it).
  soundglass.spectrogram = function (title, model, seconds) {
    const canvas = el("canvas", { role: "img", "aria-label": `Spectrogram: ${title}` });
    const head = el("div", { class: "playhead", hidden: true });
    const top = model.front_end.sample_rate / 2;
    const plot = el("div", { class: "plot" }, canvas, head);
    const figure = el(
      "figure",
      { class: "spectrogram" },
      el("figcaption", {}, title),
      el("div", { class: "axes" }, frequencyAxis(top), plot, timeAxis(seconds)),
    );
    return {
      figure,
      canvas,
      draw: (spectrum, mask) => paint(canvas, spectrum, mask, model.front_end),
      mark(place) {
        head.hidden = place === null;
        if (place !== null) head.style.left = `${(100 * place) / seconds}%`;
      },
    };
  };

  function frequencyAxis(top) {
    const ticks = [500, 1000, 2000, 4000, 8000, 16000].filter((hz) => hz <= 0.97 * top);
    const labels = [0, ...ticks].map((hz) =>
      el(
        "span",
        { style: `bottom:${(100 * mel(hz)) / mel(top)}%` },
        hz >= 1000 ? `${hz / 1000}k` : hz ? String(hz) : "0 Hz",
      ),
    );
    return el("div", { class: "axis frequency", "aria-hidden": "true" }, ...labels);
  }

  function timeAxis(seconds) {
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300].find((width) => seconds / width <= 6) || 600;
    const labels = [];
    for (let i = 0; i * step < 0.93 * seconds; i++) {
      labels.push(el("span", { style: `left:${(100 * i * step) / seconds}%` }, String(Number((i * step).toFixed(2)))));
    }
    return el("div", { class: "axis time", "aria-hidden": "true" }, ...labels, el("b", {}, "s"));
  }

  // For every row of the picture, top first: the range of bins [first, last] whose loudest one it shows.
  function binsOfRows(bins, rate) {
    const [top, width] = [rate / 2, rate / 2 / (bins - 1)];
    return Array.from({ length: ROWS }, (_, r) => {
      const [low, high] = [hertz((mel(top) * (ROWS - r - 1)) / ROWS), hertz((mel(top) * (ROWS - r)) / ROWS)];
      const first = Math.min(bins - 1, Math.round(low / width));
      return [first, Math.max(first, Math.min(bins - 1, Math.round(high / width) - 1))];
    });
  }

  function paint(canvas, { re, im, frames, bins }, mask, frontEnd) {
    const columns = Math.min(frames, 1200);
    [canvas.width, canvas.height] = [columns, ROWS];
    const image = new ImageData(columns, ROWS);
    const fullScale = (frontEnd.n_fft / 4) ** 2;
    const rows = binsOfRows(bins, frontEnd.sample_rate);
    for (let x = 0; x < columns; x++) {
      const base = Math.floor((x * frames) / columns) * bins;
      rows.forEach(([first, last], y) => {
        let power = 0;
        for (let at = base + first; at <= base + last; at++) {
          const gain = mask ? mask[at] : 1;
          power = Math.max(power, gain * gain * (re[at] * re[at] + im[at] * im[at]));
        }
        const level = (10 * Math.log10(power / fullScale + 1e-12) - FLOOR) / -FLOOR;
        const colour = soundglass.colours[Math.round(255 * Math.max(0, Math.min(1, level)))];
        image.data.set([...colour, 255], 4 * (y * columns + x));
      });
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  // The scale that all spectrograms share.
  soundglass.levelScale = function () {
    const colours = soundglass.colours.filter((_, i) => i % 32 === 0 || i === 255).map((rgb) => `rgb(${rgb.map(Math.round)})`);
    return el(
      "p",
      { class: "level-scale" },
      `${FLOOR} dB`.replace("-", "\u2212"),
      el("span", { style: `background:linear-gradient(90deg,${colours})` }),
      "0 dB re full scale",
    );
  };

  // A component's activation over time as a small filled curve.
  soundglass.sparkline = function (values) {
    const [columns, height] = [120, 24];
    const canvas = el("canvas", { class: "sparkline", width: columns, height, "aria-hidden": "true" });
    const peaks = Array.from({ length: columns }, (_, x) => {
      const first = Math.floor((x * values.length) / columns);
      const end = Math.max(first + 1, Math.floor(((x + 1) * values.length) / columns));
      return values.subarray(first, end).reduce((top, value) => Math.max(top, value), 0);
    });
    const top = Math.max(...peaks, 1e-12);
    const pen = canvas.getContext("2d");
    pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--curve");
    peaks.forEach((value, x) => pen.fillRect(x, height - (value / top) * height, 1, (value / top) * height));
    return canvas;
  };
})();

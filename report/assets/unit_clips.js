// The clips that drive a unit, and those that do not: a player, and a spectrogram on which the driving frame is marked.
"use strict";

(function () {
  const { el, bdi, player } = soundglass;
  const WIDTH = 0.03; // s, of the mark; the frame itself where that is longer

  // Figures of `excerpts`, the first `shown` of them open at once, the rest behind a button.
  soundglass.unitClips = function (list, excerpts, shown, marked = true) {
    const figures = excerpts.map((excerpt, rank) => figure(list, excerpt, rank, marked));
    const grid = el("ol", { class: "unit-clips" }, ...figures.slice(0, shown));
    const rest = figures.slice(shown);
    if (!rest.length) return [grid];
    const more = el("button", { type: "button", class: "quiet" }, `${rest.length} more clips`);
    more.addEventListener("click", () => {
      grid.append(...rest);
      more.remove();
      (rest[0].querySelector("button") || rest[0]).focus();
    });
    return [grid, more];
  };

  function figure(list, excerpt, rank, marked) {
    const clip = list.clips[excerpt.index];
    const at = excerpt.seconds === null || !marked ? "" : `at ${excerpt.seconds.toFixed(2)} s`;
    const facts = [clip.labels.join(", "), at, value(excerpt.value)].filter(Boolean).join(" \u00b7 ");
    const item = el("li", { "data-clip": excerpt.index });
    const text = el("div", { class: "what" }, bdi(clip.name), el("small", {}, bdi(facts)));
    if (!clip.heard) {
      item.append(el("span", {}), text);
      return item;
    }
    const picture = soundglass.spectrogram(`${clip.name}, rank ${rank + 1}`, list, clip.seconds);
    if (marked) mark(picture.figure.querySelector(".plot"), excerpt, clip.seconds);
    draw(list, excerpt.index, picture, item);
    item.append(play(list, excerpt, clip, picture), text, picture.figure);
    return item;
  }

  // Drawn when it comes into view: a unit has many clips.
  function draw(list, number, picture, item) {
    const watcher = new IntersectionObserver(async (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      const { samples } = await soundglass.loadProbe(list, number);
      const { n_fft, hop_length } = list.front_end;
      picture.draw(new soundglass.STFT(n_fft, hop_length).forward(samples), null);
      item.dataset.drawn = "";
    });
    watcher.observe(item);
  }

  function mark(plot, excerpt, seconds) {
    if (excerpt.seconds === null) return;
    const width = Math.max(WIDTH, excerpt.span || 0);
    const left = Math.max(0, Math.min(seconds - width, excerpt.seconds - width / 2));
    const place = `left:${((100 * left) / seconds).toFixed(2)}%;width:${((100 * width) / seconds).toFixed(2)}%`;
    plot.append(el("div", { class: "driving", style: place, title: `driven at ${excerpt.seconds.toFixed(2)} s` }));
  }

  function play(list, excerpt, clip, picture) {
    let frame = 0;
    const follow = () => {
      picture.mark(player.position());
      frame = requestAnimationFrame(follow);
    };
    return soundglass.playButton(`Play ${clip.name}`, () => soundglass.loadProbe(list, excerpt.index), {
      small: true,
      onplay: follow,
      onstop: () => {
        cancelAnimationFrame(frame);
        picture.mark(null);
      },
    });
  }

  const value = (read) => (read === null ? "" : `reads ${Number(read.toPrecision(3))}`);
})();

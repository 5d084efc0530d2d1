// A blind test: each participant has an order of trials and of sounds of their own, drawn from their name.
"use strict";

(function () {
  const { el } = soundglass;
  const COLUMNS = ["participant", "trial", "place", "stimulus", "rating", "plays", "seconds"];
  const audio = new Audio();
  let button = null; // whose sound is heard

  // Numbers in [0, 1) from a text: FNV-1a for the state, then mulberry32.
  function draws(text) {
    let state = 2166136261;
    for (const sign of text) state = Math.imul(state ^ sign.codePointAt(0), 16777619);
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  function shuffled(items, draw) {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = Math.floor(draw() * (i + 1));
      [result[i], result[j]] = [result[j], result[i]];
    }
    return result;
  }

  function stop() {
    audio.pause();
    if (button) button.classList.remove("playing");
    button = null;
  }

  function play(file, by, heard = () => {}) {
    const again = button === by;
    stop();
    if (again) return;
    audio.src = file;
    button = by;
    by.classList.add("playing");
    heard();
    audio.play().catch((error) => {
      if (error.name !== "AbortError") soundglass.fail(document.getElementById("main"), error);
    });
  }
  audio.addEventListener("ended", stop);

  function player(label, file, heard) {
    const made = el("button", { type: "button", class: "quiet", on: { click: () => play(file, made, heard) } }, label);
    return made;
  }

  // One row for each sound: it can be rated once it has been heard.
  function stimulus(token, place, changed) {
    const row = { token, plays: 0, rating: null };
    const name = `Sound ${String.fromCharCode(65 + place)}`;
    const shown = el("output", { for: `r${place}` }, "–");
    const slider = el("input", {
      type: "range", id: `r${place}`, min: 0, max: 100, step: 1, value: 50, disabled: true, "aria-label": `Rating of ${name}`,
    });
    slider.addEventListener("input", () => {
      row.rating = Number(slider.value);
      shown.textContent = slider.value;
      changed();
    });
    const heard = () => {
      row.plays += 1;
      slider.disabled = false;
    };
    row.element = el("div", { class: "stimulus" }, player(`▶ ${name}`, `sounds/${token}.wav`, heard), slider, shown);
    return row;
  }

  function show(test, participant, ratings, order, number) {
    stop();
    const trial = order[number];
    const started = Date.now();
    const rows = trial.stimuli.map((token, place) => stimulus(token, place, () => {
      next.disabled = rows.some((row) => row.rating === null);
    }));
    const next = el("button", { type: "button", disabled: true }, number + 1 < order.length ? "Next" : "Finish");
    next.addEventListener("click", () => {
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      rows.forEach((row, place) => {
        ratings.push([participant, trial.number, place + 1, row.token, row.rating, row.plays, seconds]);
      });
      keep(test, participant, ratings);
      if (number + 1 < order.length) show(test, participant, ratings, order, number + 1);
      else finish(participant, ratings);
    });
    const section = document.getElementById("trial");
    section.replaceChildren(
      el("p", { class: "progress" }, `Recording ${number + 1} of ${order.length}`),
      el("div", { class: "reference" }, player("▶ Recording", trial.reference), el("span", {}, "what the model was given")),
      el("h2", {}, trial.question),
      el("div", { class: "scale", "aria-hidden": "true" }, el("span", {}, "0 not at all"), el("span", {}, "100 completely")),
      ...rows.map((row) => row.element),
      el("p", {}, next),
    );
    section.hidden = false;
    document.getElementById("main").focus();
  }

  const csv = (ratings) =>
    [COLUMNS, ...ratings].map((row) => row.map((cell) => `"${String(cell).replace(/"/g, '""')}"`).join(",")).join("\n") + "\n";

  // A closed page goes on where it was left; browsers that keep nothing on file:// start again.
  const place = (test, participant) => `soundglass/${test.title}/${test.seed}/${test.trials.length}/${participant}`;
  function keep(test, participant, ratings) {
    try {
      localStorage.setItem(place(test, participant), JSON.stringify(ratings));
    } catch {
      return;
    }
  }
  function kept(test, participant) {
    try {
      return JSON.parse(localStorage.getItem(place(test, participant))) || [];
    } catch {
      return [];
    }
  }

  function finish(participant, ratings) {
    stop();
    document.getElementById("trial").hidden = true;
    document.getElementById("end").hidden = false;
    const text = csv(ratings);
    document.getElementById("ratings").textContent = text;
    const save = document.getElementById("save");
    save.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    save.download = `ratings_${participant.replace(/[^\p{L}\p{N}_-]+/gu, "_")}.csv`;
  }

  soundglass.load("trials").then((test) => {
    document.getElementById("start").addEventListener("submit", (event) => {
      event.preventDefault();
      const participant = document.getElementById("participant").value.trim();
      if (!participant) return;
      document.getElementById("start").hidden = true;
      const draw = draws(`${test.seed}/${participant}`);
      const order = shuffled(test.trials, draw).map((trial) => ({ ...trial, stimuli: shuffled(trial.stimuli, draw) }));
      const ratings = kept(test, participant);
      const done = new Set(ratings.map((row) => row[1])).size;
      if (done < order.length) show(test, participant, ratings, order, done);
      else finish(participant, ratings);
    });
    soundglass.ready = true;
  }).catch((error) => soundglass.fail(document.getElementById("main"), error));
})();

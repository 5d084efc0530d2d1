// The mixing desk of one clip: mute, solo and level of every component; the mix and the scores follow at once.
"use strict";

(function () {
  const { el, player, debounced } = soundglass;
  const SELECTED = 0.2; // relevance above which a component belongs to the interpretation of a class
  const LOWEST = -30; // dB

  // Puts a desk into `container`. `relevances[c]` is an array of K or null; `fixed` keeps class `chosen`.
  soundglass.openDesk = function (container, { model, clip, chosen, relevances, fixed = false }) {
    const desk = new Desk(model, clip, chosen, relevances);
    container.replaceChildren(...desk.build(fixed));
    soundglass.desk = desk;
    soundglass.renderMix = (gains) => desk.mix.render(gains);
    soundglass.scores = (gains) => desk.decision.scores(gains);
    desk.reset();
    return desk;
  };

  class Desk {
    constructor(model, clip, chosen, relevances) {
      Object.assign(this, { model, clip, chosen, relevances, first: chosen, preset: "everything" });
      this.mix = new soundglass.Mix(model, clip);
      this.decision = new soundglass.Decision(model, clip);
      this.level = new Float64Array(model.K); // dB
      this.mute = new Array(model.K).fill(false);
      this.solo = new Array(model.K).fill(false);
      this.sound = clip.waveform;
      this.renderSoon = debounced(() => this.render(), 60);
    }

    gains() {
      const anySolo = this.solo.some(Boolean);
      return Float64Array.from(this.level, (db, k) =>
        this.mute[k] || (anySolo && !this.solo[k]) || db <= LOWEST ? 0 : 10 ** (db / 20),
      );
    }

    selected() {
      const relevance = this.relevances[this.chosen];
      return Array.from({ length: this.model.K }, (_, k) => Boolean(relevance) && relevance[k] > SELECTED);
    }

    build(fixed) {
      const { model, clip } = this;
      const seconds = clip.waveform.length / model.front_end.sample_rate;
      this.input = soundglass.spectrogram("The clip", model, seconds);
      this.output = soundglass.spectrogram("What you hear", model, seconds);
      this.input.draw(this.mix.spectrum, null);
      this.scoreList = new soundglass.ScoreList(model, clip);
      this.rows = new soundglass.ComponentRows(this, LOWEST, SELECTED);
      return [
        el("div", { class: "pictures" }, this.input.figure, this.output.figure),
        soundglass.levelScale(),
        this.transport(),
        el(
          "div",
          { class: "desk" },
          el("section", { class: "scores", "aria-label": "Class scores of the mix" }, this.scoreList.element),
          el("section", { class: "components", "aria-label": "Components" }, this.rows.build(fixed)),
        ),
      ];
    }

    transport() {
      this.playButton = el("button", { type: "button", class: "play", "aria-pressed": "false" }, "Play");
      this.playButton.addEventListener("click", () => this.toggle());
      const repeat = el("input", { type: "checkbox", id: "repeat" });
      repeat.addEventListener("change", () => this.owns() && player.replace(this.sound, repeat.checked));
      this.repeat = repeat;
      const presets = [
        ["everything", "Everything"],
        ["class", "Class interpretation"],
        ["rest", "The rest"],
      ];
      this.presetButtons = presets.map(([name, label]) =>
        el("button", { type: "button", "data-preset": name, on: { click: () => this.apply(name) } }, label),
      );
      const reset = el("button", { type: "button", class: "quiet", on: { click: () => this.reset() } }, "Reset");
      return el(
        "div",
        { class: "transport", role: "group", "aria-label": "Playing" },
        this.playButton,
        el("label", { class: "repeat", for: "repeat" }, repeat, " Repeat"),
        el("div", { class: "segments", role: "group", "aria-label": "What is heard" }, ...this.presetButtons),
        reset,
      );
    }

    apply(preset) {
      const selected = this.selected();
      this.preset = preset;
      this.solo.fill(false);
      if (preset) this.mute = selected.map((inside) => (preset === "class" ? !inside : preset === "rest" && inside));
      this.update();
    }

    choose(c) {
      this.chosen = c;
      this.rows.sort();
      this.apply(this.preset === "own" ? "everything" : this.preset);
    }

    reset() {
      this.level.fill(0);
      this.chosen = this.first;
      this.rows.sort();
      this.apply("everything");
    }

    // A component was changed by hand.
    changed() {
      this.preset = "own";
      this.update();
    }

    update() {
      const gains = this.gains();
      this.rows.show(gains);
      for (const button of this.presetButtons) {
        button.setAttribute("aria-pressed", String(button.dataset.preset === this.preset));
      }
      const own = soundglass.probabilities(this.clip.logits, this.model.multi_label);
      this.scoreList.show(own, this.model.can_rescore ? this.decision.scores(gains) : null);
      this.renderSoon();
    }

    render() {
      const mask = this.mix.mask(this.gains());
      this.output.draw(this.mix.spectrum, mask);
      this.sound = this.mix.stft.inverse(this.mix.spectrum, mask, this.clip.waveform.length);
      if (this.owns()) player.replace(this.sound);
    }

    owns() {
      return player.owner() === this;
    }

    toggle() {
      if (this.owns()) return player.stop();
      const rate = this.model.front_end.sample_rate;
      player.start(this, this.sound, rate, { loop: this.repeat.checked, onend: () => this.ended() });
      this.playButton.setAttribute("aria-pressed", "true");
      this.playButton.textContent = "Stop";
      this.follow();
    }

    ended() {
      this.playButton.setAttribute("aria-pressed", "false");
      this.playButton.textContent = "Play";
      for (const picture of [this.input, this.output]) picture.mark(null);
    }

    follow() {
      if (!this.owns()) return;
      for (const picture of [this.input, this.output]) picture.mark(player.position());
      requestAnimationFrame(() => this.follow());
    }
  }

  // Space plays and stops, unless it means something to the element that has the focus.
  document.addEventListener("keydown", (event) => {
    if (event.code !== "Space" || event.ctrlKey || event.altKey || event.metaKey || !soundglass.desk) return;
    const { target } = event;
    if (target.closest("button, a, select, textarea, summary, [type=text], [type=search], [type=checkbox]")) return;
    event.preventDefault();
    soundglass.desk.toggle();
  });
})();

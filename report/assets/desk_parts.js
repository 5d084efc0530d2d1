// Two lists of the mixing desk: the scores of the classes, and the components with their controls.
"use strict";

(function () {
  const { el, bdi, names, percent, signed } = soundglass;
  const SHOWN = 12; // rows before the rest is asked for

  soundglass.ScoreList = class ScoreList {
    constructor(model, clip) {
      this.model = model;
      const order = Array.from(clip.logits.keys()).sort((a, b) => clip.logits[b] - clip.logits[a]);
      this.rows = order.map((c) => this.row(c, (clip.target || []).includes(c)));
      this.spoken = el("p", { class: "verdict", "aria-live": "polite" });
      const list = el("ol", { class: "score-list" }, ...this.rows.map((row) => row.element));
      this.element = el(
        "div",
        {},
        el("h2", {}, "Scores"),
        this.spoken,
        list,
        more(this.rows, "classes"),
        el("p", { class: "hint" }, "Bar: the mix you hear. Mark: the model on the whole clip."),
      );
    }

    row(c, isTrue) {
      const [bar, mark, value] = [
        el("span", { class: "fill" }),
        el("span", { class: "mark" }),
        el("span", { class: "value" }),
      ];
      const label = el(
        "span",
        { class: "label" },
        bdi(this.model.class_names[c]),
        isTrue ? el("small", {}, " true class") : null,
      );
      return {
        c,
        bar,
        mark,
        value,
        element: el("li", {}, label, el("span", { class: "track", "aria-hidden": "true" }, bar, mark), value),
      };
    }

    // `own` probabilities of the model, `mix` those of what is heard, or null where they cannot be known.
    show(own, mix) {
      for (const { c, bar, mark, value } of this.rows) {
        mark.style.left = percent(own[c]).replace(" ", "");
        bar.style.width = percent(mix ? mix[c] : own[c]).replace(" ", "");
        value.textContent = percent(mix ? mix[c] : own[c]);
      }
      const said = [el("strong", {}, ...this.verdict(mix || own)), el("br"), "whole clip: ", ...this.verdict(own)];
      if (!mix)
        said.push(el("br"), "Scores of a mix cannot be recomputed: this model's attention was computed from its maps.");
      this.spoken.replaceChildren(...said);
    }

    verdict(shares) {
      const order = Array.from(shares.keys()).sort((a, b) => shares[b] - shares[a]);
      const said = this.model.multi_label ? order.filter((c) => shares[c] > 0.5) : order.slice(0, 1);
      if (!said.length) return ["no class above 50 %"];
      return said.flatMap((c, i) => [i ? ", " : "", bdi(this.model.class_names[c]), ` ${percent(shares[c])}`]);
    }
  };

  soundglass.ComponentRows = class ComponentRows {
    constructor(desk, lowest, threshold) {
      Object.assign(this, { desk, lowest, threshold });
      this.rows = Array.from({ length: desk.model.K }, (_, k) => this.row(k));
      this.list = el("ol", { class: "component-list" });
      const columns = ["", "name", "activation", "relevance", "level"].map((word) => el("span", {}, word));
      this.columns = el("li", { class: "columns", "aria-hidden": "true" }, ...columns);
      this.columns.firstChild.style.width = "76px";
      this.all = false;
    }

    build(fixed) {
      const { desk } = this;
      const select = el(
        "select",
        { id: "for-class" },
        ...desk.model.class_names.map((name, c) => el("option", { value: c }, name)),
      );
      select.addEventListener("change", () => desk.choose(Number(select.value)));
      this.select = select;
      this.more = el("button", { type: "button", class: "quiet", on: { click: () => this.showAll() } });
      this.count = el("p", { class: "hint" });
      const title = fixed
        ? el("h2", {}, "What speaks for ", bdi(desk.model.class_names[desk.chosen]), " in general")
        : el("h2", {}, el("label", { for: "for-class" }, "What speaks for "), select);
      return el(
        "div",
        {},
        el("div", { class: "heading" }, title),
        this.count,
        this.list,
        el("div", { class: "list-end" }, this.more, names.saveButton()),
      );
    }

    showAll() {
      this.all = !this.all;
      this.sort();
    }

    sort() {
      const relevance = this.desk.relevances[this.desk.chosen];
      const order = this.rows.map((_, k) => k);
      if (relevance) order.sort((a, b) => Math.abs(relevance[b]) - Math.abs(relevance[a]));
      this.list.replaceChildren(this.columns, ...order.map((k) => this.rows[k].element));
      order.forEach((k, place) => {
        this.rows[k].element.hidden = !this.all && place >= SHOWN;
        this.rows[k].weigh(relevance ? relevance[k] : null);
      });
      this.select.value = String(this.desk.chosen);
      this.more.textContent = this.all ? "Fewer components" : `All ${order.length} components`;
      this.more.hidden = order.length <= SHOWN;
      const count = this.desk.selected().filter(Boolean).length;
      this.count.textContent = relevance
        ? `${count} of ${order.length} components have a relevance above ${this.threshold}; they make up the class interpretation.`
        : "No clip was predicted as this class, so its components have no relevance.";
    }

    show(gains) {
      this.rows.forEach((row, k) => row.show(gains[k]));
    }

    row(k) {
      const { desk } = this;
      const toggle = (word, letter, states) => {
        const button = el(
          "button",
          {
            type: "button",
            class: "toggle",
            "aria-pressed": "false",
            title: word,
            "aria-label": `${word} component ${k}`,
          },
          letter,
        );
        button.addEventListener("click", () => {
          states()[k] = !states()[k];
          desk.changed();
        });
        return button;
      };
      const mute = toggle("Mute", "M", () => desk.mute);
      const solo = toggle("Solo", "S", () => desk.solo);
      const slider = el("input", {
        type: "range",
        min: this.lowest,
        max: 6,
        step: 1,
        "aria-label": `Level of component ${k}`,
      });
      const level = el("output", { class: "level" });
      slider.addEventListener("input", () => {
        desk.level[k] = Number(slider.value);
        desk.changed();
      });
      const [bar, value] = [el("span", { class: "fill" }), el("span", { class: "value" })];
      const series = desk.clip.H.subarray(k * desk.clip.frames, (k + 1) * desk.clip.frames);
      const element = el(
        "li",
        {},
        el("span", { class: "toggles" }, mute, solo),
        names.field(k),
        soundglass.sparkline(series),
        el("span", { class: "relevance" }, el("span", { class: "track signed", "aria-hidden": "true" }, bar), value),
        el("span", { class: "fader" }, slider, level),
      );
      const decibels = (db) =>
        db <= this.lowest ? "off" : `${db > 0 ? "+" : db < 0 ? "\u2212" : ""}${Math.abs(db)} dB`;
      return {
        element,
        weigh(relevance) {
          const share = relevance === null ? 0 : Math.max(-1, Math.min(1, relevance));
          bar.className = share < 0 ? "fill against" : "fill";
          bar.style.left = `${50 + 50 * Math.min(0, share)}%`;
          bar.style.width = `${50 * Math.abs(share)}%`;
          const spoken = el("span", { class: "visually-hidden" }, "relevance ");
          value.replaceChildren(...(relevance === null ? [] : [spoken, signed(relevance)]));
        },
        show(gain) {
          slider.value = String(desk.level[k]);
          level.textContent = decibels(desk.level[k]);
          slider.setAttribute("aria-valuetext", level.textContent);
          mute.setAttribute("aria-pressed", String(desk.mute[k]));
          solo.setAttribute("aria-pressed", String(desk.solo[k]));
          element.classList.toggle("silent", gain === 0);
        },
      };
    }
  };

  // A button that shows the rows after the first SHOWN.
  function more(rows, what) {
    rows.slice(SHOWN).forEach((row) => (row.element.hidden = true));
    if (rows.length <= SHOWN) return null;
    const button = el("button", { type: "button", class: "quiet" }, `All ${rows.length} ${what}`);
    button.addEventListener("click", () => {
      rows.forEach((row) => (row.element.hidden = false));
      button.remove();
    });
    return button;
  }
})();

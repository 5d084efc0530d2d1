// The model's decision on activations H (component * frames + frame): pooling, contributions, scores.
// The formulas are those of models/temporal_pooling.py and models/nmf_bottleneck.py.
"use strict";

(function () {
  soundglass.Decision = class Decision {
    // `model` as in data/model.js with its arrays decoded; `clip` with H, frames and the windows it was decided in.
    constructor(model, clip) {
      this.model = model;
      this.parts = clip.windows.map(([first, end]) => this.scaled(clip, first, end));
      this.raw = model.pooling === "statistics" ? this.parts.map((part) => this.statistics(part)) : null;
    }

    // Activations of frames first..end-1 divided by each component's usual level.
    scaled(clip, first, end) {
      const count = end - first;
      const values = new Float64Array(this.model.K * count);
      for (let k = 0; k < this.model.K; k++) {
        for (let t = 0; t < count; t++) {
          values[k * count + t] = clip.H[k * clip.frames + first + t] / this.model.scale[k];
        }
      }
      return { values, count };
    }

    // Logits (C) with component k scaled by gains[k]; the mean over windows where a recording has several.
    logits(gains) {
      const result = new Float64Array(this.model.C);
      for (const terms of this.contributions(gains)) result.forEach((_, c) => (result[c] += this.sum(terms[c])));
      return result.map((value, c) => value / this.parts.length + (this.model.prior ? this.model.prior[c] : 0));
    }

    // Class probabilities: softmax, or a sigmoid each (multi-label).
    scores(gains) {
      return soundglass.probabilities(this.logits(gains), this.model.multi_label);
    }

    // Relevance r (C arrays of K) of the clip as it is: contributions over their largest absolute value in the class.
    relevance() {
      const { C, K } = this.model;
      const windows = this.contributions(new Float64Array(K).fill(1));
      return Array.from({ length: C }, (_, c) => {
        const total = new Float64Array(K).map((_, k) => windows.reduce((sum, terms) => sum + terms[c][k], 0));
        const largest = Math.max(...total.map(Math.abs), 1e-30);
        return total.map((value) => value / largest);
      });
    }

    // For each window, for each class, what each component adds to the logit.
    contributions(gains) {
      const { C, K, P, weight, pooling } = this.model;
      return this.parts.map((part, v) => {
        const pooled = this.pooled(part, this.raw && this.raw[v], gains);
        return Array.from({ length: C }, (_, c) => {
          const terms = new Float64Array(K);
          for (let p = 0; p < P; p++) {
            const z = pooling === "class_attention" ? pooled[c] : pooled[p];
            for (let k = 0; k < K; k++) terms[k] += weight[(c * P + p) * K + k] * z[k];
          }
          return terms;
        });
      });
    }

    // Pooled numbers z: one array of K for each statistic, or for each class (class_attention).
    pooled(part, raw, gains) {
      const { pooling } = this.model;
      if (pooling === "statistics") return this.gainedStatistics(raw, gains);
      if (pooling.includes("attention")) return this.attended(part, gains);
      return [
        new Float64Array(this.model.K).map((_, k) => {
          const series = part.values.subarray(k * part.count, (k + 1) * part.count);
          return gains[k] * (pooling === "max" ? Math.max(0, largest(series)) : this.sum(series) / part.count);
        }),
      ];
    }

    // Seven numbers per component, still without logarithm; spreads as variances, so that gains act on them exactly.
    statistics({ values, count }) {
      const { K, smoothing } = this.model;
      return Array.from({ length: K }, (_, k) => {
        const series = values.subarray(k * count, (k + 1) * count);
        const smooth = smoothed(series, smoothing);
        const changes = series.subarray(1).map((value, t) => Math.abs(value - series[t]));
        return {
          level: [largest(series), this.sum(series) / count, variance(series)],
          change: [this.sum(changes) / Math.max(1, count - 1), changes.length ? largest(changes) : 0],
          smooth: [largest(smooth), variance(smooth)],
        };
      });
    }

    // The order of StatisticsPooling.names.
    gainedStatistics(raw, gains) {
      const z = Array.from({ length: 7 }, () => new Float64Array(this.model.K));
      raw.forEach(({ level, change, smooth }, k) => {
        const g = gains[k];
        const row = [g * level[0], g * level[1], deviation(g * g * level[2]), g * change[0], g * change[1]];
        row.push(g * smooth[0], deviation(g * g * smooth[1]));
        row.forEach((value, p) => (z[p][k] = Math.log1p(value)));
      });
      return z;
    }

    // Means weighted by gated attention over frames, computed from the scaled activations themselves.
    attended({ values, count }, gains) {
      const { K } = this.model;
      const scores = this.attentionScores(values, count, gains);
      return scores.map((score) => {
        const weights = softmax(score);
        return new Float64Array(K).map((_, k) => {
          let sum = 0;
          for (let t = 0; t < count; t++) sum += weights[t] * values[k * count + t];
          return gains[k] * sum;
        });
      });
    }

    attentionScores(values, count, gains) {
      const { K, attention: a } = this.model;
      const width = a["value.bias"].length;
      const scores = Array.from(a["score.bias"], (bias) => new Float64Array(count).fill(bias));
      const [value, gate] = [new Float64Array(count), new Float64Array(count)];
      for (let u = 0; u < width; u++) {
        value.fill(a["value.bias"][u]);
        gate.fill(a["gate.bias"][u]);
        for (let k = 0; k < K; k++) {
          const [v, g] = [a["value.weight"][u * K + k] * gains[k], a["gate.weight"][u * K + k] * gains[k]];
          for (let t = 0, at = k * count; t < count; t++, at++) {
            value[t] += v * values[at];
            gate[t] += g * values[at];
          }
        }
        for (let t = 0; t < count; t++) value[t] = gate[t] > 0 ? Math.tanh(value[t]) * gate[t] : 0;
        scores.forEach((row, p) => {
          const weight = a["score.weight"][p * width + u];
          for (let t = 0; t < count; t++) row[t] += weight * value[t];
        });
      }
      return scores;
    }

    sum(values) {
      let total = 0;
      for (let i = 0; i < values.length; i++) total += values[i];
      return total;
    }
  };

  soundglass.probabilities = function (logits, multiLabel) {
    return multiLabel ? Array.from(logits, (value) => 1 / (1 + Math.exp(-value))) : Array.from(softmax(logits));
  };

  function softmax(values) {
    const top = largest(values);
    const powers = Float64Array.from(values, (value) => Math.exp(value - top));
    const total = powers.reduce((sum, value) => sum + value, 0);
    return powers.map((value) => value / total);
  }

  function largest(values) {
    let top = -Infinity;
    for (let i = 0; i < values.length; i++) if (values[i] > top) top = values[i];
    return top;
  }

  function variance(values) {
    let [sum, squares] = [0, 0];
    for (let i = 0; i < values.length; i++) {
      sum += values[i];
      squares += values[i] * values[i];
    }
    const mean = sum / values.length;
    return Math.max(0, squares / values.length - mean * mean);
  }

  // Standard deviation as models/temporal_pooling.spread writes it, exactly zero for silence.
  function deviation(squared) {
    const floor = 1e-4;
    return squared / (Math.sqrt(squared + floor * floor) + floor);
  }

  // Mean over `size` frames around each one, with silence beyond the clip.
  function smoothed(values, size) {
    const half = Math.floor(size / 2);
    return values.map((_, t) => {
      let sum = 0;
      for (let i = Math.max(0, t - half); i <= Math.min(values.length - 1, t + half); i++) sum += values[i];
      return sum / size;
    });
  }
})();

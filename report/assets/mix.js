// What one hears when components are scaled: masks w_k h_k / (W H) on the clip's STFT, and back to sound.
"use strict";

soundglass.Mix = class Mix {
  constructor(model, clip) {
    const { n_fft: nFft, hop_length: hop } = model.front_end;
    this.model = model;
    this.clip = clip;
    this.stft = new soundglass.STFT(nFft, hop);
    this.spectrum = this.stft.forward(clip.waveform);
    this.all = this.weighted(new Float64Array(model.K).fill(1));
  }

  // sum_k g_k w_k h_k for every bin, [frame * bins + bin].
  weighted(gains) {
    const { model, clip, stft } = this;
    const bins = stft.bins;
    const total = new Float32Array(this.spectrum.frames * bins);
    for (let t = 0; t < Math.min(this.spectrum.frames, clip.frames); t++) {
      const row = total.subarray(t * bins, (t + 1) * bins);
      for (let k = 0; k < model.K; k++) {
        const level = gains[k] * clip.H[k * clip.frames + t];
        if (level === 0) continue;
        const atom = model.atoms[k];
        for (let f = 0; f < bins; f++) row[f] += level * atom[f];
      }
    }
    return total;
  }

  // Factor of every bin; a bin that no component explains (W H = 0) is always heard.
  mask(gains) {
    const part = this.weighted(gains);
    const { all } = this;
    for (let i = 0; i < part.length; i++) part[i] = all[i] > this.model.tiny ? part[i] / all[i] : 1;
    return part;
  }

  render(gains) {
    return this.stft.inverse(this.spectrum, this.mask(gains), this.clip.waveform.length);
  }
};

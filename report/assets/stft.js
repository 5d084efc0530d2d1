// The model's short-time Fourier transform and its inverse: Hann window, centred, zero-padded, as torch.stft.
// Spectra are {re, im, frames, bins} with value [frame * bins + bin], unscaled.
"use strict";

soundglass.STFT = class STFT {
  constructor(nFft, hop) {
    this.nFft = nFft;
    this.hop = hop;
    this.bins = Math.floor(nFft / 2) + 1;
    this.fft = new soundglass.FFT(nFft);
    this.window = Float64Array.from({ length: nFft }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / nFft));
  }

  forward(waveform) {
    const { nFft, hop, bins, fft, window } = this;
    const frames = 1 + Math.floor(waveform.length / hop);
    const [re, im] = [new Float32Array(frames * bins), new Float32Array(frames * bins)];
    const [x, y] = [new Float64Array(nFft), new Float64Array(nFft)];
    for (let t = 0; t < frames; t++) {
      const start = t * hop - Math.floor(nFft / 2);
      for (let i = 0; i < nFft; i++) x[i] = (waveform[start + i] || 0) * window[i];
      y.fill(0);
      fft.forward(x, y);
      re.set(x.subarray(0, bins), t * bins);
      im.set(y.subarray(0, bins), t * bins);
    }
    return { re, im, frames, bins };
  }

  // Waveform of `length` samples; `mask` holds the factor of every bin.
  inverse(spectrum, mask, length) {
    const { nFft, hop, bins, fft, window } = this;
    const half = Math.floor(nFft / 2);
    const [sum, weight] = [new Float64Array(length), new Float64Array(length)];
    const [x, y] = [new Float64Array(nFft), new Float64Array(nFft)];
    for (let t = 0; t < spectrum.frames; t++) {
      for (let f = 0, at = t * bins; f < bins; f++, at++) {
        x[f] = spectrum.re[at] * mask[at];
        y[f] = spectrum.im[at] * mask[at];
      }
      for (let f = bins; f < nFft; f++) {
        x[f] = x[nFft - f];
        y[f] = -y[nFft - f];
      }
      y[0] = 0; // bins without a mirror image are real in the spectrum of a real frame
      if (nFft % 2 === 0) y[half] = 0;
      fft.inverse(x, y);
      const start = t * hop - half;
      for (let i = Math.max(0, -start); i < Math.min(nFft, length - start); i++) {
        sum[start + i] += x[i] * window[i];
        weight[start + i] += window[i] * window[i];
      }
    }
    return Float32Array.from(sum, (value, i) => (weight[i] > 1e-11 ? value / weight[i] : 0));
  }
};

// Discrete Fourier transform of any length: radix 2, and Bluestein's chirp transform where n is no power of two.
"use strict";

soundglass.FFT = class FFT {
  constructor(n) {
    this.n = n;
    this.radix2 = n > 0 && (n & (n - 1)) === 0;
    if (this.radix2) this.prepareRadix2();
    else this.prepareBluestein();
  }

  prepareRadix2() {
    const n = this.n;
    this.cos = new Float64Array(n / 2);
    this.sin = new Float64Array(n / 2);
    for (let i = 0; i < n / 2; i++) {
      this.cos[i] = Math.cos((2 * Math.PI * i) / n);
      this.sin[i] = -Math.sin((2 * Math.PI * i) / n);
    }
    this.reversed = new Uint32Array(n);
    const bits = Math.round(Math.log2(n));
    for (let i = 0; i < n; i++) {
      for (let b = 0; b < bits; b++) if (i & (1 << b)) this.reversed[i] |= 1 << (bits - 1 - b);
    }
  }

  prepareBluestein() {
    const n = this.n;
    let m = 1;
    while (m < 2 * n - 1) m *= 2;
    this.inner = new soundglass.FFT(m);
    this.chirpRe = new Float64Array(n);
    this.chirpIm = new Float64Array(n);
    this.filterRe = new Float64Array(m);
    this.filterIm = new Float64Array(m);
    for (let i = 0; i < n; i++) {
      const angle = (Math.PI * ((i * i) % (2 * n))) / n;
      this.chirpRe[i] = Math.cos(angle);
      this.chirpIm[i] = -Math.sin(angle);
      for (const place of i ? [i, m - i] : [0]) {
        this.filterRe[place] = Math.cos(angle);
        this.filterIm[place] = Math.sin(angle);
      }
    }
    this.inner.forward(this.filterRe, this.filterIm);
  }

  // In place: X[k] = sum_t x[t] exp(-2 pi i k t / n).
  forward(re, im) {
    if (this.radix2) this.forwardRadix2(re, im);
    else this.forwardBluestein(re, im);
  }

  // In place and divided by n: undoes `forward`.
  inverse(re, im) {
    this.forward(im, re);
    for (let i = 0; i < this.n; i++) {
      re[i] /= this.n;
      im[i] /= this.n;
    }
  }

  forwardRadix2(re, im) {
    const { n, cos, sin, reversed } = this;
    for (let i = 0; i < n; i++) {
      const j = reversed[i];
      if (j > i) {
        [re[i], re[j]] = [re[j], re[i]];
        [im[i], im[j]] = [im[j], im[i]];
      }
    }
    for (let half = 1; half < n; half *= 2) {
      const stride = n / (2 * half);
      for (let start = 0; start < n; start += 2 * half) {
        for (let i = start, turn = 0; i < start + half; i++, turn += stride) {
          const j = i + half;
          const x = re[j] * cos[turn] - im[j] * sin[turn];
          const y = re[j] * sin[turn] + im[j] * cos[turn];
          re[j] = re[i] - x;
          im[j] = im[i] - y;
          re[i] += x;
          im[i] += y;
        }
      }
    }
  }

  forwardBluestein(re, im) {
    const { n, inner, chirpRe, chirpIm, filterRe, filterIm } = this;
    const a = new Float64Array(inner.n);
    const b = new Float64Array(inner.n);
    for (let i = 0; i < n; i++) {
      a[i] = re[i] * chirpRe[i] - im[i] * chirpIm[i];
      b[i] = re[i] * chirpIm[i] + im[i] * chirpRe[i];
    }
    inner.forward(a, b);
    for (let i = 0; i < inner.n; i++) {
      [a[i], b[i]] = [a[i] * filterRe[i] - b[i] * filterIm[i], a[i] * filterIm[i] + b[i] * filterRe[i]];
    }
    inner.inverse(a, b);
    for (let i = 0; i < n; i++) {
      re[i] = a[i] * chirpRe[i] - b[i] * chirpIm[i];
      im[i] = a[i] * chirpIm[i] + b[i] * chirpRe[i];
    }
  }
};

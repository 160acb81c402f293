/**
 * Zipf distribution over 1..n by rejection-inversion (W. Hörmann, G. Derflinger: Rejection-inversion to generate
 * variates from monotone discrete distributions, 1996): constant set-up and time for any n and any exponent.
 */
export class ZipfSampler {
  readonly #n: number;
  readonly #theta: number;
  readonly #first: number;
  readonly #last: number;
  readonly #accept: number;

  constructor(n: number, theta: number) {
    this.#n = n;
    this.#theta = theta;
    this.#first = this.#integral(1.5) - 1;
    this.#last = this.#integral(n + 0.5);
    this.#accept = 2 - this.#inverse(this.#integral(2.5) - this.#weight(2));
  }

  next(source: { uniform(): number }): number {
    for (;;) {
      const u = this.#last + source.uniform() * (this.#first - this.#last);
      const x = this.#inverse(u);
      const k = Math.min(this.#n, Math.max(1, Math.round(x)));
      if (k - x <= this.#accept || u >= this.#integral(k + 0.5) - this.#weight(k)) return k;
    }
  }

  #weight(x: number): number {
    return Math.exp(-this.#theta * Math.log(x));
  }

  /** Integral of the weight; the limit for theta = 1 is log x. */
  #integral(x: number): number {
    const logX = Math.log(x);
    return expm1Ratio((1 - this.#theta) * logX) * logX;
  }

  #inverse(x: number): number {
    const t = Math.max(-1, x * (1 - this.#theta));
    return Math.exp(log1pRatio(t) * x);
  }
}

/** (e^x - 1) / x, also near 0. */
function expm1Ratio(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.expm1(x) / x : 1 + x / 2;
}

/** log(1 + x) / x, also near 0. */
function log1pRatio(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.log1p(x) / x : 1 - x / 2;
}

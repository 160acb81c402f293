/**
 * What a search knows about the knee: a probability for each place on a logarithmic scale of rates, and for each of a
 * few sizes of noise. A trial that fails makes higher places less likely, a trial that holds lower ones; how much
 * depends on its distance and on the noise, which is learnt beside the place.
 */
export class KneePosterior {
  readonly #rates: Float64Array;
  /** One row of probabilities per size of noise. */
  readonly #weights: readonly Float64Array[];

  constructor(low: number, high: number) {
    const count = Math.max(2, Math.ceil(Math.log(high / low) / Math.log(gridStep)) + 1);
    this.#rates = Float64Array.from({ length: count }, (_, index) => low * (high / low) ** (index / (count - 1)));
    this.#weights = noises.map(() => new Float64Array(count).fill(1 / (count * noises.length)));
  }

  update(rate: number, passed: boolean): void {
    let sum = 0;
    for (const [row, weights] of this.#weights.entries()) {
      const noise = noises[row] ?? 1;
      for (let index = 0; index < weights.length; index++) {
        const distance = Math.log((this.#rates[index] ?? rate) / rate) / noise;
        // However far the knee is, a trial can be spoilt by something else.
        const passes = lapse + (1 - 2 * lapse) / (1 + Math.exp(-1.7 * distance));
        const weight = (weights[index] ?? 0) * (passed ? passes : 1 - passes);
        weights[index] = weight;
        sum += weight;
      }
    }
    for (const weights of this.#weights) for (let index = 0; index < weights.length; index++) weights[index]! /= sum;
  }

  /** The rate below which the knee lies with this probability. */
  quantile(share: number): number {
    let seen = 0;
    for (let index = 0; index < this.#rates.length; index++) {
      for (const weights of this.#weights) seen += weights[index] ?? 0;
      if (seen >= share) return this.#rates[index] ?? 0;
    }
    return this.#rates.at(-1) ?? 0;
  }
}

const gridStep = 1.002;
/** Standard deviations of the logarithm of the rate at which a trial begins to fail. */
const noises = [0.005, 0.015, 0.04, 0.08, 0.15];
const lapse = 0.01;

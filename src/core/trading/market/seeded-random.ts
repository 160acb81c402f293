/** A seeded source of chance (sfc32): the same seed gives the same sequence on every machine. */
export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = 0x9e3779b9 | 0;
    for (let round = 0; round < 16; round++) this.#word();
  }

  #word(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return t >>> 0;
  }

  /** Uniform in [0, 1), in steps of 2^-32. */
  uniform(): number {
    return this.#word() / 4_294_967_296;
  }

  /** Uniform whole number from 0 to `n` - 1. */
  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Mean 1. */
  exponential(): number {
    return -Math.log(1 - this.uniform());
  }

  /** Mean 0, deviation 1: the sum of twelve uniforms, which needs no trigonometry and has no far tails. */
  normal(): number {
    let sum = -6;
    for (let part = 0; part < 12; part++) sum += this.uniform();
    return sum;
  }
}

/** Draws ranks 0 to n-1 with weights 1 / (rank + 1)^theta. */
export class ZipfRanks {
  readonly #cumulative: Float64Array;

  constructor(n: number, theta: number) {
    this.#cumulative = new Float64Array(n);
    let sum = 0;
    for (let rank = 0; rank < n; rank++) {
      sum += (rank + 1) ** -theta;
      this.#cumulative[rank] = sum;
    }
  }

  next(random: SeededRandom): number {
    const cumulative = this.#cumulative;
    const wanted = random.uniform() * (cumulative.at(-1) ?? 0);
    let [low, high] = [0, cumulative.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] ?? 0) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** A fifth of the accounts does four fifths of the work. */
export function skewedIndex(random: SeededRandom, n: number): number {
  const hot = Math.max(1, Math.floor(n / 5));
  return n === hot || random.uniform() < 0.8 ? random.integer(hot) : hot + random.integer(n - hot);
}

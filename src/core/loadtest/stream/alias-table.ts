/** Weighted choice in constant time (Walker's alias method, in M. Vose's numerically stable form). */
export class AliasTable {
  readonly #share: Float64Array;
  readonly #alias: Uint32Array;

  /** `weights` are not negative and not all zero. */
  constructor(weights: readonly number[]) {
    const n = weights.length;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const scaled = weights.map((weight) => (weight / total) * n);
    this.#share = new Float64Array(n).fill(1);
    this.#alias = new Uint32Array(n);
    const small: number[] = [];
    const large: number[] = [];
    for (const [index, share] of scaled.entries()) (share < 1 ? small : large).push(index);
    while (small.length > 0 && large.length > 0) {
      const under = small.pop() as number;
      const over = large.pop() as number;
      this.#share[under] = scaled[under] as number;
      this.#alias[under] = over;
      scaled[over] = (scaled[over] as number) + (scaled[under] as number) - 1;
      ((scaled[over] as number) < 1 ? small : large).push(over);
    }
    // What is left over is 1 but for rounding; an entry of weight 0 must never be chosen all the same.
    for (const index of [...small, ...large]) this.#share[index] = weights[index] === 0 ? 0 : 1;
  }

  /** The entry for a uniform number in [0, 1). */
  pick(uniform: number): number {
    const scaled = uniform * this.#share.length;
    const column = Math.floor(scaled);
    return scaled - column < (this.#share[column] as number) ? column : (this.#alias[column] as number);
  }
}

/** More decimals than an instrument can have are counted as one more. */
const mostDecimals = 12;
/** Larger than 10^18 counts as that. */
const mostDigits = 18;

/** How many values need how many decimals, and how many have how many digits before the point. */
export class SizeCounts {
  values = 0;
  largest = 0;
  readonly #decimals = new Uint32Array(mostDecimals + 2);
  readonly #digits = new Uint32Array(mostDigits + 1);

  add(size: number, decimals: number): void {
    this.values += 1;
    if (size > this.largest) this.largest = size;
    const needed = Math.min(decimals, mostDecimals + 1);
    this.#decimals[needed] = (this.#decimals[needed] ?? 0) + 1;
    const digits = digitsOf(size);
    this.#digits[digits] = (this.#digits[digits] ?? 0) + 1;
  }

  /** Values that need more decimals than `scale`. */
  finerThan(scale: number): number {
    return sum(this.#decimals, scale + 1);
  }

  /** Values with more digits before the point than `digits`. */
  longerThan(digits: number): number {
    return sum(this.#digits, Math.max(0, digits + 1));
  }

  /** Digits before the point of the usual value. */
  get usualDigits(): number {
    let seen = 0;
    for (const [digits, count] of this.#digits.entries()) {
      seen += count;
      if (seen * 2 >= this.values) return digits;
    }
    return 0;
  }
}

function sum(counts: Uint32Array, from: number): number {
  let total = 0;
  for (let at = from; at < counts.length; at += 1) total += counts[at] ?? 0;
  return total;
}

function digitsOf(size: number): number {
  return size < 1 ? 0 : Math.min(mostDigits, Math.floor(Math.log10(size)) + 1);
}

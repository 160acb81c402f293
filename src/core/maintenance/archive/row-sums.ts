import type { ExactRow } from '../retention/row.ts';
import { RowEncoder } from './row-hash.ts';

/** What the rows of a table add up to, in whatever order they come. */
export interface TableSums {
  readonly rows: number;
  /** Sum of the 64-bit hashes of the rows, modulo 2^64, hexadecimal. Added, not xored: equal rows count. */
  readonly hash: string;
  /** Sum of the INTEGER values of each column, decimal. */
  readonly integers: readonly string[];
}

/** Sums of 32-bit halves as doubles stay exact for 2^21 rows; well before that they are carried over. */
const carryRows = 2 ** 18;

export class RowSums {
  readonly #encoder = new RowEncoder();
  readonly #hash = { high: 0, low: 0 };
  #rows = 0;
  #total = 0n;
  #high = 0;
  #low = 0;
  readonly #integers: bigint[];
  /** Halves of the integers of each column since the last carry: adding BigInts would make one for each value. */
  readonly #lows: Float64Array;
  readonly #highs: Float64Array;

  constructor(columns: number) {
    this.#integers = new Array<bigint>(columns).fill(0n);
    this.#lows = new Float64Array(columns);
    this.#highs = new Float64Array(columns);
  }

  add(row: ExactRow): void {
    const encoder = this.#encoder;
    encoder.encode(row);
    encoder.hash(this.#hash);
    this.#rows += 1;
    this.#high += this.#hash.high;
    this.#low += this.#hash.low;
    for (let index = 0; index < row.length; index += 1) {
      const place = encoder.integers[index] as number;
      if (place === -1) continue;
      this.#lows[index] = (this.#lows[index] as number) + encoder.lowAt(place);
      this.#highs[index] = (this.#highs[index] as number) + encoder.highAt(place);
    }
    if (this.#rows % carryRows === 0) this.#carry();
  }

  get sums(): TableSums {
    this.#carry();
    const hash = this.#total.toString(16).padStart(16, '0');
    return { rows: this.#rows, hash, integers: this.#integers.map(String) };
  }

  #carry(): void {
    this.#total = BigInt.asUintN(64, this.#total + (BigInt(this.#high) << 32n) + BigInt(this.#low));
    this.#high = 0;
    this.#low = 0;
    for (let index = 0; index < this.#integers.length; index += 1) {
      const part = (BigInt(this.#highs[index] as number) << 32n) + BigInt(this.#lows[index] as number);
      this.#integers[index] = (this.#integers[index] as bigint) + part;
    }
    this.#lows.fill(0);
    this.#highs.fill(0);
  }
}

export function equalSums(a: TableSums, b: TableSums): boolean {
  return a.rows === b.rows && a.hash === b.hash && a.integers.join() === b.integers.join();
}

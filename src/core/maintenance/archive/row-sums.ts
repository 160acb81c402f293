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

/** Sums of doubles stay exact below 2^53; well before that the parts are carried over. */
const carryAt = 2 ** 51;

export class RowSums {
  readonly #encoder = new RowEncoder();
  readonly #hash = { high: 0, low: 0 };
  #rows = 0;
  #total = 0n;
  #high = 0;
  #low = 0;
  readonly #integers: bigint[];

  constructor(columns: number) {
    this.#integers = new Array<bigint>(columns).fill(0n);
  }

  add(row: ExactRow): void {
    this.#encoder.encode(row);
    this.#encoder.hash(this.#hash);
    this.#rows += 1;
    this.#high += this.#hash.high;
    this.#low += this.#hash.low;
    if (this.#high > carryAt || this.#low > carryAt) this.#carry();
    for (let index = 0; index < row.length; index += 1) {
      const value = row[index];
      if (typeof value === 'bigint') this.#integers[index] = (this.#integers[index] as bigint) + value;
    }
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
  }
}

export function equalSums(a: TableSums, b: TableSums): boolean {
  return a.rows === b.rows && a.hash === b.hash && a.integers.join() === b.integers.join();
}

import type { KeyRange } from './leaf-order.ts';

export interface OwnedRange extends KeyRange {
  readonly page: number;
}

/** Which leaf of a table owns a rowid, by the keys on the interior pages above the leaves. */
export class KeyOwners {
  readonly #ranges: readonly OwnedRange[];

  constructor(ranges: readonly OwnedRange[]) {
    this.#ranges = [...ranges].sort((a, b) => compare(a.above, b.above));
  }

  /** The page whose range holds the key; undefined when no known leaf does. */
  ownerOf(key: bigint): number | undefined {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const above = this.#ranges[middle]?.above;
      if (above === undefined || above < key) low = middle + 1;
      else high = middle;
    }
    const range = this.#ranges[low - 1];
    return range !== undefined && (range.upTo === undefined || key <= range.upTo) ? range.page : undefined;
  }
}

function compare(a: bigint | undefined, b: bigint | undefined): number {
  if (a === b) return 0;
  if (a === undefined) return -1;
  return b === undefined || a > b ? 1 : -1;
}

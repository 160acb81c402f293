import type { RecordValue } from '../../file-format/record.ts';
import type { SalvagedRow } from './page-rows.ts';
import { sameValues } from './same-values.ts';

export interface LeafKeys {
  readonly page: number;
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * Leaves of one table that nothing points at and whose keys overlap: one of them is an older use of its page, and nobody
 * can tell which. A row that both have alike is right either way; one that only one of them has may be a deleted one.
 */
export class RivalLeaves {
  readonly #rivals = new Map<number, number[]>();
  readonly #rowsOf: (page: number) => readonly SalvagedRow[];
  readonly #read = new Map<number, ReadonlyMap<bigint, readonly RecordValue[]>>();
  readonly #keys = new Map<number, LeafKeys>();

  constructor(leaves: readonly LeafKeys[], rowsOf: (page: number) => readonly SalvagedRow[]) {
    this.#rowsOf = rowsOf;
    let open: LeafKeys[] = [];
    for (const leaf of [...leaves].sort((a, b) => (a.first < b.first ? -1 : 1))) {
      open = open.filter(({ last }) => last >= leaf.first);
      for (const other of open) {
        this.#note(leaf, other);
        this.#note(other, leaf);
      }
      open.push(leaf);
    }
  }

  /** Another leaf claims the keys around this row and does not have it, or has another version of it. */
  contest(row: SalvagedRow): boolean {
    const { rowid } = row;
    if (rowid === undefined) return false;
    return (this.#rivals.get(row.page) ?? []).some((rival) => {
      const keys = this.#keys.get(rival);
      if (keys === undefined || rowid < keys.first || rowid > keys.last) return false;
      const values = this.#rows(rival).get(rowid);
      return values === undefined || !sameValues(values, row.values);
    });
  }

  #note(leaf: LeafKeys, rival: LeafKeys): void {
    this.#keys.set(rival.page, rival);
    const known = this.#rivals.get(leaf.page) ?? [];
    known.push(rival.page);
    this.#rivals.set(leaf.page, known);
  }

  #rows(page: number): ReadonlyMap<bigint, readonly RecordValue[]> {
    const known = this.#read.get(page);
    if (known !== undefined) return known;
    const rows = new Map(this.#rowsOf(page).map(({ rowid, values }) => [rowid ?? 0n, values]));
    this.#read.set(page, rows);
    return rows;
  }
}

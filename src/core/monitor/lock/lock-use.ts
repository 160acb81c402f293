import type { Holder } from '../../file-access/lock-table.ts';

const window = 50;
const writeBytes = ['WRITE', 'RESERVED', 'PENDING'];

/** How much of the time the write lock is held, from looks at the lock table: nothing is locked to find it out. */
export class WriteLockUse {
  readonly #looks: boolean[] = [];

  /** Share of the last looks, this one included. */
  update(holders: readonly Holder[]): number {
    const busy = holders.some((holder) =>
      holder.locks.some(
        ({ bytes, exclusive, file }) =>
          exclusive && bytes.some((byte) => writeBytes.includes(byte) || (file === 'database' && byte === 'SHARED')),
      ),
    );
    this.#looks.push(busy);
    if (this.#looks.length > window) this.#looks.shift();
    return this.#looks.filter(Boolean).length / this.#looks.length;
  }
}

/**
 * How many pages a b-tree needs when VACUUM writes it anew. VACUUM copies the rows in key order and fills each page
 * before it starts the next, so packing the cells of the present leaves one after another tells the new page count.
 * dbstat does not tell single cells, only their number, their sum and the largest: the others get the mean of the rest.
 */

/** Bytes at the start of a leaf and of an inner page: "B-tree Pages" in the file format document. */
const leafHeaderBytes = 8;
const innerHeaderBytes = 12;

export interface PageFill {
  readonly cells: number;
  readonly unusedBytes: number;
  /** Payload on this page, without what lies on overflow pages. */
  readonly payloadBytes: number;
  /** Payload of the largest cell, with what lies on overflow pages. */
  readonly largestPayloadBytes: number;
}

export class Repack {
  readonly #usableBytes: number;
  readonly #keyed: boolean;
  readonly #largestLocalBytes: number;
  #leaves = 0;
  #room = 0;
  #innerCells = 0;
  #innerBytes = 0;

  constructor(usableBytes: number, keyed: boolean) {
    this.#usableBytes = usableBytes;
    this.#keyed = keyed;
    // "Cell Payload Overflow Pages" in the file format document.
    this.#largestLocalBytes = keyed ? Math.floor(((usableBytes - 12) * 64) / 255) - 23 : usableBytes - 35;
  }

  /** Leaves must come in key order. */
  leaf(page: PageFill): void {
    if (page.cells === 0) return;
    const bytes = this.#usableBytes - leafHeaderBytes - page.unusedBytes;
    if (page.cells === 1 || page.largestPayloadBytes > this.#largestLocalBytes) {
      this.#pack(page.cells, bytes / page.cells);
      return;
    }
    const largest = page.largestPayloadBytes + (bytes - page.payloadBytes) / page.cells;
    const rest = Math.max(2, (bytes - largest) / (page.cells - 1));
    // Its place is not known. In a table that was only appended to, the row that opened a new page is a large one.
    this.#pack(1, largest);
    this.#pack(page.cells - 1, rest);
  }

  inner(page: PageFill): void {
    const bytes = this.#usableBytes - innerHeaderBytes - page.unusedBytes;
    this.#innerCells += page.cells;
    this.#innerBytes += bytes;
    // The entry between two leaves of an index is a row like any other; without its child pointer it is 4 bytes smaller.
    if (this.#keyed && page.cells > 0) this.#pack(page.cells, Math.max(2, bytes / page.cells - 4));
  }

  #pack(count: number, size: number): void {
    let left = count;
    while (left > 0) {
      const fits = Math.floor((this.#room + 1e-6) / size);
      if (fits === 0) {
        // The entry that stands between the full leaf and the next one moves up.
        if (this.#keyed && this.#leaves > 0) left -= 1;
        this.#leaves += 1;
        this.#room = this.#usableBytes - leafHeaderBytes;
        if (size > this.#room) this.#room = size;
        continue;
      }
      const taken = Math.min(left, fits);
      this.#room -= taken * size;
      left -= taken;
    }
  }

  /** Leaves and inner pages of the new tree, without overflow pages; at least the root. */
  get pages(): number {
    let level = Math.max(1, this.#leaves);
    let total = level;
    const cell = this.#innerCells === 0 ? 12 : this.#innerBytes / this.#innerCells;
    const fanOut = Math.max(2, Math.floor((this.#usableBytes - innerHeaderBytes) / cell) + 1);
    while (level > 1) {
      level = Math.ceil(level / fanOut);
      total += level;
    }
    return total;
  }
}

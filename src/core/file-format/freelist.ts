import { uint32 } from './btree-page.ts';

/** Pages of the freelist (fileformat2, section 1.5): a chain of trunk pages, each naming leaf pages. */

export interface FreelistTrunk {
  /** Next trunk; 0 at the end. */
  readonly next: number;
  /** Pages that are free. */
  readonly leaves: readonly number[];
}

/** A trunk page, or a sentence that says what is wrong with it. */
export function readFreelistTrunk(
  page: Uint8Array,
  limits: { readonly usableSize: number; readonly pageCount: number },
): FreelistTrunk | string {
  const next = uint32(page, 0);
  const count = uint32(page, 4);
  if (next > limits.pageCount) return `next trunk ${next} is no page`;
  if (count > limits.usableSize / 4 - 2) return `${count} leaves do not fit into a trunk page`;
  const leaves: number[] = [];
  for (let index = 0; index < count; index++) {
    const leaf = uint32(page, 8 + 4 * index);
    if (leaf < 2 || leaf > limits.pageCount) return `leaf ${leaf} is no page`;
    leaves.push(leaf);
  }
  return { next, leaves };
}

export interface Freelist {
  readonly trunks: readonly number[];
  readonly leaves: readonly number[];
  /** What stopped the walk, with the page. */
  readonly fault?: { readonly page: number; readonly message: string };
}

/**
 * Walks the whole freelist. `readPage` gives the newest image of a page, or undefined when the file ends before it;
 * `expected` is the count of the database header. Loops end at the first page seen twice.
 */
export function walkFreelist(
  first: number,
  expected: number,
  readPage: (pageNumber: number) => Uint8Array | undefined,
  limits: { readonly usableSize: number; readonly pageCount: number },
): Freelist {
  const trunks: number[] = [];
  const leaves: number[] = [];
  const seen = new Set<number>();
  const stop = (page: number, message: string): Freelist => ({ trunks, leaves, fault: { page, message } });
  let current = first;
  while (current !== 0) {
    if (current < 2 || current > limits.pageCount) return stop(current, `trunk ${current} is no page`);
    if (seen.has(current)) return stop(current, `page ${current} is in the freelist twice`);
    seen.add(current);
    const page = readPage(current);
    if (page === undefined) return stop(current, `trunk ${current} cannot be read`);
    const trunk = readFreelistTrunk(page, limits);
    if (typeof trunk === 'string') return stop(current, trunk);
    trunks.push(current);
    for (const leaf of trunk.leaves) {
      if (seen.has(leaf)) return stop(leaf, `page ${leaf} is in the freelist twice`);
      seen.add(leaf);
      leaves.push(leaf);
    }
    current = trunk.next;
  }
  const found = trunks.length + leaves.length;
  return found === expected ? { trunks, leaves } : stop(0, `${found} free pages found, the header says ${expected}`);
}

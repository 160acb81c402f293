import { childrenOf, findPageFault, isTableType, readPageHeader } from '../../file-format/btree-page.ts';
import type { SalvageSource } from './salvage-source.ts';

/** What can be reached from the root of a tree. */
export interface WalkedTree {
  /** Pages of the tree that are sound, in key order. */
  readonly pages: readonly number[];
  /** Pages that the tree points at and that are damaged, of another kind, or used before. */
  readonly broken: readonly number[];
}

/** Follows a tree from its root. `taken` holds the pages of all trees so far: each page belongs to the first that reaches it. */
export function walkTree(source: SalvageSource, root: number, isTable: boolean, taken: Set<number>): WalkedTree {
  const pages: number[] = [];
  const broken: number[] = [];
  const limits = { usableSize: source.usableSize, pageCount: source.pageCount };
  const open = [root];
  for (let number = open.pop(); number !== undefined; number = open.pop()) {
    const page = taken.has(number) ? undefined : source.pages.read(number);
    const header = page === undefined ? undefined : readPageHeader(page, number);
    const isFree = source.freelistSound && freePages(source).has(number);
    if (page === undefined || header === undefined || isFree || isTableType(header.type) !== isTable) {
      broken.push(number);
      continue;
    }
    if (findPageFault(page, number, limits) !== undefined) {
      broken.push(number);
      continue;
    }
    taken.add(number);
    pages.push(number);
    open.push(...childrenOf(page, header).reverse());
  }
  return { pages, broken };
}

const sets = new WeakMap<SalvageSource, Set<number>>();

/** Pages of the freelist, as far as it could be followed. */
export function freePages(source: SalvageSource): ReadonlySet<number> {
  const known = sets.get(source) ?? new Set([...source.freelist.trunks, ...source.freelist.leaves]);
  sets.set(source, known);
  return known;
}

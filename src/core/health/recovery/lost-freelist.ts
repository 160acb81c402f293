import {
  childrenOf,
  findPageFault,
  isBtreeType,
  isTableType,
  pageType,
  readPageHeader,
} from '../../file-format/btree-page.ts';
import { type Freelist, type FreelistTrunk, readFreelistTrunk } from '../../file-format/freelist.ts';
import type { PageSource } from '../page-source.ts';

interface Limits {
  readonly usableSize: number;
  readonly pageCount: number;
}

/**
 * The list of free pages of a database whose header is gone: pages that look like trunks must form one chain, with every
 * leaf named once, and no page in use may point at one of them. Undefined when they do not. A database without such pages
 * has at most one free page, the trunk itself, which holds no rows.
 */
export function rebuildFreelist(pages: PageSource, limits: Limits): Freelist | undefined {
  const trunks = trunksThatNameLeaves(pages, limits);
  if (trunks.size === 0) return { trunks: [], leaves: [] };
  const followers = new Set([...trunks.values()].map(({ next }) => next));
  const [head, other] = [...trunks.keys()].filter((page) => !followers.has(page));
  if (head === undefined || other !== undefined) return undefined;
  const seen = new Set<number>();
  const chain: number[] = [];
  for (let at = head; at !== 0; ) {
    const page = pages.read(at);
    const trunk = trunks.get(at) ?? (page === undefined ? undefined : readFreelistTrunk(page, limits));
    if (trunk === undefined || typeof trunk === 'string') return undefined;
    for (const one of [at, ...trunk.leaves]) {
      if (seen.has(one)) return undefined;
      seen.add(one);
    }
    chain.push(at);
    at = trunk.next;
  }
  if ([...trunks.keys()].some((page) => !chain.includes(page))) return undefined;
  if (childrenInUse(pages, limits, seen).some((page) => seen.has(page))) return undefined;
  return { trunks: chain, leaves: [...seen].filter((page) => !chain.includes(page)) };
}

function trunksThatNameLeaves(pages: PageSource, limits: Limits): Map<number, FreelistTrunk> {
  const found = new Map<number, FreelistTrunk>();
  for (let number = 2; number <= limits.pageCount; number++) {
    const page = pages.read(number);
    if (page === undefined || isBtreeType(page[0] ?? 0)) continue;
    const trunk = readFreelistTrunk(page, limits);
    if (typeof trunk === 'string' || trunk.leaves.length === 0) continue;
    if (new Set([number, ...trunk.leaves]).size === trunk.leaves.length + 1) found.set(number, trunk);
  }
  return found;
}

/** Children of sound interior pages that are not free. */
function childrenInUse(pages: PageSource, limits: Limits, free: ReadonlySet<number>): number[] {
  const children: number[] = [];
  for (let number = 2; number <= limits.pageCount; number++) {
    const page = free.has(number) ? undefined : pages.read(number);
    const header = page === undefined ? undefined : readPageHeader(page, number);
    if (page === undefined || header === undefined || findPageFault(page, number, limits) !== undefined) continue;
    for (const child of childrenOf(page, header)) children.push(child);
  }
  return children;
}

/** Roots of trees, told by the pages alone: b-tree pages in use that no interior page points at. */
export interface FoundRoots {
  readonly tables: readonly number[];
  readonly indexes: readonly number[];
}

export function findRoots(pages: PageSource, limits: Limits, free: ReadonlySet<number>): FoundRoots {
  const below = new Set(childrenInUse(pages, limits, free));
  const tables: number[] = [];
  const indexes: number[] = [];
  for (let number = 2; number <= limits.pageCount; number++) {
    if (free.has(number) || below.has(number)) continue;
    const type = pages.read(number)?.[0] ?? 0;
    if (type === pageType.tableLeaf || type === pageType.tableInterior) tables.push(number);
    else if (isBtreeType(type) && !isTableType(type)) indexes.push(number);
  }
  return { tables, indexes };
}

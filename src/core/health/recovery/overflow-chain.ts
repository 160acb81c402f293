import {
  type Cell,
  findPageFault,
  isBtreeType,
  pageHeaderOffset,
  pageType,
  readCell,
  readPageHeader,
  uint16,
  uint32,
} from '../../file-format/btree-page.ts';
import { lockBytePage } from '../../file-format/database-header.ts';
import { type RecordValue, readRecord, type TextEncoding } from '../../file-format/record.ts';
import type { PageSource } from '../page-source.ts';
import { pointerMapPages } from '../structure/page-roles.ts';
import { pointerMapEntry } from '../structure/pointer-map.ts';
import { sameValues } from './same-values.ts';

/** Overflow pages of a cell, found in another way than by following the pointers; the key is `cellKey`. */
export type ResolvedChains = ReadonlyMap<string, readonly number[]>;

export function cellKey(page: number, index: number): string {
  return `${page}:${index}`;
}

export interface ChainSource {
  readonly pages: PageSource;
  readonly pageSize: number;
  readonly usableSize: number;
  readonly pageCount: number;
  readonly encoding: TextEncoding;
  /** There is a pointer map. */
  readonly autoVacuum: boolean;
  /** Pages of the freelist. */
  readonly free: ReadonlySet<number>;
  /** Overflow pages that more than one row claims. */
  readonly suspects: ReadonlySet<number>;
}

interface Chain {
  readonly key: string;
  readonly owner: number;
  readonly cell: Cell;
  /** Pages that the payload needs. */
  readonly length: number;
  /** As the pointers say, no longer than needed. */
  readonly pages: readonly number[];
}

/** Which pages two rows have from where their chains meet; undefined: the row's own pages are lost. */
interface Division {
  readonly first: readonly number[] | undefined;
  readonly second: readonly number[] | undefined;
}

/**
 * Tells two rows apart whose overflow chains run into the same page because one pointer is wrong. The right page of the
 * other row is then one that nobody claims. Of all ways to share the pages out, those are left that give both rows exactly
 * the pages they need, agree with the pointer map where there is one, and make sound records without a zero byte in a text
 * (the unused end of a page is zeros). A row is resolved only when all ways that are left give it the same values.
 */
export function resolveChains(source: ChainSource): ResolvedChains {
  const resolved = new Map<string, readonly number[]>();
  if (source.suspects.size === 0) return resolved;
  const chains = allChains(source);
  const claims = new Map<number, Chain[]>();
  for (const chain of chains) for (const page of chain.pages) claims.set(page, [...(claims.get(page) ?? []), chain]);
  const spare = unclaimedChains(source, claims);
  for (const meeting of source.suspects) {
    const [first, second, third] = claims.get(meeting) ?? [];
    if (first === undefined || second === undefined || third !== undefined) continue;
    settle(source, { meeting, first, second }, spare, resolved);
  }
  return resolved;
}

function settle(
  source: ChainSource,
  { meeting, first, second }: { meeting: number; first: Chain; second: Chain },
  spare: readonly (readonly number[])[],
  resolved: Map<string, readonly number[]>,
): void {
  const divisions = divisionsAt(source, { meeting, first, second }, spare)
    .map(({ first: ofFirst, second: ofSecond }) => ({
      first: outcomeOf(source, first, meeting, ofFirst),
      second: outcomeOf(source, second, meeting, ofSecond),
    }))
    .filter((one) => one.first !== 'impossible' && one.second !== 'impossible');
  for (const [chain, side] of [
    [first, 'first'],
    [second, 'second'],
  ] as const) {
    const outcomes = divisions.map((one) => one[side]);
    const [any, ...others] = outcomes;
    if (any === undefined || any === 'impossible' || any === 'lost') continue;
    const agree = others.every((one) => typeof one !== 'string' && sameValues(one.values, any.values));
    if (agree) resolved.set(chain.key, any.pages);
  }
}

/** Pairs first: they leave no page over. Only where there is none, one of the rows has lost its pages. */
function divisionsAt(
  source: ChainSource,
  { meeting, first, second }: { meeting: number; first: Chain; second: Chain },
  spare: readonly (readonly number[])[],
): Division[] {
  const shared = follow(source, meeting, source.pageCount);
  const needs = (chain: Chain): number => chain.length - chain.pages.indexOf(meeting);
  const suits = (chain: Chain, tail: readonly number[]): boolean =>
    tail.length === needs(chain) && pointerMapAllows(source, chain, meeting, tail);
  const pairs = spare.flatMap((tail) => [
    ...(suits(first, shared) && suits(second, tail) ? [{ first: shared, second: tail }] : []),
    ...(suits(second, shared) && suits(first, tail) ? [{ first: tail, second: shared }] : []),
  ]);
  if (pairs.length > 0) return pairs;
  return [
    ...(suits(first, shared) ? [{ first: shared, second: undefined }] : []),
    ...(suits(second, shared) ? [{ first: undefined, second: shared }] : []),
  ];
}

type Outcome = { readonly pages: readonly number[]; readonly values: readonly RecordValue[] } | 'lost' | 'impossible';

function outcomeOf(source: ChainSource, chain: Chain, meeting: number, tail: readonly number[] | undefined): Outcome {
  if (tail === undefined) return 'lost';
  const pages = [...chain.pages.slice(0, chain.pages.indexOf(meeting)), ...tail];
  const payload = new Uint8Array(chain.cell.payloadSize);
  payload.set(chain.cell.local);
  let at = chain.cell.local.length;
  for (const number of pages) {
    const part = source.pages.read(number)?.subarray(4, Math.min(source.usableSize, 4 + payload.length - at));
    if (part === undefined) return 'impossible';
    payload.set(part, at);
    at += part.length;
  }
  const values = at === payload.length ? readRecord(payload, source.encoding, true) : undefined;
  const isSound = values?.every((value) => typeof value !== 'string' || !value.includes('\u0000')) === true;
  return isSound && values !== undefined ? { pages, values } : 'impossible';
}

/** In an auto_vacuum database the pointer map names the page before each overflow page. */
function pointerMapAllows(source: ChainSource, chain: Chain, meeting: number, tail: readonly number[]): boolean {
  if (!source.autoVacuum) return true;
  const place = chain.pages.indexOf(meeting);
  const before = place === 0 ? chain.owner : (chain.pages[place - 1] ?? 0);
  const entry = pointerMapEntry((page) => source.pages.read(page), tail[0] ?? 0, source);
  return entry === undefined || entry.parent === before;
}

function allChains(source: ChainSource): Chain[] {
  const chains: Chain[] = [];
  for (let number = 1; number <= source.pageCount; number++) {
    const page = source.free.has(number) ? undefined : source.pages.read(number);
    const header = page === undefined ? undefined : readPageHeader(page, number);
    if (page === undefined || header === undefined || header.type === pageType.tableInterior) continue;
    if (findPageFault(page, number, source) !== undefined) continue;
    for (let index = 0; index < header.cellCount; index++) {
      const cell = readCell(page, header.type, uint16(page, header.pointersAt + 2 * index), source.usableSize);
      if (cell === undefined || cell.overflow === 0) continue;
      const length = Math.ceil((cell.payloadSize - cell.local.length) / (source.usableSize - 4));
      const pages = follow(source, cell.overflow, length);
      chains.push({ key: cellKey(number, index), owner: number, cell, length, pages });
    }
  }
  return chains;
}

/** Pages from `first` on, as the pointers say: until the end, a page that is none of these, or the limit. */
function follow(source: ChainSource, first: number, limit: number): number[] {
  const pages: number[] = [];
  const seen = new Set<number>();
  for (let next = first; next >= 2 && pages.length < limit && !seen.has(next); ) {
    const page = source.pages.read(next);
    if (page === undefined) break;
    seen.add(next);
    pages.push(next);
    next = uint32(page, 0);
  }
  return pages;
}

/** Chains of pages that look like overflow pages and that no row claims. */
function unclaimedChains(source: ChainSource, claims: ReadonlyMap<number, readonly Chain[]>): number[][] {
  const reserved = new Set([lockBytePage(source.pageSize)]);
  if (source.autoVacuum) {
    for (const page of pointerMapPages(source.pageCount, source.usableSize, lockBytePage(source.pageSize)))
      reserved.add(page);
  }
  const unclaimed = new Map<number, number>();
  for (let number = 2; number <= source.pageCount; number++) {
    if (claims.has(number) || source.free.has(number) || reserved.has(number)) continue;
    const page = source.pages.read(number);
    if (page === undefined || isBtreeType(page[pageHeaderOffset(number)] ?? 0)) continue;
    unclaimed.set(number, uint32(page, 0));
  }
  const inside = new Set(unclaimed.values());
  return [...unclaimed.keys()]
    .filter((head) => !inside.has(head))
    .map((head) => follow(source, head, source.pageCount))
    .filter((pages) => pages.every((page) => unclaimed.has(page)) && unclaimed.get(pages.at(-1) ?? 0) === 0);
}

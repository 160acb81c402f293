import { childrenOf, isInteriorType, readPageHeader } from '../../file-format/btree-page.ts';
import type { PageReader } from './page-reader.ts';
import type { SchemaObject } from './schema-objects.ts';

/** Which object each page belongs to. Overflow pages, free pages and pointer maps belong to none here. */
export class PageOwners {
  readonly objects: readonly SchemaObject[];
  /** Index into `objects` plus one; 0: unknown. */
  #owners: Uint16Array | Uint32Array;
  readonly #pages: number[];

  constructor(objects: readonly SchemaObject[], pageCount: number) {
    this.objects = objects;
    this.#owners = objects.length < 65_535 ? new Uint16Array(pageCount + 1) : new Uint32Array(pageCount + 1);
    this.#pages = objects.map(() => 0);
  }

  /** Index into `objects`; -1 when unknown. */
  ownerOf(page: number): number {
    return (this.#owners[page] ?? 0) - 1;
  }

  assign(page: number, owner: number): void {
    if (page < 1) return;
    if (page >= this.#owners.length) this.#grow(page);
    const before = this.ownerOf(page);
    if (before === owner) return;
    if (before >= 0) this.#pages[before] = (this.#pages[before] ?? 0) - 1;
    this.#pages[owner] = (this.#pages[owner] ?? 0) + 1;
    this.#owners[page] = owner + 1;
  }

  pagesOf(owner: number): number {
    return this.#pages[owner] ?? 0;
  }

  #grow(page: number): void {
    const length = Math.ceil((page + 1) * 1.25);
    const grown = this.#owners instanceof Uint16Array ? new Uint16Array(length) : new Uint32Array(length);
    grown.set(this.#owners);
    this.#owners = grown;
  }
}

/** A tree deeper than this is none. */
const mostLevels = 30;

/**
 * Finds the owner of every b-tree page. Only interior pages are read: their children on the last level are leaves, which
 * are named without being looked at, so that a gigabyte costs about a thousand reads.
 */
export function walkPages(reader: PageReader, objects: readonly SchemaObject[], pageCount: number): PageOwners {
  const owners = new PageOwners(objects, pageCount);
  for (const [owner, { root }] of objects.entries()) {
    owners.assign(root, owner);
    let level = [root];
    const interiorLevels = interiorLevelsBelow(reader, root);
    for (let depth = 0; depth < interiorLevels; depth++) {
      const next: number[] = [];
      for (const number of level) {
        for (const child of childPages(reader, number)) {
          // Beside a writer a torn read can name any page; a page that has an owner keeps it, so this ends.
          if (child < 1 || child > pageCount || owners.ownerOf(child) >= 0) continue;
          owners.assign(child, owner);
          next.push(child);
        }
      }
      level = next;
    }
  }
  return owners;
}

/** All leaves are on one level: the first path tells how many levels above them have to be read. */
function interiorLevelsBelow(reader: PageReader, root: number): number {
  let levels = 0;
  let number: number | undefined = root;
  while (number !== undefined && levels < mostLevels) {
    const [first]: number[] = childPages(reader, number);
    if (first === undefined) return levels;
    levels += 1;
    number = first;
  }
  return levels;
}

function childPages(reader: PageReader, number: number): number[] {
  const page = reader.page(number);
  const header = page === undefined ? undefined : readPageHeader(page, number);
  return page === undefined || header === undefined || !isInteriorType(header.type) ? [] : childrenOf(page, header);
}

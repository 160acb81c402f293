import {
  childrenOf,
  findPageFault,
  isBtreeType,
  isInteriorType,
  isPlainLeaf,
  isTableType,
  localPayload,
  type PageHeader,
  pageHeaderOffset,
  pageType,
  readPageHeader,
  uint32,
} from '../../file-format/btree-page.ts';
import { readVarint, varintLength } from '../../file-format/varint.ts';
import { look, type PageRoles, role } from './page-roles.ts';

/** Overflow chains found on b-tree pages, three numbers each: page, first overflow page, length in pages. */
export type OverflowChains = number[];

/** Judges one page by itself and notes what it points at. */
export function visitPage(
  page: Uint8Array | undefined,
  pageNumber: number,
  roles: PageRoles,
  context: { readonly usableSize: number; readonly chains: OverflowChains },
): void {
  const known = roles.role[pageNumber];
  if (known === role.free || known === role.reserved) {
    roles.look[pageNumber] = look.other;
    return;
  }
  const parent = roles.parent[pageNumber] ?? 0;
  if (page === undefined) {
    roles.look[pageNumber] = look.faulty;
    roles.fault({
      kind: 'page',
      page: pageNumber,
      parent,
      message: `page ${pageNumber} is missing: the file ends before it`,
    });
    return;
  }
  const type = page[pageHeaderOffset(pageNumber)] ?? 0;
  if (!isBtreeType(type)) {
    visitOther(page, pageNumber, roles);
    return;
  }
  const { usableSize } = context;
  // Nearly every page.
  if (isPlainLeaf(page, pageHeaderOffset(pageNumber), usableSize)) {
    roles.look[pageNumber] = isTableType(type) ? look.table : look.index;
    return;
  }
  const message = findPageFault(page, pageNumber, { usableSize, pageCount: roles.pageCount });
  const header = message === undefined ? readPageHeader(page, pageNumber) : undefined;
  if (header === undefined) {
    roles.look[pageNumber] = look.faulty;
    roles.fault({ kind: 'page', page: pageNumber, parent, message: `page ${pageNumber}: ${message}` });
    return;
  }
  roles.look[pageNumber] = isTableType(type) ? look.table : look.index;
  if (isInteriorType(type)) {
    const as = isTableType(type) ? role.table : role.index;
    for (const child of childrenOf(page, header)) roles.refer(child, as, pageNumber);
  }
  if (type !== pageType.tableInterior) visitCells(page, header, pageNumber, { ...context, roles });
}

/** A page that is no b-tree page can only be an overflow page: four bytes of next page number, then content. */
function visitOther(page: Uint8Array, pageNumber: number, roles: PageRoles): void {
  const next = uint32(page, 0);
  const parent = roles.parent[pageNumber] ?? 0;
  if (pageNumber === 1 || next > roles.pageCount) {
    roles.look[pageNumber] = look.faulty;
    const message = `page ${pageNumber} is neither a b-tree page nor an overflow page`;
    roles.fault({ kind: 'page', page: pageNumber, parent, message });
    return;
  }
  roles.look[pageNumber] = look.other;
  roles.next[pageNumber] = next;
}

function endOfVarint(page: Uint8Array, offset: number): number {
  let at = offset;
  const last = offset + 8;
  while (at < last && (page[at] as number) >= 0x80) at += 1;
  return at + 1;
}

/** Cells must end inside the page; those that spill name an overflow chain. */
function visitCells(
  page: Uint8Array,
  header: PageHeader,
  pageNumber: number,
  context: { readonly usableSize: number; readonly chains: OverflowChains; readonly roles: PageRoles },
): void {
  const { usableSize, chains, roles } = context;
  const { type } = header;
  const isLeafOfTable = type === pageType.tableLeaf;
  const skip = isInteriorType(type) ? 4 : 0;
  // A payload of one byte of length never spills; the longest that stays on its page is a matter of the page size.
  const shortest = localPayload(127, type, usableSize) === 127;
  const pointersEnd = header.pointersAt + 2 * header.cellCount;
  for (let pointer = header.pointersAt; pointer < pointersEnd; pointer += 2) {
    const cell = ((page[pointer] as number) << 8) | (page[pointer + 1] as number);
    let at = cell + skip;
    const first = page[at] as number;
    // Nearly every cell: a short payload, and a rowid of up to nine bytes whose last one has no high bit.
    if (first < 0x80 && shortest) {
      at += 1;
      if (isLeafOfTable) at = endOfVarint(page, at);
      if (at + first <= usableSize) continue;
      at = cell + skip;
    }
    const size = readVarint(page, at);
    at += varintLength(page, at);
    if (isLeafOfTable) at += varintLength(page, at);
    const kept = localPayload(size, type, usableSize);
    const end = at + kept + (kept < size ? 4 : 0);
    if (!(end <= usableSize)) {
      roles.look[pageNumber] = look.faulty;
      const index = (pointer - header.pointersAt) / 2;
      const message = `page ${pageNumber}: cell ${index} reaches behind the page`;
      roles.fault({ kind: 'page', page: pageNumber, parent: roles.parent[pageNumber] ?? 0, message });
      return;
    }
    if (kept < size) chains.push(pageNumber, uint32(page, at + kept), Math.ceil((size - kept) / (usableSize - 4)));
  }
}

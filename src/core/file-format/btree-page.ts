import { readRowid, readVarint, varintLength } from './varint.ts';

/** B-tree pages of the SQLite file format (fileformat2, section 1.6). */

export const pageType = { indexInterior: 2, tableInterior: 5, indexLeaf: 10, tableLeaf: 13 } as const;

export interface PageHeader {
  readonly type: number;
  readonly firstFreeblock: number;
  readonly cellCount: number;
  /** Start of the cell content area; 0 in the file means 65536. */
  readonly contentStart: number;
  readonly fragmentedBytes: number;
  /** Interior pages only; 0 otherwise. */
  readonly rightChild: number;
  /** Where the array of cell pointers begins. */
  readonly pointersAt: number;
}

/** Page 1 begins with the 100 bytes of the database header. */
export function pageHeaderOffset(pageNumber: number): number {
  return pageNumber === 1 ? 100 : 0;
}

export function isBtreeType(type: number): boolean {
  return type === 2 || type === 5 || type === 10 || type === 13;
}

export function isInteriorType(type: number): boolean {
  return type === 2 || type === 5;
}

export function isTableType(type: number): boolean {
  return type === 5 || type === 13;
}

export function uint16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number);
}

export function uint32(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] as number) * 0x1000000 +
    (((bytes[offset + 1] as number) << 16) | ((bytes[offset + 2] as number) << 8) | (bytes[offset + 3] as number))
  );
}

/** The header at the start of a b-tree page; undefined when its first byte is no b-tree type. */
export function readPageHeader(page: Uint8Array, pageNumber: number): PageHeader | undefined {
  const at = pageHeaderOffset(pageNumber);
  const type = page[at] ?? 0;
  if (!isBtreeType(type)) return undefined;
  const contentStart = uint16(page, at + 5);
  const interior = isInteriorType(type);
  return {
    type,
    firstFreeblock: uint16(page, at + 1),
    cellCount: uint16(page, at + 3),
    contentStart: contentStart === 0 ? 65536 : contentStart,
    fragmentedBytes: page[at + 7] as number,
    rightChild: interior ? uint32(page, at + 8) : 0,
    pointersAt: at + (interior ? 12 : 8),
  };
}

/**
 * What is wrong with a b-tree page taken by itself, or undefined. `usableSize` is the page size less the reserved bytes
 * at its end, `pageCount` the pages of the database. Costs about as much as reading the page.
 */
export function findPageFault(
  page: Uint8Array,
  pageNumber: number,
  limits: { readonly usableSize: number; readonly pageCount: number },
): string | undefined {
  const header = readPageHeader(page, pageNumber);
  if (header === undefined) return `page type ${page[pageHeaderOffset(pageNumber)]} does not exist`;
  const { usableSize, pageCount } = limits;
  const { cellCount, contentStart, pointersAt } = header;
  const pointersEnd = pointersAt + 2 * cellCount;
  if (contentStart > usableSize) return `cell content starts at ${contentStart}, behind the page`;
  if (pointersEnd > contentStart) return `${cellCount} cell pointers reach into the cell content`;
  const interior = isInteriorType(header.type);
  if (interior && !isPageNumber(header.rightChild, pageCount)) return `right child ${header.rightChild} is no page`;
  const lastCell = usableSize - (interior ? 5 : 4);
  for (let at = pointersAt; at < pointersEnd; at += 2) {
    const cell = uint16(page, at);
    if (cell < contentStart || cell > lastCell) return `cell pointer ${cell} is outside of the cell content`;
    if (interior) {
      const child = uint32(page, cell);
      if (!isPageNumber(child, pageCount)) return `child ${child} is no page`;
    }
  }
  return findFreeblockFault(page, header.firstFreeblock, contentStart, usableSize);
}

/** Freeblocks stand in ascending order, at least four bytes each, inside the cell content. */
function findFreeblockFault(
  page: Uint8Array,
  first: number,
  contentStart: number,
  usableSize: number,
): string | undefined {
  let at = first;
  if (at !== 0 && at < contentStart) return `freeblock ${at} is outside of the cell content`;
  while (at !== 0) {
    if (at + 4 > usableSize) return `freeblock ${at} is outside of the cell content`;
    const next = uint16(page, at);
    const size = uint16(page, at + 2);
    if (size < 4 || at + size > usableSize) return `freeblock ${at} has the impossible size ${size}`;
    if (next !== 0 && next < at + size) return `freeblock ${at} overlaps the next one`;
    at = next;
  }
  return undefined;
}

/**
 * True for a leaf in which nothing is wrong and nothing needs a second look: every cell lies inside of the cell content and
 * has no overflow page. It says the same as `findPageFault` and the lengths of the cells together, in one pass without a
 * single allocation; false says nothing.
 */
export function isPlainLeaf(page: Uint8Array, at: number, usableSize: number): boolean {
  const type = page[at];
  const isTable = type === pageType.tableLeaf;
  if (!isTable && type !== pageType.indexLeaf) return false;
  const most = isTable ? usableSize - 35 : Math.floor(((usableSize - 12) * 64) / 255) - 23;
  const pointersAt = at + 8;
  const pointersEnd = pointersAt + 2 * (((page[at + 3] as number) << 8) | (page[at + 4] as number));
  const contentStart = ((page[at + 5] as number) << 8) | (page[at + 6] as number);
  // 0 stands for 65536.
  if (contentStart === 0 || contentStart > usableSize || pointersEnd > contentStart) return false;
  for (let pointer = pointersAt; pointer < pointersEnd; pointer += 2) {
    let cell = ((page[pointer] as number) << 8) | (page[pointer + 1] as number);
    if (cell < contentStart || cell + 4 > usableSize) return false;
    let size = page[cell++] as number;
    if (size >= 0x80) {
      const low = page[cell++] as number;
      size = ((size & 0x7f) << 7) | low;
      if (low >= 0x80 || size > most) return false;
    } else if (size > most) return false;
    if (isTable) {
      const last = cell + 8;
      while (cell < last && (page[cell] as number) >= 0x80) cell += 1;
      cell += 1;
    }
    if (cell + size > usableSize) return false;
  }
  const freeblock = ((page[at + 1] as number) << 8) | (page[at + 2] as number);
  return freeblock === 0 || findFreeblockFault(page, freeblock, contentStart, usableSize) === undefined;
}

function isPageNumber(value: number, pageCount: number): boolean {
  return value >= 1 && value <= pageCount;
}

/** Page numbers of the children of an interior page, in key order, the right child last. */
export function childrenOf(page: Uint8Array, header: PageHeader): number[] {
  if (!isInteriorType(header.type)) return [];
  const children: number[] = [];
  for (let index = 0; index < header.cellCount; index++) {
    const cell = uint16(page, header.pointersAt + 2 * index);
    if (cell + 4 <= page.length) children.push(uint32(page, cell));
  }
  children.push(header.rightChild);
  return children;
}

export interface Cell {
  /** Left child; 0 on leaves. */
  readonly child: number;
  /** Table pages only. */
  readonly rowid?: bigint;
  /** Whole payload in bytes; 0 for the cells of table interior pages. */
  readonly payloadSize: number;
  /** Part of the payload that is on this page. */
  readonly local: Uint8Array;
  /** First overflow page; 0 when all of the payload is local. */
  readonly overflow: number;
}

/** Bytes of a payload of `size` that stay on the b-tree page (fileformat2, section 1.6, "overflow"). */
export function localPayload(size: number, type: number, usableSize: number): number {
  const most = type === pageType.tableLeaf ? usableSize - 35 : Math.floor(((usableSize - 12) * 64) / 255) - 23;
  if (size <= most) return size;
  const least = Math.floor(((usableSize - 12) * 32) / 255) - 23;
  const kept = least + ((size - least) % (usableSize - 4));
  return kept <= most ? kept : least;
}

/** The cell at `offset`; undefined when it does not fit into the page or its lengths make no sense. */
export function readCell(page: Uint8Array, type: number, offset: number, usableSize: number): Cell | undefined {
  let at = offset;
  let child = 0;
  if (isInteriorType(type)) {
    if (at + 4 > usableSize) return undefined;
    child = uint32(page, at);
    at += 4;
  }
  if (type === pageType.tableInterior) {
    const rowid = readRowid(page, at);
    return rowid === undefined ? undefined : { child, rowid, payloadSize: 0, local: page.subarray(0, 0), overflow: 0 };
  }
  const payloadSize = readVarint(page, at);
  at += varintLength(page, at);
  if (!(payloadSize <= 0x7fffffff)) return undefined;
  let rowid: bigint | undefined;
  if (type === pageType.tableLeaf) {
    rowid = readRowid(page, at);
    if (rowid === undefined) return undefined;
    at += varintLength(page, at);
  }
  const kept = localPayload(payloadSize, type, usableSize);
  const spills = kept < payloadSize;
  if (at + kept + (spills ? 4 : 0) > usableSize) return undefined;
  return {
    child,
    ...(rowid === undefined ? {} : { rowid }),
    payloadSize,
    local: page.subarray(at, at + kept),
    overflow: spills ? uint32(page, at + kept) : 0,
  };
}

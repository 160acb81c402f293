import { type Cell, type PageHeader, pageType, readCell, uint16 } from '../../file-format/btree-page.ts';

/**
 * Places of the cells of a table leaf that can be trusted although the page has a fault or is cut: their pointers lie inside
 * of the cell content, they do not overlap, their bytes are all there, and their keys go on growing.
 */
export function trustedCells(
  page: Uint8Array,
  header: PageHeader,
  limits: { readonly usableSize: number; readonly availableBytes: number },
): number[] {
  const { usableSize, availableBytes } = limits;
  if (header.type !== pageType.tableLeaf || header.contentStart > usableSize) return [];
  const pointersEnd = header.pointersAt + 2 * header.cellCount;
  if (pointersEnd > header.contentStart) {
    // With a count that cannot be right, pointers could be read from the content of deleted rows.
    return Array.from({ length: provenCellCount(page, header, usableSize) ?? 0 }, (_, index) => index);
  }
  const taken: { start: number; end: number }[] = [];
  const places: number[] = [];
  let last: bigint | undefined;
  for (let index = 0; index < header.cellCount; index++) {
    const start = uint16(page, header.pointersAt + 2 * index);
    const cell = start < header.contentStart ? undefined : readCell(page, header.type, start, usableSize);
    if (cell?.rowid === undefined) continue;
    const end = endOf(page, cell);
    const overlaps = taken.some((one) => start < one.end && one.start < end);
    if (overlaps || end > Math.min(usableSize, availableBytes) || (last !== undefined && cell.rowid <= last)) continue;
    taken.push({ start, end });
    places.push(index);
    last = cell.rowid;
  }
  return places;
}

/**
 * How many cells a leaf has when its own count is wrong. Cells, freeblocks and fragments fill the content area to the
 * byte, so the number of pointers for which they do is the true one; undefined when there is none.
 */
export function provenCellCount(page: Uint8Array, header: PageHeader, usableSize: number): number | undefined {
  let filled = header.contentStart + header.fragmentedBytes + freeblockBytes(page, header, usableSize);
  const taken = new Set<number>();
  for (let count = 0; filled <= usableSize; count++) {
    if (filled === usableSize) return count;
    const at = header.pointersAt + 2 * count;
    if (at + 2 > header.contentStart) return undefined;
    const start = uint16(page, at);
    const cell = start < header.contentStart ? undefined : readCell(page, header.type, start, usableSize);
    if (cell === undefined || taken.has(start)) return undefined;
    taken.add(start);
    // SQLite gives a cell at least the four bytes of a freeblock.
    filled += Math.max(4, endOf(page, cell) - start);
  }
  return undefined;
}

function freeblockBytes(page: Uint8Array, header: PageHeader, usableSize: number): number {
  let bytes = 0;
  for (let at = header.firstFreeblock; at !== 0; at = uint16(page, at)) {
    const size = at + 4 > usableSize ? Number.POSITIVE_INFINITY : uint16(page, at + 2);
    bytes += size < 4 ? Number.POSITIVE_INFINITY : size;
    if (bytes > usableSize) return usableSize;
  }
  return bytes;
}

function endOf(page: Uint8Array, cell: Cell): number {
  const end = cell.local.byteOffset - page.byteOffset + cell.local.length;
  return cell.overflow === 0 ? end : end + 4;
}

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
  const pointersEnd = header.pointersAt + 2 * header.cellCount;
  // With a count that cannot be right, pointers are read from what may be the content of deleted rows.
  if (header.type !== pageType.tableLeaf || header.contentStart > usableSize || pointersEnd > header.contentStart)
    return [];
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

function endOf(page: Uint8Array, cell: Cell): number {
  const end = cell.local.byteOffset - page.byteOffset + cell.local.length;
  return cell.overflow === 0 ? end : end + 4;
}

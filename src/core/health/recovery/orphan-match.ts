import { findPageFault, pageType, readPageHeader } from '../../file-format/btree-page.ts';
import { rowsOfPage, type SalvagedRow } from './page-rows.ts';
import type { SalvageSource } from './salvage-source.ts';
import { fits, type TableShape } from './table-shape.ts';
import { freePages } from './tree-walk.ts';

export interface OrphanPage {
  readonly page: number;
  readonly rows: readonly SalvagedRow[];
  /** The only table that they can belong to; undefined when there is none, or more than one. */
  readonly table: string | undefined;
  readonly reason: string;
}

/**
 * Leaves that no tree reaches, because an interior page above them is gone. A page is given to a table only when that
 * table's tree is damaged, every row on the page fits it, and no other such table would do.
 */
export function* findOrphans(
  source: SalvageSource,
  taken: ReadonlySet<number>,
  damaged: readonly TableShape[],
): Generator<OrphanPage> {
  const free = freePages(source);
  const limits = { usableSize: source.usableSize, pageCount: source.pageCount };
  for (let number = 2; number <= source.pageCount; number++) {
    if (taken.has(number) || free.has(number)) continue;
    const page = source.pages.read(number);
    const header = page === undefined ? undefined : readPageHeader(page, number);
    if (page === undefined || header === undefined || header.cellCount === 0) continue;
    const isRowid = header.type === pageType.tableLeaf;
    if (!isRowid && !(isIndexPage(header.type) && damaged.some(({ withoutRowid }) => withoutRowid))) continue;
    if (findPageFault(page, number, limits) !== undefined) {
      yield { page: number, rows: rowsOfPage(source, number).rows, table: undefined, reason: 'the page is damaged' };
      continue;
    }
    const { rows } = rowsOfPage(source, number);
    if (rows.length === 0) continue;
    yield {
      page: number,
      rows,
      ...match(
        rows,
        damaged.filter(({ withoutRowid }) => withoutRowid !== isRowid),
      ),
    };
  }
}

/** Leaves of tables on free pages, with the only table that their rows fit. */
export function* findDeleted(source: SalvageSource, shapes: readonly TableShape[]): Generator<OrphanPage> {
  const candidates = shapes.filter(({ withoutRowid }) => !withoutRowid);
  const limits = { usableSize: source.usableSize, pageCount: source.pageCount };
  for (const number of freePages(source)) {
    const page = source.pages.read(number);
    const header = page === undefined ? undefined : readPageHeader(page, number);
    if (page === undefined || header?.type !== pageType.tableLeaf || header.cellCount === 0) continue;
    if (findPageFault(page, number, limits) !== undefined) continue;
    const { rows } = rowsOfPage(source, number);
    if (rows.length > 0) yield { page: number, rows, ...match(rows, candidates) };
  }
}

function isIndexPage(type: number): boolean {
  return type === pageType.indexLeaf || type === pageType.indexInterior;
}

function match(
  rows: readonly SalvagedRow[],
  candidates: readonly TableShape[],
): { table: string | undefined; reason: string } {
  const fitting = candidates.filter((shape) => rows.every(({ values }) => fits(values, shape)));
  // A page whose longest row has all columns of one table, and fewer than those of another, belongs to the first.
  const longest = Math.max(...rows.map(({ values }) => values.length));
  const exact = fitting.filter(({ columns }) => columns.length === longest);
  const [only] = exact.length === 1 ? exact : fitting.length === 1 ? fitting : [];
  if (only !== undefined) return { table: only.name, reason: 'fits this table alone' };
  return { table: undefined, reason: fitting.length === 0 ? 'fits no damaged table' : 'fits more than one table' };
}

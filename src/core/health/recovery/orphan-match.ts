import { findPageFault, pageType, readPageHeader } from '../../file-format/btree-page.ts';
import { couldBeEntries, type IndexShape } from './index-shape.ts';
import { KeyOwners, type OwnedRange } from './key-owners.ts';
import { holds, type PlacedLeaf } from './leaf-order.ts';
import { type LostCell, rowsOfPage, type SalvagedRow } from './page-rows.ts';
import { type LeafKeys, RivalLeaves } from './rival-leaves.ts';
import type { SalvageSource } from './salvage-source.ts';
import { fits, type TableShape } from './table-shape.ts';
import { type Branch, branchesOf, freePages } from './tree-walk.ts';

export interface OrphanPage {
  readonly page: number;
  readonly rows: readonly SalvagedRow[];
  /** Rows with keys that another leaf owns: the page is an older use of its number. */
  readonly strays: readonly SalvagedRow[];
  /** What is left of rows that cannot be read. */
  readonly lost: readonly LostCell[];
  /** The only table that they can belong to; undefined when there is none, or more than one. */
  readonly table: string | undefined;
  readonly reason: string;
}

/** A table whose tree is damaged, with the leaves that are still in their place. */
export interface DamagedTable {
  readonly shape: TableShape;
  readonly leaves: readonly PlacedLeaf[];
}

/**
 * Leaves that no tree reaches, because an interior page above them is gone. A page is given to a table only when that
 * table's tree is damaged, every row on the page fits it, no other such table would do, and no other leaf owns its keys.
 */
export function* findOrphans(
  source: SalvageSource,
  {
    taken,
    damaged,
    lostIndexes,
  }: {
    readonly taken: ReadonlySet<number>;
    readonly damaged: readonly DamagedTable[];
    readonly lostIndexes: readonly IndexShape[];
  },
): Generator<OrphanPage> {
  const shapes = damaged.map(({ shape }) => shape);
  const branches = orphanBranches(source, taken);
  const owners = ownersByTable(source, branches, damaged);
  const rivals = rivalsByTable(source, { taken, branches, shapes });
  for (const number of candidates(source, taken)) {
    const page = source.pages.read(number);
    const header = page === undefined ? undefined : readPageHeader(page, number);
    if (page === undefined || header === undefined || header.cellCount === 0) continue;
    const isRowid = header.type === pageType.tableLeaf;
    if (!isRowid && !(isIndexPage(header.type) && shapes.some(({ withoutRowid }) => withoutRowid))) continue;
    const { rows, lost } = rowsOfPage(source, number);
    if (findPageFault(page, number, source) !== undefined) {
      yield { page: number, rows, strays: [], lost, table: undefined, reason: 'the page is damaged' };
      continue;
    }
    const fitting = matchRows(rows, ofKind(shapes, isRowid));
    const index = isRowid ? undefined : indexOf(rows, lostIndexes);
    // Entries of an index are no rows.
    if (index !== undefined && fitting.reason === fitsNone) continue;
    const match = index === undefined ? fitting : { table: undefined, reason: `can as well be of index ${index.name}` };
    const branch = branches.get(number);
    const owner = owners.get(match.table ?? '');
    const rival = rivals.get(match.table ?? '');
    const belongs = (row: SalvagedRow): boolean => {
      if (row.rowid === undefined) return true;
      if (branch !== undefined) return holds(branch, row.rowid);
      return (owner?.ownerOf(row.rowid) ?? number) === number && rival?.contest(row) !== true;
    };
    yield { page: number, rows: rows.filter(belongs), strays: rows.filter((row) => !belongs(row)), lost, ...match };
  }
}

function* candidates(source: SalvageSource, taken: ReadonlySet<number>): Generator<number> {
  const free = freePages(source);
  for (let number = 2; number <= source.pageCount; number++) {
    if (!taken.has(number) && !free.has(number)) yield number;
  }
}

/** Children of the sound interior pages that no tree reaches, with the keys that belong there. */
function orphanBranches(source: SalvageSource, taken: ReadonlySet<number>): Map<number, Branch> {
  const branches = new Map<number, Branch>();
  for (const number of candidates(source, taken)) {
    const page = source.pages.read(number);
    const header = page === undefined ? undefined : readPageHeader(page, number);
    if (page === undefined || header?.type !== pageType.tableInterior) continue;
    if (findPageFault(page, number, source) !== undefined) continue;
    const whole = { above: undefined, upTo: undefined };
    for (const branch of branchesOf(page, header, whole, source.usableSize)) branches.set(branch.page, branch);
  }
  return branches;
}

/** Keys of each damaged table that a known leaf owns: one in its place, or one below an interior page without a root. */
function ownersByTable(
  source: SalvageSource,
  branches: ReadonlyMap<number, Branch>,
  damaged: readonly DamagedTable[],
): Map<string, KeyOwners> {
  const shapes = ofKind(
    damaged.map(({ shape }) => shape),
    true,
  );
  const owned = new Map<string, OwnedRange[]>(damaged.map(({ shape, leaves }) => [shape.name, [...leaves]]));
  for (const { page, above, upTo } of branches.values()) {
    const bytes = source.pages.read(page);
    if (bytes?.[0] !== pageType.tableLeaf || findPageFault(bytes, page, source) !== undefined) continue;
    const keys = rowsOfPage(source, page);
    const { table } = matchRows(keys.rows, shapes);
    const [first, last] = [keys.rows[0]?.rowid, keys.rows.at(-1)?.rowid];
    if (table === undefined || first === undefined || last === undefined) continue;
    // At the ends of an interior page its own keys tell nothing: then the rows that are there do.
    owned.get(table)?.push({ page, above: above ?? first - 1n, upTo: upTo ?? last });
  }
  return new Map([...owned].map(([table, ranges]) => [table, new KeyOwners(ranges)]));
}

/** Leaves of each table that nothing points at. */
function rivalsByTable(
  source: SalvageSource,
  {
    taken,
    branches,
    shapes,
  }: { taken: ReadonlySet<number>; branches: ReadonlyMap<number, Branch>; shapes: readonly TableShape[] },
): Map<string, RivalLeaves> {
  const leaves = new Map<string, LeafKeys[]>();
  for (const number of candidates(source, taken)) {
    const page = branches.has(number) ? undefined : source.pages.read(number);
    if (page?.[0] !== pageType.tableLeaf || findPageFault(page, number, source) !== undefined) continue;
    const { rows } = rowsOfPage(source, number);
    const [first, last] = [rows[0]?.rowid, rows.at(-1)?.rowid];
    const { table } = first === undefined ? { table: undefined } : matchRows(rows, ofKind(shapes, true));
    if (table === undefined || first === undefined || last === undefined) continue;
    const known = leaves.get(table) ?? [];
    known.push({ page: number, first, last });
    leaves.set(table, known);
  }
  const rowsOf = (page: number): readonly SalvagedRow[] => rowsOfPage(source, page).rows;
  return new Map([...leaves].map(([table, keys]) => [table, new RivalLeaves(keys, rowsOf)]));
}

/** Leaves of tables on free pages, with the only table that their rows fit. */
export function* findDeleted(source: SalvageSource, shapes: readonly TableShape[]): Generator<OrphanPage> {
  for (const number of freePages(source)) {
    const page = source.pages.read(number);
    const header = page === undefined ? undefined : readPageHeader(page, number);
    if (page === undefined || header?.type !== pageType.tableLeaf || header.cellCount === 0) continue;
    if (findPageFault(page, number, source) !== undefined) continue;
    const { rows } = rowsOfPage(source, number);
    if (rows.length > 0) yield { page: number, rows, strays: [], lost: [], ...matchRows(rows, ofKind(shapes, true)) };
  }
}

function isIndexPage(type: number): boolean {
  return type === pageType.indexLeaf || type === pageType.indexInterior;
}

function ofKind(shapes: readonly TableShape[], isRowid: boolean): TableShape[] {
  return shapes.filter(({ withoutRowid }) => withoutRowid !== isRowid);
}

const fitsNone = 'fits no damaged table';

function indexOf(rows: readonly SalvagedRow[], indexes: readonly IndexShape[]): IndexShape | undefined {
  const records = rows.map(({ values }) => values);
  return indexes.find((one) => couldBeEntries(records, one));
}

function matchRows(
  rows: readonly SalvagedRow[],
  shapes: readonly TableShape[],
): { table: string | undefined; reason: string } {
  if (rows.length === 0) return { table: undefined, reason: 'no row of it can be read' };
  const fitting = shapes.filter((shape) => rows.every(({ values }) => fits(values, shape)));
  // A page whose longest row has all columns of one table, and fewer than those of another, belongs to the first.
  const longest = Math.max(...rows.map(({ values }) => values.length));
  const exact = fitting.filter(({ columns }) => columns.length === longest);
  const [only] = exact.length === 1 ? exact : fitting.length === 1 ? fitting : [];
  if (only !== undefined) return { table: only.name, reason: 'fits this table alone' };
  return { table: undefined, reason: fitting.length === 0 ? fitsNone : 'fits more than one table' };
}

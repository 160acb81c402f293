import { writeFileSync } from 'node:fs';
import type { OperationContext, ProgressTask } from '../../context.ts';
import { TradedbError, throwIfCancelled } from '../../error.ts';
import { type Connection, openReadWrite } from '../../sqlite/connection.ts';
import { normalProfile } from '../../sqlite/pragma-profile.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { readTable, type SchemaEntry } from '../schema-pages.ts';
import { type Accounted, accountForPages } from './accounted-pages.ts';
import { type IndexShape, indexShapes } from './index-shape.ts';
import type { KeyRange } from './leaf-order.ts';
import { describeRanges } from './missing-keys.ts';
import { type DamagedTable, findDeleted, findOrphans } from './orphan-match.ts';
import { type LostCell, rowsOfBrokenLeaf, rowsOfPage, type SalvagedRow } from './page-rows.ts';
import { Quarantine } from './quarantine.ts';
import type { SalvageSource } from './salvage-source.ts';
import type { SalvageSchema } from './schema-source.ts';
import { fits, insertSql, insertValues, shapeOf, type TableShape } from './table-shape.ts';
import { type Branch, walkTree } from './tree-walk.ts';
import { remakeVirtualTable } from './virtual-table.ts';

export interface SalvagedTable {
  readonly name: string;
  rowsRecovered: number;
  rowsQuarantined: number;
  /** Damaged or missing pages of its tree. */
  brokenPages: number;
  /** Rowids that were below them, in words. */
  missingKeyRanges: readonly string[];
  /** Pages whose newest image was in a broken frame of the WAL: their rows are those of an older commit. */
  outdatedPages: number;
}

export interface SalvageResult {
  readonly tables: readonly SalvagedTable[];
  /** Rows without a place, also those of no known table. */
  readonly quarantined: number;
  /** Rows on free pages: deleted ones, kept apart in table `deleted` of the quarantine. */
  readonly deletedRows: number;
  /** Objects that could not be made again. */
  readonly failedObjects: readonly { readonly type: string; readonly name: string; readonly reason: string }[];
}

interface Work {
  readonly source: SalvageSource;
  readonly connection: Connection;
  readonly quarantine: Quarantine;
  readonly tables: Map<string, SalvagedTable>;
  readonly ranges: Map<string, readonly KeyRange[]>;
  /** Pages whose image is older than the last commit: rows on them can be deleted or changed ones. */
  readonly stale: ReadonlySet<number>;
  readonly includeFreed: boolean;
  readonly progress: ProgressTask;
  readonly context: OperationContext;
}

/** Writes every row that can be read into a new database at `resultPath`; what has no place goes to `quarantinePath`. */
export function salvage(
  source: SalvageSource,
  schema: SalvageSchema,
  options: { readonly resultPath: string; readonly quarantinePath: string; readonly includeFreed: boolean },
  context: OperationContext,
): SalvageResult {
  const connection = makeResult(source, options.resultPath, context);
  const quarantine = new Quarantine(options.quarantinePath, context);
  const progress = context.progress.start({
    id: 'salvage',
    label: 'salvaging rows',
    unit: 'pages',
    total: source.pageCount,
  });
  const work: Work = {
    source,
    connection,
    quarantine,
    tables: new Map(),
    ranges: new Map(),
    stale: new Set(source.reanchored?.stalePages ?? []),
    includeFreed: options.includeFreed,
    progress,
    context,
  };
  try {
    const failed = createObjects(connection, schema.entries.filter(isOrdinaryTable));
    const present = schema.entries.filter(({ type, name }) => type === 'table' && exists(connection, name));
    const trees = copyTrees(work, present, schema.entries);
    const shapes = present.filter((table) => !isInternal(table)).map(({ name }) => shapeOf(connection, name));
    const accounted = accountForPages(source, schema.entries, (table) =>
      shapes.some(({ name, withoutRowid }) => name === table && withoutRowid),
    );
    placeOrphans(work, trees, accounted);
    if (accounted.tables) keepDeleted(work, shapes);
    describeMissing(work);
    copySequences(work, schema.entries);
    failed.push(...virtualTables(connection, schema.entries));
    failed.push(...createObjects(connection, schema.entries.filter(isLater)));
    setHeaderValues(work);
    return {
      tables: [...work.tables.values()],
      quarantined: quarantine.count,
      deletedRows: quarantine.deleted,
      failedObjects: failed,
    };
  } finally {
    progress.done();
    quarantine.close();
    connection.close();
  }
}

function makeResult(source: SalvageSource, path: string, context: OperationContext): Connection {
  writeFileSync(path, '', { flag: 'wx' });
  const connection = openReadWrite(path, { ...normalProfile, foreignKeys: false }, context);
  connection.pragma(`page_size = ${source.pageSize}`);
  connection.pragma(`encoding = '${source.encoding.replace('utf-', 'UTF-')}'`);
  if (source.target.header?.readVersion !== 1) connection.pragma('journal_mode = WAL');
  return connection;
}

const isVirtual = ({ sql }: SchemaEntry): boolean => /^create\s+virtual\s/i.test(sql);
const isInternal = ({ name }: SchemaEntry): boolean => /^sqlite_/i.test(name);
const isOrdinaryTable = (entry: SchemaEntry): boolean =>
  entry.type === 'table' && !isVirtual(entry) && !isInternal(entry);
const isLater = (entry: SchemaEntry): boolean => entry.type !== 'table' && entry.sql !== '';

function createObjects(
  connection: Connection,
  entries: readonly SchemaEntry[],
): SalvageResult['failedObjects'][number][] {
  const order = ['table', 'index', 'view', 'trigger'];
  const sorted = [...entries].sort((a, b) => order.indexOf(a.type) - order.indexOf(b.type));
  return sorted.flatMap(({ type, name, sql }) => {
    try {
      connection.exec(sql);
      return [];
    } catch (error) {
      if (!(error instanceof TradedbError)) throw error;
      return [{ type, name, reason: error.message }];
    }
  });
}

function virtualTables(
  connection: Connection,
  entries: readonly SchemaEntry[],
): SalvageResult['failedObjects'][number][] {
  return entries.filter(isVirtual).flatMap((entry) => {
    const reason = remakeVirtualTable(connection, entry);
    return reason === undefined ? [] : [{ type: 'virtual table', name: entry.name, reason }];
  });
}

function exists(connection: Connection, name: string): boolean {
  return connection.get("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", [name]) !== undefined;
}

interface Trees {
  readonly taken: ReadonlySet<number>;
  readonly damaged: readonly DamagedTable[];
  /** Indexes whose pages cannot all be told from the rows of tables without rowids. */
  readonly lostIndexes: readonly IndexShape[];
}

/** Rows that are reached from the roots. Index trees are only marked, so that their pages are not taken for orphans. */
function copyTrees(work: Work, tables: readonly SchemaEntry[], all: readonly SchemaEntry[]): Trees {
  const { source, connection } = work;
  const taken = new Set<number>();
  const damaged: DamagedTable[] = [];
  walkTree(source, 1, true, taken);
  const indexes = all.filter(({ type, rootPage }) => type === 'index' && rootPage > 0);
  const lost = new Set(
    indexes
      .filter(({ rootPage }) => walkTree(source, rootPage, false, taken).broken.length > 0)
      .map(({ name }) => name),
  );
  for (const { type, name, rootPage } of all) if (type === 'index' && rootPage === 0) lost.add(name);
  for (const entry of tables.filter((table) => !isInternal(table))) {
    const shape = shapeOf(connection, entry.name);
    const tree = entry.rootPage > 0 ? walkTree(source, entry.rootPage, !shape.withoutRowid, taken) : undefined;
    const broken = tree?.broken.length ?? 1;
    work.tables.set(entry.name, {
      name: entry.name,
      rowsRecovered: 0,
      rowsQuarantined: 0,
      brokenPages: broken,
      missingKeyRanges: [],
      outdatedPages: (tree?.pages ?? []).filter((page) => work.stale.has(page)).length,
    });
    work.ranges.set(entry.name, tree?.missing ?? []);
    if (broken > 0) damaged.push({ shape, leaves: tree?.leaves ?? [] });
    copyPages(work, shape, tree?.pages ?? []);
    copyBrokenLeaves(work, shape, tree?.partial ?? []);
    for (const page of tree?.misplaced ?? []) quarantinePage(work, shape.name, page);
  }
  for (const entry of all.filter((table) => isInternal(table) && table.type === 'table' && table.rootPage > 0)) {
    walkTree(source, entry.rootPage, true, taken);
  }
  const lostIndexes = indexShapes(all, work.context).filter(({ name }) => lost.has(name));
  return { taken, damaged, lostIndexes };
}

const pagesPerTransaction = 200;
const otherUse = 'another page claims its key: the row may be a deleted one';

function copyPages(work: Work, shape: TableShape, pages: readonly number[]): void {
  for (let start = 0; start < pages.length; start += pagesPerTransaction) {
    throwIfCancelled(work.context.signal);
    const batch = pages.slice(start, start + pagesPerTransaction);
    work.connection.tx(() => {
      for (const page of batch) {
        const { rows, lost } = rowsOfPage(work.source, page);
        const isStale = work.stale.has(page) && !work.includeFreed;
        for (const row of rows) {
          if (isStale)
            quarantineRow(work, shape.name, row, 'of an older version of the page: its newest was in a broken frame');
          else placeRow(work, shape, row);
        }
        for (const cell of lost) quarantineCell(work, shape.name, cell);
      }
    });
    work.progress.advance(batch.length);
  }
}

/** Leaves with a fault, or cut by the end of the file: cells that hold together are rows all the same. */
function copyBrokenLeaves(work: Work, shape: TableShape, leaves: readonly Branch[]): void {
  for (const leaf of leaves) {
    throwIfCancelled(work.context.signal);
    const { rows, lost } = rowsOfBrokenLeaf(work.source, leaf);
    work.connection.tx(() => {
      for (const row of rows) placeRow(work, shape, row);
      for (const cell of lost) quarantineCell(work, shape.name, cell);
    });
  }
}

function quarantinePage(work: Work, table: string, page: number): void {
  const { rows, lost } = rowsOfPage(work.source, page);
  for (const row of rows) quarantineRow(work, table, row, otherUse);
  for (const cell of lost) quarantineCell(work, table, cell);
}

function placeRow(work: Work, shape: TableShape, row: SalvagedRow): void {
  if (!fits(row.values, shape)) {
    quarantineRow(work, shape.name, row, 'does not fit the columns of its table');
    return;
  }
  try {
    const sql = insertSql(shape, row.values.length);
    work.connection.run(sql, insertValues(shape, row.values, row.rowid));
    countOf(work, shape.name).rowsRecovered += 1;
  } catch (error) {
    if (!(error instanceof TradedbError) || error.code !== 'constraint_violation') throw error;
    quarantineRow(work, shape.name, row, error.message);
  }
}

function countOf(work: Work, table: string): SalvagedTable {
  const count = work.tables.get(table);
  if (count === undefined) throw new Error(`no table ${table}`);
  return count;
}

function quarantineRow(work: Work, table: string | undefined, row: SalvagedRow, reason: string): void {
  work.quarantine.add({ page: row.page, table, rowid: row.rowid, reason, values: row.values });
  if (table !== undefined) countOf(work, table).rowsQuarantined += 1;
}

function quarantineCell(work: Work, table: string | undefined, { page, rowid, bytes }: LostCell): void {
  work.quarantine.add({ page, table, rowid, reason: 'the record or its overflow chain is broken', bytes });
  if (table !== undefined) countOf(work, table).rowsQuarantined += 1;
}

/** Leaves below a lost interior page. While the free pages are unknown, such a page can as well hold deleted rows. */
function placeOrphans(work: Work, trees: Trees, accounted: Accounted): void {
  const { source, context } = work;
  for (const orphan of findOrphans(source, trees)) {
    throwIfCancelled(context.signal);
    const shape = trees.damaged.find((one) => one.shape.name === orphan.table)?.shape;
    const canPlace = work.includeFreed || (shape?.withoutRowid === true ? accounted.indexes : accounted.tables);
    work.connection.tx(() => {
      for (const cell of orphan.lost) quarantineCell(work, orphan.table, cell);
      for (const row of orphan.strays) quarantineRow(work, orphan.table, row, otherUse);
      for (const row of orphan.rows) {
        if (shape !== undefined && canPlace) placeRow(work, shape, row);
        else
          quarantineRow(
            work,
            orphan.table,
            row,
            shape === undefined ? orphan.reason : 'may be deleted: the list of free pages is lost',
          );
      }
    });
  }
}

/** Rows on free pages were deleted: never in a table, but not thrown away either. */
function keepDeleted({ source, connection, quarantine, context }: Work, shapes: readonly TableShape[]): void {
  for (const { page, rows, table } of findDeleted(source, shapes)) {
    throwIfCancelled(context.signal);
    const shape = shapes.find(({ name }) => name === table);
    for (const { rowid, values } of rows) {
      // When pages are merged, the freed one keeps old copies of rows that live on in another.
      if (shape !== undefined && rowid !== undefined && hasRow(connection, shape, rowid)) continue;
      quarantine.addDeleted({ page, table, rowid, reason: 'on a free page', values });
    }
  }
}

function hasRow(connection: Connection, shape: TableShape, rowid: bigint): boolean {
  const key = shape.alias >= 0 ? shape.columns[shape.alias]?.name : shape.rowidName;
  if (key === undefined) return false;
  const sql = `SELECT 1 FROM ${quoteIdentifier(shape.name)} WHERE ${quoteIdentifier(key)} = ?`;
  return connection.value(sql, [rowid]) !== undefined;
}

function describeMissing({ connection, ranges, tables }: Work): void {
  for (const [name, missing] of ranges) {
    const table = tables.get(name);
    if (table !== undefined && missing.length > 0) {
      table.missingKeyRanges = describeRanges(connection, shapeOf(connection, name), missing);
    }
  }
}

function copySequences({ source, connection }: Work, entries: readonly SchemaEntry[]): void {
  const root = entries.find(({ name }) => name === 'sqlite_sequence')?.rootPage ?? 0;
  if (root === 0 || !exists(connection, 'sqlite_sequence')) return;
  connection.tx(() => {
    for (const [name, sequence] of readTable(source.pages, root, source.usableSize).rows) {
      if (typeof name !== 'string' || typeof sequence !== 'bigint') continue;
      const changed = connection.run('UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?', [sequence, name]);
      if (changed.changes === 0)
        connection.run('INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)', [name, sequence]);
    }
  });
}

function setHeaderValues({ source, connection }: Work): void {
  const { header } = source.target;
  if (header === undefined) return;
  connection.pragma(`user_version = ${header.userVersion}`);
  connection.pragma(`application_id = ${header.applicationId}`);
}

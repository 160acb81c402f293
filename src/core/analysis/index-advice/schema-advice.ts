import { listTables, readForeignKeys } from '../../schema/introspect.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { contentKey, type ExistingIndex, termText } from '../candidates/index-definition.ts';

/** An index whose work another one can do. */
export interface OverlappingIndex {
  readonly index: ExistingIndex;
  readonly servedBy: ExistingIndex;
  /** `duplicate`: the same entries. `prefix`: its columns are the first ones of the other. */
  readonly kind: 'duplicate' | 'prefix';
}

/**
 * Pairs of indexes of which one may go. A prefix is only a suspicion: `(a)` ends in the rowid and serves `ORDER BY id`
 * behind `a = ?`, which `(a, b)` cannot. UNIQUE and automatic indexes are constraints and never go.
 */
export function overlappingIndexes(indexes: readonly ExistingIndex[]): OverlappingIndex[] {
  const found: OverlappingIndex[] = [];
  for (const [position, index] of indexes.entries()) {
    if (index.automatic || index.unique) continue;
    const sameTable = indexes.filter((other) => other !== index && other.table === index.table);
    const duplicate = sameTable.find(
      (other) =>
        contentKey(other) === contentKey(index) &&
        // Of two equal ones the later goes.
        (other.unique || indexes.indexOf(other) < position),
    );
    const longer = sameTable.find((other) => isPrefix(index, other));
    if (duplicate !== undefined) found.push({ index, servedBy: duplicate, kind: 'duplicate' });
    else if (longer !== undefined) found.push({ index, servedBy: longer, kind: 'prefix' });
  }
  return found;
}

function isPrefix(short: ExistingIndex, long: ExistingIndex): boolean {
  if (short.terms.length >= long.terms.length || short.terms.some((term) => term.column === null)) return false;
  // A partial index holds a part of the rows only; two with the same condition are compared like plain ones.
  if (long.where !== undefined && long.where !== short.where) return false;
  return short.terms.every((term, place) => {
    const other = long.terms[place];
    return other !== undefined && termText(term) === termText(other);
  });
}

/** A foreign key whose child rows can only be found by reading the whole table. */
export interface UnindexedForeignKey {
  readonly table: string;
  readonly columns: readonly string[];
  readonly parent: string;
  readonly onDelete: string;
  readonly sql: string;
}

/** Reading a smaller table as a whole is no harm. */
const smallTableRows = 1000;

/** Foreign keys of tables that are worth an index. */
export function unindexedForeignKeys(connection: Connection, indexes: readonly ExistingIndex[]): UnindexedForeignKey[] {
  const tables = listTables(connection).filter((table) => table.kind === 'table' && isLarge(connection, table.name));
  return tables.flatMap((table) => {
    const own = indexes.filter((index) => index.table === table.name);
    return readForeignKeys(connection, table.name)
      .filter(
        (key) => !isRowid(connection, table.name, key.columns) && !own.some((index) => serves(index, key.columns)),
      )
      .map((key) => ({
        table: table.name,
        columns: key.columns,
        parent: key.parent,
        onDelete: key.onDelete,
        sql: `CREATE INDEX ${quoteIdentifier(`ix_${table.name}_${key.columns.join('_')}`)} ON ${quoteIdentifier(table.name)} (${key.columns
          .map(quoteIdentifier)
          .join(', ')})`,
      }));
  });
}

function isLarge(connection: Connection, table: string): boolean {
  const sql = `SELECT count(*) FROM (SELECT 1 FROM ${quoteIdentifier(table)} LIMIT ${smallTableRows})`;
  return Number(connection.value(sql) ?? 0) >= smallTableRows;
}

/** The first terms of the index are the columns, in any order. A partial index `WHERE column IS NOT NULL` serves too. */
export function serves(index: ExistingIndex, columns: readonly string[]): boolean {
  const wanted = new Set(columns.map((column) => column.toLowerCase()));
  const head = index.terms.slice(0, columns.length).map((term) => term.column?.toLowerCase() ?? '');
  const total = index.where === undefined || onlyNotNull(index.where, wanted);
  return total && head.length === columns.length && head.every((column) => wanted.has(column));
}

function onlyNotNull(where: string, columns: ReadonlySet<string>): boolean {
  const column = /^"?([^"]+?)"?\s+IS\s+NOT\s+NULL$/i.exec(where.trim())?.[1]?.toLowerCase();
  return column !== undefined && columns.has(column);
}

function isRowid(connection: Connection, table: string, columns: readonly string[]): boolean {
  if (columns.length !== 1) return false;
  const row = connection.get<{ type: string }>(
    'SELECT type FROM pragma_table_info(?) WHERE pk > 0 AND lower(name) = lower(?)',
    [table, columns[0] ?? ''],
  );
  return row?.type.toUpperCase() === 'INTEGER';
}

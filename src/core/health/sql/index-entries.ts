import { TradedbError } from '../../error.ts';
import { isKeyword, isTrivia, tokenize } from '../../schema/sql-lexer.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { Row } from '../../sqlite/statement.ts';

/** An index whose entries can be compared with the rows of its table. */
export interface ComparableIndex {
  readonly table: string;
  readonly name: string;
  /** Expressions that name a row: its rowid, or its primary key. */
  readonly key: readonly string[];
  /** Indexed columns; expressions are left out. */
  readonly columns: readonly string[];
  readonly where: string | undefined;
}

/** One entry or row: its key as one text, and its columns as texts that keep type and bytes apart. */
export interface EntrySide {
  readonly key: string;
  readonly values: readonly string[];
}

export interface EntryDifferences {
  /** Rows without an entry of this content. */
  readonly onlyInTable: readonly EntrySide[];
  /** Entries without a row of this content. */
  readonly onlyInIndex: readonly EntrySide[];
  /** The index cannot be read: its own pages are damaged. */
  readonly unreadable?: string;
  /** It cannot be compared, for a reason that is no fault of it. */
  readonly skipped?: string;
}

/** Differences that are looked at per index and direction. */
const most = 10_000;

/** All indexes of ordinary tables but the ones that are the table itself. */
export function comparableIndexes(connection: Connection): ComparableIndex[] {
  const rows = connection.all<{ tbl_name: string; name: string; sql: string | null; wr: number }>(
    `SELECT i.tbl_name, i.name, i.sql, l.wr FROM sqlite_schema i
     JOIN pragma_table_list l ON l.name = i.tbl_name AND l.schema = 'main'
     WHERE i.type = 'index' AND i.rootpage > 0 ORDER BY i.tbl_name, i.name`,
  );
  return rows.map(({ tbl_name: table, name, sql, wr }) => ({
    table,
    name,
    key: wr === 1 ? primaryKey(connection, table) : [rowidOf(connection, table)],
    columns: connection
      .all<{ name: string }>('SELECT name FROM pragma_index_xinfo(?) WHERE key = 1 AND cid >= 0 ORDER BY seqno', [name])
      .map((column) => column.name),
    where: sql === null ? undefined : whereOf(sql),
  }));
}

function primaryKey(connection: Connection, table: string): string[] {
  return connection
    .all<{ name: string }>('SELECT name FROM pragma_table_xinfo(?) WHERE pk > 0 ORDER BY pk', [table])
    .map(({ name }) => quoteIdentifier(name));
}

function rowidOf(connection: Connection, table: string): string {
  const columns = connection.all<{ name: string }>('SELECT name FROM pragma_table_xinfo(?)', [table]);
  const taken = new Set(columns.map(({ name }) => name.toLowerCase()));
  return ['rowid', '_rowid_', 'oid'].find((name) => !taken.has(name)) ?? 'NULL';
}

/** The condition of a partial index. */
function whereOf(sql: string): string | undefined {
  let depth = 0;
  for (const token of tokenize(sql)) {
    if (isTrivia(token)) continue;
    if (token.text === '(') depth += 1;
    else if (token.text === ')') depth -= 1;
    else if (depth === 0 && isKeyword(token, 'WHERE')) return sql.slice(token.start + token.text.length);
  }
  return undefined;
}

/** Compares an index with its table, in both directions. */
export function compareEntries(connection: Connection, index: ComparableIndex): EntryDifferences {
  const none = { onlyInTable: [], onlyInIndex: [] };
  if (index.key.includes('NULL')) return { ...none, skipped: 'no name is left for the rowid' };
  const list = [
    ...index.key.map((key) => `quote(${key})`),
    ...index.columns.map((name) => exact(quoteIdentifier(name))),
  ].join(', ');
  const from = `SELECT ${list} FROM ${quoteIdentifier(index.table)}`;
  // The end of the line closes a comment in the condition.
  const where = index.where === undefined ? '' : ` WHERE (${index.where}\n)`;
  const table = `${from} NOT INDEXED${where}`;
  const entries = `${from} INDEXED BY ${quoteIdentifier(index.name)}${where}`;
  try {
    const plan = connection.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${entries}`);
    // Otherwise the values would be read from the table, and agree with it whatever the index holds.
    if (!plan.some(({ detail }) => detail.includes('COVERING INDEX'))) {
      return { ...none, skipped: 'its entries cannot be read without the table' };
    }
    return {
      onlyInTable: sides(connection, `${table} EXCEPT ${entries} LIMIT ${most}`, index.key.length),
      onlyInIndex: sides(connection, `${entries} EXCEPT ${table} LIMIT ${most}`, index.key.length),
    };
  } catch (error) {
    if (!(error instanceof TradedbError)) throw error;
    if (error.code === 'sql_error') return { ...none, skipped: error.message };
    if (error.code !== 'database_corrupt') throw error;
    // Is it the table? Then this throws, and nobody can vote.
    connection.value(`SELECT count(*) FROM (${table} LIMIT -1)`);
    return { ...none, unreadable: error.message };
  }
}

/** Type and bytes: a comparison by the collation of the column would take 'a' and 'A' for equal. */
function exact(column: string): string {
  return `typeof(${column}) || ' ' || CASE typeof(${column}) WHEN 'real' THEN quote(${column}) ELSE hex(${column}) END`;
}

function sides(connection: Connection, sql: string, keys: number): EntrySide[] {
  return connection.all<Row>(sql).map((row) => {
    const texts = Object.values(row).map(String);
    return { key: texts.slice(0, keys).join(', '), values: texts.slice(keys) };
  });
}

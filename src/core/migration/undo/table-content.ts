import { createHash } from 'node:crypto';
import { throwIfCancelled } from '../../error.ts';
import { listTables, readColumns, sameName } from '../../schema/introspect.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';

/** How many rows a table has, and what they are: rowids, types and values, to the bit. */
export interface TableContent {
  readonly name: string;
  readonly rows: number;
  readonly digest: string;
}

/** Rows between two looks at the signal. */
const turn = 65_536;

/**
 * Every table of the user in one snapshot, by name; the counters of AUTOINCREMENT count as a table too, because ids
 * that were given away and deleted again are data. Tables behind virtual tables stand for these.
 */
export function readContents(connection: Connection, historyTable: string, signal: AbortSignal): TableContent[] {
  return connection.read(() => {
    const tables = listTables(connection).filter(
      ({ name, kind }) =>
        (kind === 'table' || kind === 'shadow') && !sameName(name, historyTable) && !name.startsWith('_tradedb_'),
    );
    const contents = tables.map(({ name, withoutRowid }) => readContent(connection, { name, withoutRowid }, signal));
    const counters = connection.get(`SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence'`);
    if (counters !== undefined) contents.push(readCounters(connection, historyTable));
    return contents;
  });
}

function readContent(
  connection: Connection,
  table: { readonly name: string; readonly withoutRowid: boolean },
  signal: AbortSignal,
): TableContent {
  const columns = readColumns(connection, table.name);
  const key = columns
    .filter((column) => column.keyPosition > 0)
    .sort((left, right) => left.keyPosition - right.keyPosition)
    .map((column) => quoteIdentifier(column.name));
  const rowid = table.withoutRowid ? undefined : rowidName(columns.map((column) => column.name));
  const values = columns
    .filter((column) => column.generated === 'no' && !column.hidden)
    .map((column) => quoteIdentifier(column.name));
  const shown = [...(rowid === undefined ? [] : [rowid]), ...values].map((value) => `quote(${value})`);
  // All columns behind the key: a table may have no name left for its rowid.
  const order = rowid ?? [...(table.withoutRowid ? key : []), ...values].join(', ');
  const from = `main.${quoteIdentifier(table.name)} ORDER BY ${order}`;
  const hash = createHash('sha256');
  let rows = 0;
  for (const { row } of connection.iterate<{ row: string }>(
    `SELECT ${shown.join(` || ',' || `)} AS row FROM ${from}`,
  )) {
    hash.update(row).update('\n');
    rows += 1;
    if (rows % turn === 0) throwIfCancelled(signal);
  }
  return { name: table.name, rows, digest: hash.digest('hex') };
}

/** The name under which a table shows its rowid; each of them may be hidden by a column. */
function rowidName(columns: readonly string[]): string | undefined {
  return ['rowid', '_rowid_', 'oid'].find((name) => !columns.some((column) => sameName(column, name)));
}

function readCounters(connection: Connection, historyTable: string): TableContent {
  const counters = connection
    .all<{ name: string; seq: number }>('SELECT name, seq FROM main.sqlite_sequence ORDER BY name, seq')
    .filter(({ name }) => !sameName(name, historyTable));
  const digest = createHash('sha256').update(JSON.stringify(counters)).digest('hex');
  return { name: 'sqlite_sequence', rows: counters.length, digest };
}

export interface ContentComparison {
  readonly name: string;
  /** Rows after the run as it was repeated on the copy; null when the copy has no such table. */
  readonly rowsExpected: number | null;
  readonly rowsActual: number | null;
  readonly equal: boolean;
}

/** Expected against actual, in order of name. */
export function compareContents(
  expected: readonly TableContent[],
  actual: readonly TableContent[],
): ContentComparison[] {
  const byName = new Map(actual.map((table) => [table.name, table]));
  const compared: ContentComparison[] = expected.map(({ name, rows, digest }) => {
    const found = byName.get(name);
    byName.delete(name);
    return { name, rowsExpected: rows, rowsActual: found?.rows ?? null, equal: found?.digest === digest };
  });
  for (const { name, rows } of byName.values()) {
    compared.push({ name, rowsExpected: null, rowsActual: rows, equal: false });
  }
  return compared.sort((left, right) => (left.name < right.name ? -1 : 1));
}

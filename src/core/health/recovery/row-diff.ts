import { appendFileSync } from 'node:fs';
import { type Connection, type ConnectionPorts, openReadOnly } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { Row } from '../../sqlite/statement.ts';

/** How a table of the result differs from the same table of a backup. */
export interface TableDifference {
  readonly name: string;
  readonly rowsInBackup: number;
  readonly rowsInResult: number;
  /** In the backup, not in the result: lost, or deleted after the backup. */
  readonly missing: number;
  /** With the same key and other values: changed after the backup, or damaged. */
  readonly changed: number;
  /** Runs of missing integer keys, the first ones. */
  readonly missingKeyRanges: readonly string[];
}

/** Rows that are written out at most, over all tables. */
const mostRows = 100_000;
const mostRanges = 20;

/**
 * Compares a result with a backup, table by table and row by row, by rowid or primary key. Missing rows are appended to
 * `rowsFile`, one JSON line each.
 */
export function compareRows(
  resultPath: string,
  backupPath: string,
  rowsFile: string,
  ports: ConnectionPorts,
): TableDifference[] {
  const connection = openReadOnly(resultPath, ports);
  try {
    connection.run('ATTACH ? AS backup', [backupPath]);
    let written = 0;
    const differences: TableDifference[] = [];
    for (const name of commonTables(connection)) {
      const comparison = comparisonOf(connection, name);
      if (comparison === undefined) continue;
      const missing = missingRows(connection, comparison, (row) => {
        if (written === mostRows) return;
        written += 1;
        appendFileSync(rowsFile, `${JSON.stringify({ table: name, row }, plain)}\n`);
      });
      differences.push({
        name,
        rowsInBackup: count(connection, `backup.${quoteIdentifier(name)}`),
        rowsInResult: count(connection, `main.${quoteIdentifier(name)}`),
        ...missing,
        changed: count(connection, comparison.changed),
      });
    }
    return differences;
  } finally {
    connection.close();
  }
}

function commonTables(connection: Connection): string[] {
  const ordinary = (schema: string): string =>
    `SELECT name FROM ${schema}.sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`;
  return connection
    .all<{ name: string }>(`${ordinary('backup')} INTERSECT ${ordinary('main')} ORDER BY name`)
    .map(({ name }) => name);
}

interface Comparison {
  readonly missing: string;
  readonly changed: string;
}

interface Column {
  readonly name: string;
  readonly pk: number;
}

/** Undefined when the tables have no key in common. */
function comparisonOf(connection: Connection, name: string): Comparison | undefined {
  const columnsOf = (schema: string): Column[] =>
    connection.all<Column>('SELECT name, pk FROM pragma_table_xinfo(?, ?) WHERE hidden = 0', [name, schema]);
  const ours = columnsOf('main');
  const theirs = columnsOf('backup');
  const common = theirs.filter((column) => ours.some((one) => one.name === column.name)).map((column) => column.name);
  const isWithoutRowid = (schema: string): boolean =>
    connection.value('SELECT wr FROM pragma_table_list WHERE schema = ? AND name = ?', [schema, name]) === 1;
  if (isWithoutRowid('main') !== isWithoutRowid('backup')) return undefined;
  const taken = new Set([...ours, ...theirs].map((column) => column.name.toLowerCase()));
  const rowid = ['rowid', '_rowid_', 'oid'].find((candidate) => !taken.has(candidate));
  const primary = theirs.filter(({ pk }) => pk > 0).map((column) => quoteIdentifier(column.name));
  const key = isWithoutRowid('main') ? primary : rowid === undefined ? [] : [rowid];
  if (key.length === 0) return undefined;
  const on = key.map((one) => `b.${one} IS r.${one}`).join(' AND ');
  const tables = `backup.${quoteIdentifier(name)} b LEFT JOIN main.${quoteIdentifier(name)} r ON ${on}`;
  const isThere =
    key.length === 1 && !isWithoutRowid('main') ? `r.${key[0]} IS NOT NULL` : `r.${primary[0]} IS NOT NULL`;
  const differs = common.map((column) => `b.${quoteIdentifier(column)} IS NOT r.${quoteIdentifier(column)}`);
  const list = isWithoutRowid('main') ? 'b.*' : `b.${key[0]} AS "key", b.*`;
  return {
    missing: `SELECT ${list} FROM ${tables} WHERE NOT (${isThere})`,
    changed: `(SELECT 1 FROM ${tables} WHERE ${isThere} AND (${differs.join(' OR ') || '0'}))`,
  };
}

function missingRows(
  connection: Connection,
  comparison: Comparison,
  keep: (row: Row) => void,
): Pick<TableDifference, 'missing' | 'missingKeyRanges'> {
  const ranges: { from: bigint; to: bigint }[] = [];
  let missing = 0;
  for (const row of connection.prepare(comparison.missing).withBigIntegers().iterate<Row>()) {
    missing += 1;
    keep(row);
    const { key } = row;
    if (typeof key !== 'bigint') continue;
    const last = ranges.at(-1);
    if (last !== undefined && key === last.to + 1n) last.to = key;
    else ranges.push({ from: key, to: key });
  }
  const texts = ranges.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`));
  const shown = texts.slice(0, mostRanges);
  return {
    missing,
    missingKeyRanges: texts.length > mostRanges ? [...shown, `and ${texts.length - mostRanges} more`] : shown,
  };
}

function count(connection: Connection, from: string): number {
  return Number(connection.value(`SELECT count(*) FROM ${from}`));
}

function plain(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}

import { listTables, readColumns, type SchemaObject, sameName, type TableListEntry } from '../../schema/introspect.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { MigrationFile } from '../migration.ts';
import { userObjects } from '../snapshot.ts';
import { defaultHistoryTable } from '../state.ts';

/** Rows of one INSERT. */
const rowsPerStatement = 100;

/**
 * The schema and the rows of a replayed database as one migration. Rows stand before indexes and triggers, so that no
 * trigger fires for them.
 */
export function writeSquashed(replayed: Connection, files: readonly MigrationFile[]): string {
  const [first, last] = [files[0], files.at(-1)] as [MigrationFile, MigrationFile];
  const objects = userObjects(replayed, defaultHistoryTable);
  const tables = listTables(replayed).filter(({ name }) => !sameName(name, defaultHistoryTable));
  const shadows = new Set(tables.filter((table) => table.kind === 'shadow').map((table) => table.name));
  const made = (type: SchemaObject['type']): string[] =>
    objects
      .filter((object) => object.type === type && !shadows.has(object.table))
      .map((object) => `${object.sql.trimEnd()};`);
  const rows = tables.filter((table) => table.kind === 'table').flatMap((table) => insertsOf(replayed, table));
  const replaces = `${first.replaces?.first ?? first.version}..${last.version},${countsOf(files).join(',')}`;
  return [
    `-- Stands for ${files.length} files, from ${first.file} to ${last.file}. A database that has all of them records it`,
    '-- without running it; an empty one runs it. Written by tradedb migrate squash, which has proved both equal.',
    `-- migrate:up irreversible replaces=${replaces} lint-ignore="M022:rows of the files that it stands for"`,
    ...made('table'),
    ...rows,
    ...sequencesOf(replayed),
    ...made('index'),
    ...made('view'),
    ...made('trigger'),
    '',
  ].join('\n');
}

/** A database may have a file that was squashed before, or what that one stands for. */
function countsOf(files: readonly MigrationFile[]): number[] {
  let counts = [0];
  for (const file of files) {
    const own = [1, ...(file.replaces?.counts ?? [])];
    counts = counts.flatMap((count) => own.map((more) => count + more));
  }
  return [...new Set(counts)].sort((left, right) => left - right);
}

function insertsOf(connection: Connection, table: TableListEntry): string[] {
  const all = readColumns(connection, table.name);
  const columns = all.filter((column) => column.generated === 'no' && !column.hidden);
  const keys = all.filter((column) => column.keyPosition > 0);
  const isAlias = keys.length === 1 && keys[0]?.type.toUpperCase() === 'INTEGER';
  const rowid = table.withoutRowid || isAlias ? undefined : hiddenRowid(all.map((column) => column.name));
  const names = [...(rowid === undefined ? [] : [rowid]), ...columns.map((column) => quoteIdentifier(column.name))];
  const values = names.map((name) => `quote(${name})`).join(` || ', ' || `);
  const target = quoteIdentifier(table.name);
  const order = rowid ?? (keys.length === 0 ? names[0] : keys.map((key) => quoteIdentifier(key.name)).join(', '));
  const rows = connection.all<{ row: string }>(`SELECT ${values} AS row FROM main.${target} ORDER BY ${order}`);
  const statements: string[] = [];
  for (let at = 0; at < rows.length; at += rowsPerStatement) {
    const part = rows.slice(at, at + rowsPerStatement).map(({ row }) => `  (${row})`);
    statements.push(`INSERT INTO ${target}(${names.join(', ')}) VALUES\n${part.join(',\n')};`);
  }
  return statements;
}

function hiddenRowid(columns: readonly string[]): string | undefined {
  return ['rowid', '_rowid_', 'oid'].find((name) => !columns.some((column) => sameName(column, name)));
}

/** AUTOINCREMENT goes on behind the ids that were given. */
function sequencesOf(connection: Connection): string[] {
  if (connection.get(`SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence'`) === undefined) return [];
  return connection
    .all<{ name: string; seq: string }>(
      'SELECT quote(name) AS name, quote(seq) AS seq FROM main.sqlite_sequence ORDER BY name',
    )
    .flatMap(({ name, seq }) => [
      `DELETE FROM sqlite_sequence WHERE name = ${name};`,
      `INSERT INTO sqlite_sequence(name, seq) VALUES (${name}, ${seq});`,
    ]);
}

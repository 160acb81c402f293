import { TradedbError } from '../error.ts';
import type { Connection } from '../sqlite/connection.ts';
import { quoteIdentifier } from '../sqlite/quote-identifier.ts';
import type { HistoryRow, VersionState } from './history.ts';
import type { MigrationFile } from './migration.ts';
import { compareVersions, isVersion, type Version, versionKey } from './version.ts';

export type ForeignTool = 'knex' | 'dbmate' | 'goose' | 'flyway' | 'golang-migrate';

export interface ForeignEntry {
  readonly version: Version;
  readonly name: string;
  /** What the tool keeps of the file; only Flyway does. */
  readonly checksum?: number;
}

export const usualTables: Readonly<Record<ForeignTool, string>> = {
  knex: 'knex_migrations',
  dbmate: 'schema_migrations',
  goose: 'goose_db_version',
  flyway: 'flyway_schema_history',
  'golang-migrate': 'schema_migrations',
};

type Row = Readonly<Record<string, string | number | null>>;

/** Versions that the other tool has applied, in order of version. Only reads its table. */
export function readForeignHistory(
  connection: Connection,
  from: { readonly from: ForeignTool; readonly sourceTable?: string },
  files: readonly MigrationFile[],
): ForeignEntry[] {
  const table = from.sourceTable ?? usualTables[from.from];
  const rows = readRows(connection, table, from.from);
  const entries = readers[from.from](rows, files);
  return entries.sort((left, right) => compareVersions(left.version, right.version));
}

/** Kept with every imported row: where it came from. */
export function importReason(tool: ForeignTool, table: string): string {
  return `imported from ${tool}, table ${table}`;
}

/** Versions that the tool of an import has applied since, and that are not in the history. */
export function appliedElsewhere(
  connection: Connection,
  history: { readonly rows: readonly HistoryRow[]; readonly states: ReadonlyMap<string, VersionState> },
): Version[] {
  const reason = history.rows.findLast((row) => row.event === 'imported')?.reason ?? '';
  const [, tool, sourceTable] = /^imported from ([a-z-]+), table (.+)$/s.exec(reason) ?? [];
  if (tool === undefined || sourceTable === undefined || !(tool in usualTables)) return [];
  try {
    return readForeignHistory(connection, { from: tool as ForeignTool, sourceTable }, [])
      .map((entry) => entry.version)
      .filter((version) => !history.states.has(versionKey(version)));
  } catch (error) {
    // The operator may drop the table of a tool that is not used any more.
    if (error instanceof TradedbError && error.code === 'usage') return [];
    throw error;
  }
}

const columns: Readonly<Record<ForeignTool, string>> = {
  knex: 'name FROM # ORDER BY id',
  dbmate: 'version FROM #',
  goose: 'version_id AS version, is_applied AS applied FROM # ORDER BY id',
  flyway: 'version, description AS name, success, checksum FROM # ORDER BY installed_rank',
  'golang-migrate': 'version, dirty FROM #',
};

function readRows(connection: Connection, table: string, tool: ForeignTool): Row[] {
  try {
    return connection.all<Row>(`SELECT ${columns[tool].replace('#', quoteIdentifier(table))}`);
  } catch (error) {
    if (!(error instanceof TradedbError) || error.code !== 'sql_error') throw error;
    throw new TradedbError('usage', `table ${JSON.stringify(table)} is no history of ${tool}: ${error.message}`, {
      hint: 'name the table with --source-table, or another tool with --from',
      cause: error,
    });
  }
}

const readers: Readonly<
  Record<ForeignTool, (rows: readonly Row[], files: readonly MigrationFile[]) => ForeignEntry[]>
> = {
  // knex keys by the whole file name: the extension is no part of our key.
  knex: (rows) => rows.map((row) => splitName(String(row.name).replace(/\.[a-z]+$/, ''))),
  dbmate: (rows) => rows.map((row) => entry(row.version, '')),
  // The last row of a version counts; version 0 is goose's own mark.
  goose: (rows) => {
    const last = new Map(rows.map((row) => [String(row.version), Number(row.applied) !== 0]));
    return [...last].filter(([version, applied]) => applied && version !== '0').map(([version]) => entry(version, ''));
  },
  flyway: (rows) =>
    rows
      .filter((row) => Number(row.success) !== 0 && row.version !== null)
      .map((row) => ({
        ...entry(row.version ?? '', String(row.name ?? '')),
        ...(row.checksum === null ? {} : { checksum: Number(row.checksum) }),
      })),
  // One row: everything up to it is applied.
  'golang-migrate': (rows, files) => {
    const row = rows[0];
    if (row === undefined) return [];
    if (Number(row.dirty) !== 0) {
      throw new TradedbError('usage', `golang-migrate left version ${row.version} dirty`, {
        hint: 'repair the schema and clear the flag with golang-migrate first',
      });
    }
    const newest = entry(row.version, '');
    const upTo = files
      .filter((file) => compareVersions(file.version, newest.version) <= 0)
      .map(({ version, name }) => ({ version, name }));
    return upTo.some((file) => compareVersions(file.version, newest.version) === 0) ? upTo : [...upTo, newest];
  },
};

function splitName(text: string): ForeignEntry {
  const [, version = '', name = ''] = /^([0-9]+)[_-]?(.*)$/.exec(text) ?? [];
  return entry(version === '' ? text : version, name);
}

function entry(version: string | number | null | undefined, name: string): ForeignEntry {
  const text = String(version ?? '');
  if (isVersion(text)) return { version: text, name };
  throw new TradedbError('usage', `${JSON.stringify(text)} in the history of the other tool is no version`, {
    hint: 'versions are digits, with dots between them for Flyway',
  });
}

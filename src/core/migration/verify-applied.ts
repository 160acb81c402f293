import { TradedbError } from '../error.ts';
import type { Connection } from '../sqlite/connection.ts';
import type { SqlValue } from '../sqlite/statement.ts';
import type { Conflict } from './conflict.ts';
import type { Migration, MigrationFile, MigrationSource } from './migration.ts';
import { readMigrationState, type StateOptions } from './state.ts';
import { requireKnown } from './up.ts';
import { compareVersions, type Version, versionKey } from './version.ts';

export interface VerifyCheck {
  readonly version: Version;
  readonly file: string;
  readonly line: number;
  readonly passed: boolean;
  /** Counter-examples found; counting stops at 1000. */
  readonly rowCount: number;
  readonly sampleRows: readonly Readonly<Record<string, string | number | null>>[];
  /** SQLite's words when the statement cannot run any more. */
  readonly error: string | null;
}

export interface VerifyResult {
  readonly checksums: readonly { readonly version: Version; readonly file: string; readonly matches: boolean }[];
  readonly checks: readonly VerifyCheck[];
  /** Versions whose verification was retired with until=. */
  readonly retired: readonly Version[];
  readonly conflicts: readonly Conflict[];
}

export interface VerifyOptions extends StateOptions {
  /** All applied ones otherwise. */
  readonly versions?: readonly Version[];
  readonly checksumsOnly?: boolean;
}

const mostRows = 1000;
const sampleSize = 3;

/** Checksums of the applied files, then their verify sections on the database as it is, in one snapshot. */
export function verifyApplied(connection: Connection, source: MigrationSource, options: VerifyOptions): VerifyResult {
  return connection.read(() => {
    const state = readMigrationState(connection, source, { ...options, allowOutOfOrder: true });
    for (const version of options.versions ?? []) requireKnown(version, state);
    const wanted = new Set(options.versions?.map(versionKey));
    const chosen = (version: Version): boolean => wanted.size === 0 || wanted.has(versionKey(version));
    const applied = state.files.filter(
      (file) => chosen(file.version) && state.states.get(versionKey(file.version))?.applied !== undefined,
    );
    const checksums = applied.map((file) => {
      const stored = state.states.get(versionKey(file.version))?.applied?.sha256;
      return { version: file.version, file: file.file, matches: stored === null || stored === file.sha256 };
    });
    const conflicts = state.conflicts.filter(
      (one) => chosen(one.version) && ['edited', 'missing', 'duplicate'].includes(one.class),
    );
    if (options.checksumsOnly === true) return { checksums, checks: [], retired: [], conflicts };
    return { checksums, conflicts, ...runSections(connection, applied, state.current) };
  });
}

function runSections(
  connection: Connection,
  files: readonly MigrationFile[],
  current: Version | undefined,
): Pick<VerifyResult, 'checks' | 'retired'> {
  const checks: VerifyCheck[] = [];
  const retired: Version[] = [];
  for (const file of files) {
    const migration = file.load();
    const until = migration.verify?.until;
    if (until !== undefined && current !== undefined && compareVersions(current, until) >= 0)
      retired.push(file.version);
    else checks.push(...checkMigration(connection, migration));
  }
  return { checks, retired };
}

function checkMigration(connection: Connection, migration: Migration): VerifyCheck[] {
  return (migration.verify?.statements ?? []).map((statement) => {
    const head = { version: migration.version, file: migration.file, line: statement.line };
    try {
      const prepared = connection.prepare(statement.text);
      if (statement.kind !== 'select' || !prepared.readOnly || !prepared.returnsRows) {
        return { ...head, passed: false, rowCount: 0, sampleRows: [], error: 'a verify statement must only select' };
      }
      const sampleRows: VerifyCheck['sampleRows'][number][] = [];
      let rowCount = 0;
      for (const row of prepared.iterate()) {
        if (rowCount++ < sampleSize) sampleRows.push(plainRow(row));
        if (rowCount >= mostRows) break;
      }
      return { ...head, passed: rowCount === 0, rowCount, sampleRows, error: null };
    } catch (error) {
      if (!(error instanceof TradedbError) || error.code !== 'sql_error') throw error;
      return { ...head, passed: false, rowCount: 0, sampleRows: [], error: error.message };
    }
  });
}

function plainRow(row: Readonly<Record<string, SqlValue>>): Record<string, string | number | null> {
  const plain = (value: SqlValue): string | number | null => {
    if (typeof value === 'bigint') return String(value);
    return value instanceof Uint8Array ? `x'${Buffer.from(value.subarray(0, 32)).toString('hex')}'` : value;
  };
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]));
}

import type { Connection } from '../sqlite/connection.ts';
import { type Conflict, findConflicts, newestApplied } from './conflict.ts';
import { type HistoryRow, HistoryTable, type VersionState, versionStates } from './history.ts';
import type { MigrationFile, MigrationSource } from './migration.ts';
import { compareVersions, type Version, versionKey } from './version.ts';

export interface MigrationState {
  /** Newest applied version. */
  readonly current: Version | undefined;
  readonly files: readonly MigrationFile[];
  /** Files that are not applied, in order of version. */
  readonly pending: readonly MigrationFile[];
  readonly states: ReadonlyMap<string, VersionState>;
  readonly rows: readonly HistoryRow[];
  readonly conflicts: readonly Conflict[];
  /** False on a database that was never migrated with tradedb. */
  readonly hasHistory: boolean;
}

export interface StateOptions {
  /** History table; `tradedb_migrations` otherwise. */
  readonly table?: string;
  readonly allowOutOfOrder?: boolean;
}

export const defaultHistoryTable = 'tradedb_migrations';

/** Compares the folder with the history. Writes nothing; works on a read-only connection and on any database. */
export function readMigrationState(
  connection: Connection,
  source: MigrationSource,
  options: StateOptions = {},
): MigrationState {
  const history = new HistoryTable(connection, options.table ?? defaultHistoryTable);
  return connection.read(() => compare(source.list(), history.rows(), history.exists(), options));
}

function compare(
  files: readonly MigrationFile[],
  rows: readonly HistoryRow[],
  hasHistory: boolean,
  options: StateOptions,
): MigrationState {
  const states = versionStates(rows);
  const pending = files.filter((file) => !isApplied(file, states.get(versionKey(file.version))));
  return {
    current: newestApplied(states),
    files,
    pending: pending.toSorted((left, right) => compareVersions(left.version, right.version)),
    states,
    rows,
    conflicts: findConflicts(files, states, options),
    hasHistory,
  };
}

/**
 * A repeatable file is applied as long as it has not changed; a squashed one has the version of the last file that it
 * replaces, so only its content tells which of the two is applied.
 */
export function isApplied(
  file: Pick<MigrationFile, 'kind' | 'sha256' | 'replaces'>,
  state: VersionState | undefined,
): boolean {
  if (state?.applied === undefined) return false;
  return (file.kind !== 'repeatable' && file.replaces === undefined) || state.applied.sha256 === file.sha256;
}

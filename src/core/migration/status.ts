import { TradedbError } from '../error.ts';
import { schemaDigest } from '../schema/digest.ts';
import type { Connection } from '../sqlite/connection.ts';
import type { Conflict } from './conflict.ts';
import { appliedElsewhere } from './foreign-history.ts';
import { HistoryTable, type VersionState } from './history.ts';
import { readStepStatus, type StepStatus } from './long/step-status.ts';
import { type MigrationFile, type MigrationKind, type MigrationSource, storedText } from './migration.ts';
import { snapshotText, userObjects } from './snapshot.ts';
import { defaultHistoryTable, isApplied, type MigrationState, readMigrationState, type StateOptions } from './state.ts';
import { diffLines, type LineChange } from './text-difference.ts';
import { compareVersions, type Version, versionKey } from './version.ts';

export interface StatusRow {
  readonly version: Version;
  readonly name: string;
  /** Null when the file is gone. */
  readonly file: string | null;
  readonly kind: MigrationKind;
  readonly state: 'applied' | 'pending' | 'edited' | 'missing' | 'late' | 'duplicate' | 'interrupted' | 'running';
  readonly appliedAt: string | null;
  readonly durationMs: number | null;
  readonly tool: string | null;
  /** Of the file; of the history when the file is gone. */
  readonly sha256: string | null;
  /** Of a file that is half done; null otherwise. */
  readonly progress: StepStatus | null;
}

export interface TextDifference {
  readonly version: Version;
  readonly file: string;
  /** The up section as applied against that of today; the rest of the file is not kept in the history. */
  readonly lines: readonly LineChange[];
}

export interface MigrationStatus {
  readonly current: Version | null;
  readonly migrations: readonly StatusRow[];
  readonly pendingCount: number;
  readonly conflicts: readonly Conflict[];
  readonly interrupted: readonly Version[];
  readonly schemaMatches: boolean | null;
  readonly difference: TextDifference | null;
  /** What the tool of an import has applied since: it is still in use. */
  readonly appliedElsewhere: readonly Version[];
}

/** Everything that `migrate status` shows, read in one snapshot. */
export function readStatus(
  connection: Connection,
  source: MigrationSource,
  options: StateOptions & { readonly diff?: Version; readonly here?: { hostname: string; now: number } },
): MigrationStatus {
  return connection.read(() => {
    const state = readMigrationState(connection, source, options);
    const migrations = statusRows(state, options.here ?? { hostname: '', now: 0 });
    // What a living process works on is no conflict.
    const running = new Set(migrations.filter((row) => row.state === 'running').map((row) => versionKey(row.version)));
    const conflicts = state.conflicts.filter((one) => !running.has(versionKey(one.version)));
    return {
      current: state.current ?? null,
      migrations,
      pendingCount: state.pending.length,
      conflicts,
      interrupted: conflicts.filter((one) => one.class === 'interrupted').map((one) => one.version),
      schemaMatches: schemaMatches(connection, state, options.table ?? defaultHistoryTable),
      appliedElsewhere: appliedElsewhere(connection, state),
      difference:
        options.diff === undefined
          ? null
          : differenceOf(options.diff, connection, state, options.table ?? defaultHistoryTable),
    };
  });
}

function statusRows(state: MigrationState, here: { hostname: string; now: number }): StatusRow[] {
  const conflicts = Map.groupBy(state.conflicts, (conflict) => versionKey(conflict.version));
  const known = new Set<string>();
  const rows: StatusRow[] = [];
  for (const file of state.files) {
    const key = versionKey(file.version);
    known.add(key);
    rows.push(rowOf(file, state.states.get(key), { conflict: conflicts.get(key)?.[0], here }));
  }
  for (const [key, version] of state.states) {
    if (known.has(key) || (version.applied === undefined && version.row.event !== 'started')) continue;
    rows.push(rowOf(undefined, version, { conflict: conflicts.get(key)?.[0], here }));
  }
  return rows.sort((left, right) => compareVersions(left.version, right.version));
}

function rowOf(
  file: MigrationFile | undefined,
  state: VersionState | undefined,
  at: { conflict: Conflict | undefined; here: { hostname: string; now: number } },
): StatusRow {
  const { conflict, here } = at;
  const open = state?.row.event === 'started' ? readStepStatus(state.row.progress, here) : null;
  const settled = conflict?.class === 'interrupted' && open?.running === true ? 'running' : conflict?.class;
  const applied = state?.applied;
  return {
    version: file?.version ?? state?.version ?? '',
    name: file?.name ?? state?.row.name ?? '',
    file: file?.file ?? null,
    kind: file?.kind ?? state?.row.kind ?? 'sql',
    state: settled ?? (file !== undefined && !isApplied(file, state) ? 'pending' : 'applied'),
    appliedAt: applied?.at ?? null,
    durationMs: applied?.durationMs ?? null,
    tool: applied?.tool ?? null,
    sha256: file?.sha256 ?? applied?.sha256 ?? null,
    progress: open,
  };
}

/** The newest row counts only when it recorded the schema: a later one without a snapshot has changed it. */
function schemaMatches(connection: Connection, state: MigrationState, table: string): boolean | null {
  const last = state.rows.findLast((row) => ['applied', 'rolled_back', 'squashed', 'baselined'].includes(row.event));
  if (last === undefined || last.schemaDigest === null) return null;
  const objects = userObjects(connection, table);
  const blob = new HistoryTable(connection, table).snapshot(last.seq);
  // Equal to the letter is the usual case; only otherwise the spelling has to be compared.
  if (blob !== null && JSON.stringify(objects) === snapshotText(blob)) return true;
  return schemaDigest(objects) === last.schemaDigest;
}

function differenceOf(version: Version, connection: Connection, state: MigrationState, table: string): TextDifference {
  const key = versionKey(version);
  const file = state.files.find((one) => versionKey(one.version) === key);
  const applied = state.states.get(key)?.applied;
  const stored = applied === undefined ? null : new HistoryTable(connection, table).storedSql(applied.seq).up;
  if (file === undefined || stored === null) {
    throw new TradedbError('usage', `${JSON.stringify(version)} is not applied from a file that is still there`, {
      hint: 'the versions are listed by: tradedb migrate status',
    });
  }
  return { version: file.version, file: file.file, lines: diffLines(stored, storedText(file.load().up) ?? '') };
}

import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { diffObjects, type ObjectDifference } from '../../schema/diff.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { type AppendSettings, appendEvents } from '../append.ts';
import { type HistoryRow, HistoryTable } from '../history.ts';
import type { MigrationFile, MigrationSource } from '../migration.ts';
import { runSteps } from '../run.ts';
import { userObjects } from '../snapshot.ts';
import type { Version } from '../version.ts';
import { changingEvents, stepAgain } from './repeat.ts';
import { type ContentComparison, compareContents, readContents, type TableContent } from './table-content.ts';

/** A run of the history that can be taken back, with everything that came after it. */
export interface UndoTarget {
  readonly run: string;
  /** Rows that changed the database, oldest first: of the run, and of later ones. */
  readonly rows: readonly HistoryRow[];
  readonly versions: readonly Version[];
}

/** The newest run that changed the database, or the one named. Throws `usage` when there is none. */
export function chooseRun(connection: Connection, table: string, wanted?: string): UndoTarget {
  const changes = new HistoryTable(connection, table).rows().filter((row) => changingEvents.has(row.event));
  const run = wanted ?? changes.at(-1)?.run;
  const first = changes.findIndex((row) => row.run === run);
  if (run === undefined || first < 0) {
    throw new TradedbError(
      'usage',
      wanted === undefined
        ? 'the history holds no run that could be taken back'
        : `the history holds no run ${JSON.stringify(wanted)}`,
      { hint: 'runs are named by the output of migrate up --json, and by the column "run" of the history table' },
    );
  }
  const rows = changes.slice(first);
  return { run, rows, versions: [...new Set(rows.map((row) => row.version))] };
}

export interface UndoComparison {
  readonly tables: readonly ContentComparison[];
  readonly objects: readonly ObjectDifference[];
  /** Why the run could not be repeated on the copy; then nothing can be said about the rows. */
  readonly notRepeated: string | null;
  /** What the database held; compared again when it has been put aside. */
  readonly contents: readonly TableContent[];
}

export interface CompareSettings {
  /** The database as it is. */
  readonly live: Connection;
  /** A copy of its backup, open for writing; the run is repeated on it. */
  readonly copy: Connection;
  readonly table: string;
  readonly target: UndoTarget;
  /** Programs are read from today's files; their checksum must be that of the run. */
  readonly source: MigrationSource;
  readonly tool: string;
}

/**
 * Repeats on the copy what the run did, and compares every table with the database. Whatever somebody wrote between the
 * backup and now, before the run or after it, makes a difference.
 */
export async function compareWithRepetition(
  settings: CompareSettings,
  context: OperationContext,
): Promise<UndoComparison> {
  const { live, copy, table } = settings;
  const notRepeated = await repeat(settings, context);
  const contents = readContents(live, table, context.signal);
  const tables = compareContents(readContents(copy, table, context.signal), contents);
  return { tables, objects: diffObjects(userObjects(copy, table), userObjects(live, table)), notRepeated, contents };
}

/** Null when everything ran as it did the first time; otherwise why it did not. */
async function repeat(settings: CompareSettings, context: OperationContext): Promise<string | null> {
  const { live, copy, table, target } = settings;
  const behind = new HistoryTable(copy, table).rows();
  const before = new HistoryTable(live, table).rows().filter((row) => row.seq < (target.rows[0]?.seq ?? 0));
  const unknown = before.find((row, index) => behind[index]?.seq !== row.seq || behind[index]?.at !== row.at);
  // Rows that only the history got (resolve) may stand between; they changed nothing else.
  if (unknown !== undefined && changingEvents.has(unknown.event))
    return `the backup does not know ${unknown.version} of the history`;
  if (behind.length > before.length) return 'the backup is newer than the start of the run';
  const files = new Map<string, MigrationFile>(settings.source.list().map((file) => [file.sha256, file]));
  try {
    const history = new HistoryTable(live, table);
    const steps = target.rows.map((row) => stepAgain(row, history.storedSql(row.seq), files));
    const { failed } = await runSteps(
      steps,
      {
        connection: copy,
        table,
        tool: settings.tool,
        lockTimeoutMs: 0,
        atomic: false,
        rehearse: true,
        conflicts: () => [],
      },
      context,
    );
    return failed === null ? null : `${failed.file}: ${failed.reason}`;
  } catch (error) {
    if (!(error instanceof TradedbError) || error.code === 'cancelled') throw error;
    return error.message;
  }
}

/** Notes in the restored history what was taken back. */
export async function recordUndone(
  settings: AppendSettings & { readonly target: UndoTarget; readonly backup: string; readonly user: string },
  context: OperationContext,
): Promise<void> {
  const { target, backup, user } = settings;
  const reason = `run ${target.run} taken back with backup ${backup} (${user})`;
  const newest = new Map(target.rows.map((row) => [row.version, row]));
  await appendEvents(
    settings,
    () =>
      [...newest.values()].map(({ version, name, kind, sha256 }) => ({
        version,
        name,
        kind,
        sha256,
        event: 'undone' as const,
        sqlUp: null,
        sqlDown: null,
        reason,
      })),
    context,
  );
}

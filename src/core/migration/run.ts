import type { OperationContext } from '../context.ts';
import { throwIfCancelled } from '../error.ts';
import type { Connection } from '../sqlite/connection.ts';
import type { Conflict } from './conflict.ts';
import { HistoryCursor } from './cursor.ts';
import { executeSection } from './execute-file.ts';
import { describeFailure, type MigrationFailure, type Place } from './failure.ts';
import { fileIdentity, requireSameFile } from './file-identity.ts';
import { type HistoryRow, HistoryTable, type NewHistoryRow } from './history.ts';
import type { Migration, MigrationKind, Section } from './migration.ts';
import { requireVerified } from './post-check/verify.ts';
import type { SectionResult } from './section-result.ts';
import { Breather, beginWrite, commitWrite, newRunId, rollBack, type Session } from './session.ts';
import { takeSnapshot } from './snapshot.ts';
import { defaultHistoryTable } from './state.ts';
import type { Version } from './version.ts';

/** Settings that `up` and `down` share. */
export interface RunSettings {
  /** Its foreign key setting is changed during the run and put back. */
  readonly connection: Connection;
  /** History table; `tradedb_migrations` otherwise. */
  readonly table?: string;
  /** Program and version for the history, such as `tradedb 0.1.0`. */
  readonly tool: string;
  /** Longest wait for other writers. */
  readonly lockTimeoutMs: number;
  /** Id of the run, when something outside the database is named by it too; a new one otherwise. */
  readonly run?: string;
  readonly onStatement?: Session['onStatement'];
  /** Told after each COMMIT. */
  readonly onFile?: (done: FileResult) => void;
}

/** One file that was applied or taken back. */
export interface FileResult {
  readonly version: Version;
  readonly name: string;
  readonly file: string;
  readonly kind: MigrationKind;
  readonly durationMs: number;
  readonly statements: number;
  readonly rowsChanged: number;
  readonly strategy: SectionResult['strategy'];
  /** Rows without a parent that were there before; they do not stand in the way. */
  readonly oldViolations: readonly { readonly table: string; readonly rows: number }[];
}

/** One file of a run, in one direction. */
export interface Step {
  readonly place: Place & { readonly name: string; readonly kind: MigrationKind };
  readonly section: Section;
  /** Checked after an up section. */
  readonly verify?: Migration;
  readonly row: Pick<NewHistoryRow, 'event' | 'sha256' | 'sqlUp' | 'sqlDown'>;
  /** True when another process has done it meanwhile. */
  isDone(cursor: HistoryCursor): boolean;
}

export interface RunResult {
  readonly run: string;
  readonly done: readonly FileResult[];
  /** Versions that another process finished meanwhile. */
  readonly skipped: readonly Version[];
  readonly failed: MigrationFailure | null;
  readonly conflicts: readonly Conflict[];
}

/** Everything that the loops below need; `conflicts` looks at the history again. */
interface Runner {
  readonly session: Session;
  readonly cursor: HistoryCursor;
  readonly settings: RunSettings;
  conflicts(cursor: HistoryCursor): readonly Conflict[];
}

/**
 * Runs the steps: each in a transaction of its own, or all in one. An error is described in the result and leaves
 * the failing file, or with `atomic` everything, as it was. Cancelling throws after the rollback.
 */
export async function runSteps(
  steps: readonly Step[],
  settings: RunSettings & { atomic: boolean; conflicts: Runner['conflicts'] },
  context: OperationContext,
): Promise<RunResult> {
  const { connection } = settings;
  const session: Session = {
    connection,
    history: new HistoryTable(connection, settings.table ?? defaultHistoryTable),
    context,
    breather: new Breather(context),
    run: settings.run ?? newRunId(context),
    tool: settings.tool,
    lockTimeoutMs: settings.lockTimeoutMs,
    ...(settings.onStatement === undefined ? {} : { onStatement: settings.onStatement }),
  };
  const cursor = new HistoryCursor(session.history, connection);
  const runner: Runner = { session, cursor, settings, conflicts: settings.conflicts };
  const before = Number(connection.pragmaValue('foreign_keys'));
  const synchronous = Number(connection.pragmaValue('synchronous'));
  connection.pragma('legacy_alter_table = OFF');
  try {
    return settings.atomic ? await runTogether(steps, runner) : await runOneByOne(steps, runner);
  } finally {
    connection.pragma(`foreign_keys = ${before}`);
    connection.pragma(`synchronous = ${synchronous}`);
  }
}

async function runOneByOne(steps: readonly Step[], runner: Runner): Promise<RunResult> {
  const { session, settings } = runner;
  const { connection } = session;
  const identity = fileIdentity(connection.path);
  const wal = connection.pragmaValue('journal_mode') === 'wal';
  const done: FileResult[] = [];
  const skipped: Version[] = [];
  const result = (parts: Partial<RunResult> = {}): RunResult => ({
    run: session.run,
    done,
    skipped,
    failed: null,
    conflicts: [],
    ...parts,
  });
  const task = session.context.progress.start({
    id: 'migrate',
    label: 'migrating',
    unit: 'steps',
    total: steps.length,
  });
  let unsynced = false;
  try {
    for (const [index, step] of steps.entries()) {
      throwIfCancelled(session.context.signal);
      requireSameFile(connection.path, identity);
      const last = index === steps.length - 1;
      // In WAL mode a commit is atomic without a sync; only the last one of the run has to wait for the disk.
      if (wal) connection.pragma(`synchronous = ${last ? 'FULL' : 'NORMAL'}`);
      const outcome = await runAlone(step, last, runner);
      if (outcome === 'done') skipped.push(step.place.version);
      else if ('conflicts' in outcome) return result(outcome);
      else {
        done.push(outcome);
        unsynced = wal && !last;
        settings.onFile?.(outcome);
      }
      task.advance(1);
    }
    return result();
  } catch (error) {
    return result({ failed: describeFailure(error, steps[done.length + skipped.length]?.place as Place) });
  } finally {
    task.done();
    if (unsynced) syncWal(session);
  }
}

/** A run that ended early has promised its files too. A checkpoint syncs the log before it copies anything. */
function syncWal({ connection, context }: Session): void {
  try {
    connection.pragma('wal_checkpoint(PASSIVE)');
  } catch (error) {
    // The copying may fail on a full disk; the log is on the disk by then, and the next connection goes on from it.
    context.log.debug(`checkpoint after an early end: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The table is made in the first write transaction; another run may have made it meanwhile. */
function createOnce(runner: Runner): void {
  if (!runner.session.history.exists()) runner.session.history.create();
}

/** One step in its own transaction. */
async function runAlone(
  step: Step,
  last: boolean,
  runner: Runner,
): Promise<FileResult | 'done' | { conflicts: readonly Conflict[] }> {
  const { session, cursor } = runner;
  const { connection } = session;
  connection.pragma(`foreign_keys = ${step.section.options.foreignKeys ? 'ON' : 'OFF'}`);
  await beginWrite(session);
  try {
    if (cursor.refresh()) {
      const conflicts = runner.conflicts(cursor);
      if (conflicts.length > 0) return { conflicts };
    }
    createOnce(runner);
    if (step.isDone(cursor)) return 'done';
    const { result, row } = await perform(step, last, session);
    await commitWrite(session);
    cursor.add(row);
    return result;
  } finally {
    rollBack(connection);
  }
}

async function runTogether(steps: readonly Step[], runner: Runner): Promise<RunResult> {
  const { session, cursor, settings } = runner;
  const { connection } = session;
  const done: FileResult[] = [];
  const skipped: Version[] = [];
  const nothing = { run: session.run, done: [], skipped: [], failed: null, conflicts: [] };
  if (steps.length === 0) return nothing;
  let current = steps[0] as Step;
  const task = session.context.progress.start({
    id: 'migrate',
    label: 'migrating',
    unit: 'steps',
    total: steps.length,
  });
  try {
    connection.pragma(`foreign_keys = ${current.section.options.foreignKeys ? 'ON' : 'OFF'}`);
    await beginWrite(session);
    if (cursor.refresh()) {
      const conflicts = runner.conflicts(cursor);
      if (conflicts.length > 0) return { ...nothing, conflicts };
    }
    createOnce(runner);
    for (const step of steps) {
      current = step;
      if (step.isDone(cursor)) skipped.push(step.place.version);
      else done.push((await perform(step, step === steps.at(-1), session)).result);
      task.advance(1);
    }
    await commitWrite(session);
    for (const file of done) settings.onFile?.(file);
    return { ...nothing, done, skipped };
  } catch (error) {
    return { ...nothing, failed: describeFailure(error, current.place) };
  } finally {
    task.done();
    rollBack(connection);
  }
}

/** The statements, the checks, the verification and the history row, inside the open transaction. */
async function perform(step: Step, last: boolean, session: Session): Promise<{ result: FileResult; row: HistoryRow }> {
  const { connection, history, context } = session;
  const { place } = step;
  const started = context.clock.now();
  const { statements, rowsChanged, strategy, oldViolations } = await executeSection(session, step.section, place);
  if (step.verify !== undefined) requireVerified(connection, step.verify);
  const durationMs = Math.round((context.clock.now() - started) * 1000) / 1000;
  const snapshot = last ? takeSnapshot(connection, history.name) : undefined;
  const row = history.append({
    version: place.version,
    name: place.name,
    kind: place.kind,
    ...step.row,
    at: new Date(context.clock.wallTime()).toISOString(),
    durationMs: Math.round(durationMs),
    tool: session.tool,
    run: session.run,
    ...(snapshot === undefined ? {} : { schemaDigest: snapshot.digest, schemaSnapshot: snapshot.blob }),
  });
  const result: FileResult = {
    version: place.version,
    name: place.name,
    file: place.file,
    kind: place.kind,
    durationMs,
    statements,
    rowsChanged,
    strategy,
    oldViolations,
  };
  return { result, row };
}

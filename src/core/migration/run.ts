import type { OperationContext } from '../context.ts';
import { throwIfCancelled } from '../error.ts';
import type { Connection } from '../sqlite/connection.ts';
import type { Conflict } from './conflict.ts';
import { HistoryCursor } from './cursor.ts';
import { executeSection } from './execute-file.ts';
import { describeFailure, type MigrationFailure, type Place } from './failure.ts';
import { fileIdentity, requireSameFile } from './file-identity.ts';
import { HistoryTable, type NewHistoryRow } from './history.ts';
import type { Hook, Hooks } from './hooks.ts';
import { knexMirror } from './knex-mirror.ts';
import { claimStep } from './long/claim.ts';
import { takesManyTransactions } from './long/progress.ts';
import { defaultLongSettings, type LongSettings } from './long/settings.ts';
import type { Migration, MigrationKind, Section } from './migration.ts';
import { requireVerified } from './post-check/verify.ts';
import { RunPragmas } from './run-pragmas.ts';
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
  /** For files that take many transactions: who runs them, and how they make room for others. */
  readonly long?: LongSettings;
  /** The database is a private copy. */
  readonly rehearse?: boolean;
  /** What runs around the files and the whole run of `up`. */
  readonly hooks?: Hooks;
  /** Keeps the table of another tool in step. */
  readonly mirror?: 'knex';
  /** Told before each statement; a deadline is kept with it. */
  readonly onStart?: Session['onStart'];
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
  /** How long writers waited for the exchange of an online change; null otherwise. */
  readonly swapMs: number | null;
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
  /** Hooks run around it. */
  readonly hooked?: boolean;
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
  readonly pragmas: RunPragmas;
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
    history: new HistoryTable(
      connection,
      settings.table ?? defaultHistoryTable,
      settings.mirror === undefined ? undefined : knexMirror(connection),
    ),
    context,
    breather: new Breather(context),
    run: settings.run ?? newRunId(context),
    tool: settings.tool,
    lockTimeoutMs: settings.lockTimeoutMs,
    ...(settings.onStatement === undefined ? {} : { onStatement: settings.onStatement }),
    ...(settings.onStart === undefined ? {} : { onStart: settings.onStart }),
    ...(settings.rehearse === undefined ? {} : { rehearse: settings.rehearse }),
  };
  const cursor = new HistoryCursor(session.history, connection);
  const pragmas = new RunPragmas(connection);
  const runner: Runner = { session, cursor, settings, pragmas, conflicts: settings.conflicts };
  connection.pragma('legacy_alter_table = OFF');
  try {
    return await withRunHooks(steps, runner, () =>
      settings.atomic ? runTogether(steps, runner) : runOneByOne(steps, runner),
    );
  } finally {
    pragmas.restore();
  }
}

/** The hooks around the whole run have a transaction of their own; behind a failure nothing runs any more. */
async function withRunHooks(
  steps: readonly Step[],
  runner: Runner,
  work: () => Promise<RunResult>,
): Promise<RunResult> {
  const { hooks } = runner.settings;
  if (hooks === undefined || !steps.some((step) => step.hooked === true)) return work();
  const alone = async (name: 'before-run' | 'after-run'): Promise<MigrationFailure | null> => {
    const hook = hooks[name];
    if (hook === undefined) return null;
    try {
      runner.pragmas.set('foreign_keys', hook.section.options.foreignKeys ? 'ON' : 'OFF');
      await beginWrite(runner.session);
      await runHook(hook, runner.session);
      await commitWrite(runner.session);
      return null;
    } catch (error) {
      return describeFailure(error, hook.place);
    } finally {
      rollBack(runner.session.connection);
    }
  };
  const before = await alone('before-run');
  if (before !== null) return { run: runner.session.run, done: [], skipped: [], failed: before, conflicts: [] };
  const result = await work();
  if (result.failed !== null || result.conflicts.length > 0) return result;
  return { ...result, failed: await alone('after-run') };
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
      if (wal) runner.pragmas.set('synchronous', last ? 'FULL' : 'NORMAL');
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
  runner.pragmas.set('foreign_keys', step.section.options.foreignKeys ? 'ON' : 'OFF');
  if (takesManyTransactions(step.section)) return runManyTransactions(step, runner);
  await beginWrite(session);
  try {
    if (cursor.refresh()) {
      const conflicts = runner.conflicts(cursor);
      if (conflicts.length > 0) return { conflicts };
    }
    createOnce(runner);
    if (step.isDone(cursor)) return 'done';
    const { result, row } = await perform(step, runner);
    const written = session.history.append(last ? withSnapshot(row, session) : row);
    await commitWrite(session);
    cursor.add(written);
    return result;
  } finally {
    rollBack(connection);
  }
}

/** A step that is open in the history meanwhile; see `runLong`. */
async function runManyTransactions(
  step: Step,
  runner: Runner,
): Promise<FileResult | 'done' | { conflicts: readonly Conflict[] }> {
  const { session, cursor } = runner;
  const settings = runner.settings.long ?? defaultLongSettings;
  const claim = await claimStep<readonly Conflict[]>(step, {
    session,
    settings,
    look: () => {
      if (cursor.refresh()) {
        const conflicts = runner.conflicts(cursor);
        if (conflicts.length > 0) return { conflicts };
      }
      createOnce(runner);
      if (step.isDone(cursor)) return { done: true };
      const row = cursor.stateOf(step.place.version)?.row;
      return { open: row?.event === 'started' ? row : undefined };
    },
  });
  if ('done' in claim) return 'done';
  if ('conflicts' in claim) return claim;
  cursor.add(claim.step.row);
  const { runLong } = await import('./long/run-long.ts');
  const hooks = step.hooked === true ? runner.settings.hooks : undefined;
  const around = (name: 'before-each' | 'after-each') => {
    const hook = hooks?.[name];
    return hook === undefined ? undefined : () => runHook(hook, session);
  };
  const [before, after] = [around('before-each'), around('after-each')];
  const { row, ...done } = await runLong({
    session,
    settings,
    step,
    open: claim.step,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  });
  cursor.add(row);
  const { version, name, file, kind } = step.place;
  return { version, name, file, kind, ...done, oldViolations: [] };
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
    runner.pragmas.set('foreign_keys', current.section.options.foreignKeys ? 'ON' : 'OFF');
    await beginWrite(session);
    if (cursor.refresh()) {
      const conflicts = runner.conflicts(cursor);
      if (conflicts.length > 0) return { ...nothing, conflicts };
    }
    createOnce(runner);
    const rows: NewHistoryRow[] = [];
    for (const step of steps) {
      current = step;
      if (step.isDone(cursor)) skipped.push(step.place.version);
      else {
        const { result, row } = await perform(step, runner);
        done.push(result);
        rows.push(row);
      }
      task.advance(1);
    }
    // All rows at the end: behind each change of the schema SQLite would have to prepare the INSERT again.
    for (const [index, row] of rows.entries()) {
      session.history.append(index === rows.length - 1 ? withSnapshot(row, session) : row);
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

/** The statements, the checks and the verification inside the open transaction, and the row that belongs to them. */
async function perform(step: Step, runner: Runner): Promise<{ result: FileResult; row: NewHistoryRow }> {
  const { session, settings } = runner;
  const { connection, context } = session;
  const { place } = step;
  const hooks = step.hooked === true ? settings.hooks : undefined;
  const started = context.clock.now();
  if (hooks?.['before-each'] !== undefined) await runHook(hooks['before-each'], session);
  const { statements, rowsChanged, strategy, oldViolations } = await executeSection(session, step.section, place);
  if (step.verify !== undefined) requireVerified(connection, step.verify);
  if (hooks?.['after-each'] !== undefined) await runHook(hooks['after-each'], session);
  const durationMs = Math.round((context.clock.now() - started) * 1000) / 1000;
  const row: NewHistoryRow = {
    version: place.version,
    name: place.name,
    file: place.file,
    kind: place.kind,
    ...step.row,
    at: new Date(context.clock.wallTime()).toISOString(),
    durationMs: Math.round(durationMs),
    tool: session.tool,
    run: session.run,
  };
  const result: FileResult = {
    version: place.version,
    name: place.name,
    file: place.file,
    kind: place.kind,
    durationMs,
    statements,
    rowsChanged,
    strategy,
    swapMs: null,
    oldViolations,
  };
  return { result, row };
}

/** Under the guard and the checks of a file; it is no step of the migration, so nobody is told its statements. */
async function runHook(hook: Hook, session: Session): Promise<void> {
  const { onStatement: _, ...quiet } = session;
  await executeSection(quiet, hook.section, hook.place);
}

/** The last row of a run says what the schema is now. */
function withSnapshot(row: NewHistoryRow, { connection, history }: Session): NewHistoryRow {
  const snapshot = takeSnapshot(connection, history.name);
  return { ...row, schemaDigest: snapshot.digest, schemaSnapshot: snapshot.blob };
}

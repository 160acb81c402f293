import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { Place } from '../failure.ts';
import type { HistoryRow, NewHistoryRow } from '../history.ts';
import { runOnline } from '../online/run-online.ts';
import { requireVerified } from '../post-check/verify.ts';
import type { SectionResult } from '../section-result.ts';
import { takeSnapshot } from '../snapshot.ts';
import { runData } from './data.ts';
import type { LongRun } from './long-run.ts';
import { runProgramOutside } from './program-outside.ts';
import { runStatementAlone } from './statement-alone.ts';

export interface LongResult extends Pick<SectionResult, 'statements' | 'rowsChanged' | 'strategy'> {
  readonly row: HistoryRow;
  readonly durationMs: number;
  /** How long the writers waited for the exchange of an online change. */
  readonly swapMs: number | null;
}

/**
 * Runs what is left of a step and closes it. A failure leaves the step open with all that was committed, unless there
 * was nothing yet: then the step ends as if it had never begun.
 */
export async function runLong(run: LongRun): Promise<LongResult> {
  const { session, step, open } = run;
  const started = session.context.clock.now();
  try {
    await runHookBefore(run);
    const strategy = await runRest(run);
    const durationMs = Math.round((session.context.clock.now() - started) * 1000) / 1000;
    const { swapMs = null } = open.progress;
    const row = await open.finish(() => close(run, durationMs));
    const statements = step.section.program === undefined ? step.section.statements.length : open.progress.next;
    return { row, durationMs, statements, rowsChanged: open.progress.rowsChanged, strategy, swapMs };
  } catch (error) {
    throw await leave(error, run);
  }
}

async function runHookBefore({ open, before }: LongRun): Promise<void> {
  if (before === undefined || open.progress.hooked === true) return;
  await open.transaction(async () => {
    await before();
    return { ...open.progress, hooked: true };
  });
}

async function runRest(run: LongRun): Promise<SectionResult['strategy']> {
  const { step, open } = run;
  if (step.section.program !== undefined) return runProgramOutside(run);
  let strategy: SectionResult['strategy'] = 'sql';
  const resumedAt = open.progress.next;
  for (const [index, statement] of step.section.statements.entries()) {
    // What stands behind an ATTACH needs a file that a private copy must not touch.
    if (run.session.rehearse === true && statement.kind === 'attach') break;
    if (index < open.progress.next) {
      // What only concerns the connection is gone with the process that did it.
      if (statement.kind === 'attach' || statement.kind === 'pragma') run.session.connection.exec(statement.text);
    } else if (statement.data !== undefined) {
      await runData(run, statement, statement.data);
      strategy = 'batches';
    } else if (statement.directive?.online === true) strategy = await runOnline(run, statement, statement.directive);
    else await runStatementAlone(run, index);
    if (index >= resumedAt) await run.session.breather.pause();
  }
  detachAll(run.session.connection);
  return strategy;
}

/** The next file begins with the database alone. */
function detachAll(connection: Connection): void {
  for (const { name } of connection.pragma('database_list') as { name: string }[]) {
    if (name !== 'main' && name !== 'temp') connection.exec(`DETACH ${quoteIdentifier(name)}`);
  }
}

/** The verification and the row that makes the version applied, or no longer applied. */
async function close({ session, step, after }: LongRun, durationMs: number): Promise<HistoryRow> {
  const { connection, history, context } = session;
  if (step.verify !== undefined) requireVerified(connection, step.verify);
  await after?.();
  const snapshot = takeSnapshot(connection, history.name);
  const row: NewHistoryRow = {
    version: step.place.version,
    name: step.place.name,
    file: step.place.file,
    kind: step.place.kind,
    ...step.row,
    at: new Date(context.clock.wallTime()).toISOString(),
    durationMs: Math.round(durationMs),
    tool: session.tool,
    run: session.run,
    schemaDigest: snapshot.digest,
    schemaSnapshot: snapshot.blob,
  };
  return history.append(row);
}

/** Codes under which the cause is known; the step stays open all the same. */
const kept = [
  'database_locked',
  'disk_full',
  'io_error',
  'lease_held',
  'cancelled',
  'internal',
  'migration_interrupted',
];

async function leave(error: unknown, run: LongRun): Promise<unknown> {
  const { open, step } = run;
  const untouched = open.progress.next === 0 && open.progress.work === null && step.section.program === undefined;
  try {
    if (untouched) await open.finish(() => giveUp(error, run));
    else await open.release();
  } catch (second) {
    // The first error is the one to tell; the owner of the row is dead as soon as this process has ended.
    run.session.context.log.debug(`leaving ${step.place.file}: ${String(second)}`);
  }
  if (untouched || !(error instanceof TradedbError) || kept.includes(error.code)) return error;
  return new TradedbError('migration_interrupted', error.message, {
    hint: `${error.hint === undefined ? '' : `${error.hint}; `}${wayOut(step)}`,
    details: { ...(error.details as Partial<Place>) },
    cause: error,
  });
}

function wayOut({ section, place, row }: LongRun['step']): string {
  const abort = `tradedb migrate resolve ${place.version} --abort`;
  if (section.program !== undefined) {
    return `what it did stays: look at the database, then ${abort} (it runs again as a whole), or --mark-applied`;
  }
  const again = row.event === 'rolled_back' ? 'down' : 'up';
  return `what ran before stays: correct the cause and run ${again}, which goes on where it stopped, or: ${abort}`;
}

function giveUp(error: unknown, { session, open, step }: LongRun): HistoryRow {
  return session.history.append({
    version: step.place.version,
    name: step.place.name,
    kind: step.place.kind,
    event: 'aborted',
    sha256: step.row.sha256,
    sqlUp: null,
    sqlDown: null,
    at: new Date(session.context.clock.wallTime()).toISOString(),
    durationMs: null,
    tool: session.tool,
    run: session.run,
    reason: `nothing of it ran (row ${open.row.seq}): ${error instanceof Error ? error.message : String(error)}`,
  });
}

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { OperationContext } from '../../context.ts';
import { type ErrorCode, TradedbError } from '../../error.ts';
import { describeFailure, failureAt, type MigrationFailure, type Place } from '../failure.ts';
import { openForMigration } from '../open.ts';
import type { FileResult } from '../run.ts';
import { folderSource } from '../source-folder.ts';
import { readMigrationState } from '../state.ts';
import type { UpEvents, UpRequest, UpRunResult } from '../up-run.ts';
import type { ExecutorMessage } from './message.ts';

export interface Deadline {
  /** Longest time of one statement. */
  readonly statementMs: number;
  /** The Node that runs. */
  readonly execPath: string;
}

/**
 * Carries the run out in a process of its own, which is killed when one statement takes longer than the deadline. What
 * was committed before stays; the statement's file, or with `atomic` everything, is rolled back by SQLite.
 */
export async function runWithDeadline(
  request: UpRequest,
  deadline: Deadline,
  events: UpEvents,
  context: OperationContext,
): Promise<UpRunResult> {
  const executor = startExecutor(deadline.execPath);
  const seen = new Seen(events);
  let late: Place | undefined;
  let disarm = (): void => {};
  const arm = (place: Place): void => {
    disarm();
    disarm = context.clock.after(deadline.statementMs, () => {
      late = place;
      executor.kill('SIGKILL');
    });
  };
  const stop = (): void => void executor.kill('SIGKILL');
  context.signal.addEventListener('abort', stop);
  try {
    executor.stdin?.end(JSON.stringify(request));
    const ended = new Promise<void>((resolve) => executor.once('close', () => resolve()));
    for await (const line of createInterface({ input: executor.stdout as NodeJS.ReadableStream })) {
      const message = JSON.parse(line) as ExecutorMessage;
      if (message.type === 'start') arm(message.place);
      else disarm();
      seen.take(message);
    }
    await ended;
  } finally {
    disarm();
    context.signal.removeEventListener('abort', stop);
  }
  if (seen.result !== undefined) return seen.result;
  if (context.signal.aborted) throw new TradedbError('cancelled', 'cancelled', { cause: context.signal.reason });
  if (late === undefined)
    throw new TradedbError('child_failed', 'the process that applies the files ended early', {
      hint: 'see: tradedb migrate status',
    });
  return afterKill(request, seen, tooLong(late, deadline.statementMs), context);
}

function startExecutor(execPath: string): ChildProcess {
  const typed = import.meta.url.endsWith('.ts');
  const path = fileURLToPath(new URL(`./apply-main.${typed ? 'ts' : 'js'}`, import.meta.url));
  const options = typed ? ['--experimental-strip-types', '--disable-warning=ExperimentalWarning'] : [];
  return spawn(execPath, [...options, path], { stdio: ['pipe', 'pipe', 'inherit'] });
}

/** What the executor has told so far. */
class Seen {
  readonly applied: FileResult[] = [];
  readonly seeded: FileResult[] = [];
  result: UpRunResult | undefined;
  readonly #events: UpEvents;

  constructor(events: UpEvents) {
    this.#events = events;
  }

  take(message: ExecutorMessage): void {
    switch (message.type) {
      case 'file':
        this.applied.push(message.file);
        this.#events.onFile?.(message.file);
        return;
      case 'seed':
        this.seeded.push(message.file);
        this.#events.onSeed?.(message.file);
        return;
      case 'result':
        this.result = message.result;
        return;
      case 'error':
        throw new TradedbError(
          message.code as ErrorCode,
          message.message,
          message.hint === null ? {} : { hint: message.hint },
        );
      default:
    }
  }
}

function tooLong(place: Place, statementMs: number): MigrationFailure {
  const error = failureAt(place, `ran longer than ${statementMs} ms and was stopped`, {
    hint: 'nothing of its file is left; allow more time with migrations.statementTimeout, or make the step smaller',
  });
  return { ...describeFailure(error, place), code: 'deadline_exceeded' };
}

/** Opening the database rolls back what the killed process left in a rollback journal. */
async function afterKill(
  request: UpRequest,
  seen: Seen,
  failed: MigrationFailure,
  context: OperationContext,
): Promise<UpRunResult> {
  const { database, lockTimeoutMs, directory, run } = request;
  const connection = await openForMigration(database, { create: false, lockTimeoutMs }, context);
  try {
    const { pending } = readMigrationState(connection, folderSource(directory), request);
    const { applied, seeded } = seen;
    return { run, applied, seeded, skipped: [], pendingCount: pending.length, failed, conflicts: [] };
  } finally {
    connection.close();
  }
}

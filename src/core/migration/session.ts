import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { retryDelayMs } from '../sqlite/busy-retry.ts';
import type { Connection } from '../sqlite/connection.ts';
import { isBusy, translateError } from '../sqlite/translate-error.ts';
import type { Place } from './failure.ts';
import type { HistoryTable } from './history.ts';
import type { Statement } from './statement.ts';
import type { TableChangeResult } from './table-change.ts';

export interface StatementEffect {
  readonly rowsChanged: number;
  readonly durationMs: number;
  /** How a `migrate:table` was carried out. */
  readonly change?: TableChangeResult;
}

/** What one run of a command works with. */
export interface Session {
  readonly connection: Connection;
  readonly history: HistoryTable;
  readonly context: OperationContext;
  /** Id of the run. */
  readonly run: string;
  /** Name and version of the program, for the history. */
  readonly tool: string;
  readonly lockTimeoutMs: number;
  readonly breather: Breather;
  /** The database is a private copy: nothing may be written beside it, and nobody else is there. */
  readonly rehearse?: boolean;
  /** Told before each statement. */
  readonly onStart?: (place: Place) => void;
  /** Told after each statement; the plan measures with it. */
  readonly onStatement?: (statement: Statement, effect: StatementEffect) => void;
}

export function newRunId(context: OperationContext): string {
  const time = new Date(context.clock.wallTime()).toISOString().replace(/[-:]|\.\d+/g, '');
  return `${time}-${Buffer.from(context.random.bytes(4)).toString('hex')}`;
}

/** The write lock of SQLite is the lock of a migration: nothing can be left behind by a killed process. */
export async function beginWrite(session: Session): Promise<void> {
  await whenFree(session, () => session.connection.begin(), 'wait longer with --lock-timeout, or stop the writer');
}

/** In rollback-journal mode one open reader keeps a COMMIT out; the transaction stays open until it gets through. */
export async function commitWrite(session: Session): Promise<void> {
  await whenFree(
    session,
    () => session.connection.commit(),
    'a long reader blocks the commit of a rollback-journal database; nothing was changed',
  );
}

export function rollBack(connection: Connection): void {
  // SQLite may have rolled back by itself; ROLLBACK would then be an error that hides the first one.
  if (connection.inTransaction) connection.rollback();
}

/** Repeats `work` while the database is locked, up to the lock timeout. */
export async function whenFree(session: Session, work: () => void, hint: string): Promise<void> {
  const { clock, random, signal } = session.context;
  const started = clock.now();
  for (let tries = 1; ; tries++) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error)) throw translateError(error, session.connection.path);
      const waited = clock.now() - started;
      if (waited >= session.lockTimeoutMs) {
        const path = JSON.stringify(session.connection.path);
        throw new TradedbError(
          'database_locked',
          `database ${path} was locked by another process for ${Math.round(waited)} ms`,
          { hint, cause: error },
        );
      }
      // Waits without blocking the thread, so that a signal is noticed.
      await clock.sleep(Math.min(1 + retryDelayMs(tries, random), session.lockTimeoutMs - waited), signal);
    }
  }
}

const longestTurnMs = 10;

/** Lets the event loop turn when it has not for a while, so that signals and timers are seen between statements. */
export class Breather {
  readonly #context: OperationContext;
  #last: number;

  constructor(context: OperationContext) {
    this.#context = context;
    this.#last = context.clock.now();
  }

  async pause(): Promise<void> {
    if (this.#context.clock.now() - this.#last < longestTurnMs) return;
    await new Promise<void>((resolve) => this.#context.clock.defer(resolve));
    this.#last = this.#context.clock.now();
  }
}

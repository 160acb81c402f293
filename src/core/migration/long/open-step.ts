import { TradedbError } from '../../error.ts';
import type { HistoryRow } from '../history.ts';
import { beginWrite, commitWrite, rollBack, type Session } from '../session.ts';
import { readProgress, type StepOwner, type StepProgress } from './progress.ts';

/**
 * The open `started` row of a step. Every transaction of the step goes through it: the row is looked at first, so that
 * two processes can never both go on, and the progress is written last, in the same transaction as the work.
 */
export class OpenStep {
  readonly row: HistoryRow;
  readonly #session: Session;
  readonly #owner: StepOwner;
  readonly #takeoverMs: number;
  #progress: StepProgress;

  constructor(session: Session, row: HistoryRow, parts: { progress: StepProgress; takeoverMs: number }) {
    this.row = row;
    this.#session = session;
    this.#owner = parts.progress.owner as StepOwner;
    this.#takeoverMs = parts.takeoverMs;
    this.#progress = parts.progress;
  }

  /** As committed last. */
  get progress(): StepProgress {
    return this.#progress;
  }

  /** Runs `work`, which gives the new progress, in one write transaction; returns how long it held the write lock. */
  async transaction(work: () => Promise<StepProgress> | StepProgress): Promise<number> {
    const { connection, context } = this.#session;
    await beginWrite(this.#session);
    const started = context.clock.now();
    try {
      this.#requireOwn();
      const next = await work();
      const progress = { ...next, owner: { ...this.#owner, expiresAt: this.#expiry() } };
      this.#session.history.setProgress(this.row.seq, JSON.stringify(progress));
      await commitWrite(this.#session);
      this.#progress = progress;
      return context.clock.now() - started;
    } finally {
      rollBack(connection);
    }
  }

  /** The last transaction: `work` gives the row that closes the step. */
  async finish(work: () => Promise<HistoryRow> | HistoryRow): Promise<HistoryRow> {
    const { connection, history } = this.#session;
    await beginWrite(this.#session);
    try {
      this.#requireOwn();
      const row = await work();
      history.setProgress(this.row.seq, null);
      await commitWrite(this.#session);
      return row;
    } finally {
      rollBack(connection);
    }
  }

  /** Says that nobody works on it any more, so that the next run need not ask whether this process is alive. */
  async release(): Promise<void> {
    const { connection, history } = this.#session;
    if (!connection.isOpen) return;
    await beginWrite(this.#session);
    try {
      this.#requireOwn();
      history.setProgress(this.row.seq, JSON.stringify({ ...this.#progress, owner: null }));
      await commitWrite(this.#session);
    } finally {
      rollBack(connection);
    }
  }

  #expiry(): number {
    return this.#session.context.clock.wallTime() + this.#takeoverMs;
  }

  #requireOwn(): void {
    const now = readProgress(this.#session.history.progressOf(this.row.seq));
    if (now?.owner?.token === this.#owner.token) return;
    throw new TradedbError('lease_held', `${this.row.version} was taken over or settled by another process`, {
      hint: 'see: tradedb migrate status',
    });
  }
}

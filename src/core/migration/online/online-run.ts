import type { OperationContext } from '../../context.ts';
import type { Connection } from '../../sqlite/connection.ts';
import type { SqlValue } from '../../sqlite/statement.ts';
import { bindKey, type KeyBound, keepKey } from '../long/key-value.ts';
import type { LongRun } from '../long/long-run.ts';
import { Pacing } from '../long/pacing.ts';
import { type OnlineWork, type StepProgress, textOf } from '../long/progress.ts';
import type { Subject } from './subject.ts';

/** An online change under way: the parts that all its phases need. */
export class OnlineRun {
  readonly run: LongRun;
  readonly subject: Subject;
  readonly connection: Connection;
  readonly context: OperationContext;
  readonly pacing: Pacing;
  #work: OnlineWork;
  #since: number;
  #batches = 0;

  constructor(run: LongRun, subject: Subject, work: OnlineWork) {
    this.run = run;
    this.subject = subject;
    this.connection = run.session.connection;
    this.context = run.session.context;
    this.pacing = new Pacing(run.settings.online, this.context);
    this.#work = work;
    this.#since = this.context.clock.now();
  }

  get work(): OnlineWork {
    return this.#work;
  }

  /** One short write transaction: the work and where it stands now. Returns how long it held the write lock. */
  async step(work: () => Partial<OnlineWork>): Promise<number> {
    let next = this.#work;
    const hold = await this.run.open.transaction(() => {
      next = this.#with(work());
      return this.progress(next);
    });
    this.#work = next;
    return hold;
  }

  /** A step, and a rest behind it; from time to time a checkpoint, so that the log does not grow with the copy. */
  async batch(work: () => Partial<OnlineWork>): Promise<void> {
    const hold = await this.step(work);
    this.#batches += 1;
    if (this.#batches % this.run.settings.online.checkpointEvery === 0)
      this.connection.pragma('wal_checkpoint(PASSIVE)');
    await this.pacing.rest(hold);
  }

  progress(work: OnlineWork): StepProgress {
    return { ...this.run.open.progress, text: textOf(this.run.step.section, 1), work };
  }

  #with(parts: Partial<OnlineWork>): OnlineWork {
    const now = this.context.clock.now();
    const elapsedMs = Math.round(this.#work.elapsedMs + now - this.#since);
    this.#since = now;
    return { ...this.#work, ...parts, elapsedMs };
  }
}

/** Key of a row as SELECT gives it: one column per part. */
export function keepParts(row: readonly SqlValue[]): KeyBound[] {
  return row.map(keepKey);
}

/** `(a, b) > (@name0, @name1)` and the values for it. */
export function compareKey(
  key: readonly string[],
  operator: '>' | '<=',
  parts: { name: string; values: readonly KeyBound[] | null },
): { sql: string; values: Record<string, SqlValue> } {
  if (parts.values === null) return { sql: '1', values: {} };
  const names = parts.values.map((_, index) => `@${parts.name}${index}`);
  const values = Object.fromEntries(parts.values.map((value, index) => [`${parts.name}${index}`, bindKey(value)]));
  const sql =
    key.length === 1 ? `${key[0]} ${operator} ${names[0]}` : `(${key.join(', ')}) ${operator} (${names.join(', ')})`;
  return { sql, values };
}

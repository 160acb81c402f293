import { dirname } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import { type Connection, openReadOnly, openReadWrite } from '../../sqlite/connection.ts';
import { normalProfile } from '../../sqlite/pragma-profile.ts';
import { isBusy, translateError } from '../../sqlite/translate-error.ts';
import { checkpointOnce, frameBytes, walCounts } from '../checkpoint/wal-backlog.ts';
import { type DiskProbe, reserveReached } from '../disk-guard.ts';
import { CheckpointShield } from '../vacuum/checkpoint-shield.ts';
import { IdleGate } from '../vacuum/idle-gate.ts';
import { initialStep, nextStep, pauseMs, type StepSize } from '../vacuum/step-size.ts';

export interface WriteBudget {
  readonly latencyBudgetMs: number;
  readonly walBudgetBytes: number;
  readonly duty: number;
  readonly readerWaitMs: number;
  readonly reserveBytes: number;
  readonly probeDisk: DiskProbe;
  /** Wall time (ms since 1970) at which to stop. */
  readonly deadline: number;
  /** Works only while others hardly commit. */
  readonly idle?: IdleBudget | undefined;
}

/** Shared by all writes of a run, so that it tells how long they waited together. */
export interface IdleBudget {
  /** Commits of others per second below which they count as idle. */
  readonly rate: number;
  waitedMs: number;
}

/** The limits of a request, which holds more than these. */
export function writeBudget(
  limits: Omit<WriteBudget, 'probeDisk' | 'deadline' | 'idle'>,
  probeDisk: DiskProbe,
  deadline: number,
  idle: IdleBudget | undefined,
): WriteBudget {
  const { latencyBudgetMs, walBudgetBytes, duty, readerWaitMs, reserveBytes } = limits;
  return { latencyBudgetMs, walBudgetBytes, duty, readerWaitMs, reserveBytes, probeDisk, deadline, idle };
}

export type WriteStop = 'done' | 'duration' | 'disk' | 'reader' | 'busy';

/** A batch inside its transaction: about `size` rows. It may run again when its transaction did not commit. */
export type Batch<T> = (size: number) => { readonly result: T; readonly finished: boolean };

const burstSteps = 20;
const restartPauseMs = 200;

/**
 * Small write transactions beside running writers: under the checkpoint shield, each as large as the latency budget
 * allows, with pauses, within a WAL budget. A lock of somebody else is tried again, never waited in.
 */
export class BudgetedWrites {
  readonly connection: Connection;
  readonly #reader: Connection;
  readonly #budget: WriteBudget;
  readonly #context: OperationContext;
  readonly #shield: CheckpointShield;
  readonly #gate: IdleGate | undefined;
  readonly #wal: boolean;
  readonly #frameBytes: number;
  #step: StepSize = initialStep;
  #overSince: number | undefined;

  constructor(database: string, budget: WriteBudget, context: OperationContext) {
    const settings = { ...context, busyTimeoutMs: 0 };
    // No checkpoints of its own: they are what other writers would feel.
    const profile = { ...normalProfile, walAutocheckpointPages: 0 };
    this.connection = openReadWrite(database, profile, settings);
    try {
      this.#reader = openReadOnly(database, settings);
    } catch (error) {
      this.connection.close();
      throw error;
    }
    this.#budget = budget;
    this.#context = context;
    this.#shield = new CheckpointShield({
      worker: this.connection,
      reader: this.#reader,
      clock: context.clock,
      signal: context.signal,
    });
    if (budget.idle !== undefined) this.#gate = new IdleGate(this.connection, budget.idle.rate, context.clock);
    this.#wal = this.connection.pragmaValue('journal_mode') === 'wal';
    this.#frameBytes = frameBytes(Number(this.connection.pragmaValue('page_size')));
  }

  /** Runs batches until one says that it was the last; `hear` learns of each, and of every few. */
  async run<T>(
    batch: Batch<T>,
    hear: {
      /** Called before each batch with its size; what it reads must not wait inside the transaction. */
      readonly prepare: (size: number) => Promise<void>;
      readonly committed: (result: T) => void;
      readonly burst: () => void;
    },
  ): Promise<WriteStop> {
    try {
      for (;;) {
        const stop = this.#mustStop();
        if (stop !== undefined) return stop;
        if (!(await this.#untilIdle())) continue;
        if (this.#wal && !this.#shield.up) {
          if (!(await this.#shield.raise(this.#budget.readerWaitMs)).up) return 'reader';
        }
        for (let count = 0; count < burstSteps; count += 1) {
          throwIfCancelled(this.#context.signal);
          if (this.#gate?.quiet() === false) break;
          await hear.prepare(this.#step.pages);
          const done = await this.#once(batch);
          if (done === undefined) return 'busy';
          hear.committed(done.result);
          if (done.finished) return 'done';
          this.#step = nextStep(this.#step, done.tookMs, this.#budget.latencyBudgetMs);
          await this.#context.clock.sleep(pauseMs(done.tookMs, this.#budget.duty), this.#context.signal);
          if (this.#wal && (await this.#walIsFull())) break;
        }
        if (this.#pinned()) return 'reader';
        hear.burst();
      }
    } finally {
      this.#shield.lower();
      if (this.#wal && this.connection.isOpen) checkpointOnce(this.connection, 'passive');
    }
  }

  close(): void {
    this.#shield.lower();
    this.#reader.close();
    this.connection.close();
  }

  /** False when it is time to stop instead. Without the shield meanwhile: it would let the WAL grow. */
  async #untilIdle(): Promise<boolean> {
    const { idle } = this.#budget;
    if (this.#gate === undefined || idle === undefined || this.#gate.quiet()) return true;
    if (this.#shield.up) {
      this.#shield.lower();
      checkpointOnce(this.connection, 'passive');
    }
    const before = this.#gate.waitedMs;
    const isQuiet = await this.#gate.pass(() => this.#mustStop() !== undefined, this.#context.signal);
    idle.waitedMs += this.#gate.waitedMs - before;
    return isQuiet;
  }

  /** One committed batch; undefined when others kept the lock for `readerWaitMs`. */
  async #once<T>(batch: Batch<T>): Promise<{ result: T; finished: boolean; tookMs: number } | undefined> {
    const { clock, random, signal } = this.#context;
    const first = clock.now();
    for (let tries = 0; ; tries += 1) {
      const started = clock.now();
      try {
        const { result, finished } = this.#transaction(batch);
        return { result, finished, tookMs: clock.now() - started };
      } catch (error) {
        if (!isBusy(error)) throw error;
        if (clock.now() - first > this.#budget.readerWaitMs) return undefined;
        await clock.sleep(Math.min(50, 2 ** Math.min(tries, 6)) * (0.5 + random.next() / 2), signal);
      }
    }
  }

  #transaction<T>(batch: Batch<T>): ReturnType<Batch<T>> {
    this.connection.begin();
    try {
      const done = batch(this.#step.pages);
      this.connection.commit();
      return done;
    } catch (error) {
      if (this.connection.inTransaction) this.connection.rollback();
      throw translateError(error, this.connection.path);
    }
  }

  /** Lets everybody checkpoint once the budget is used up, so that the next writer starts the WAL again. */
  async #walIsFull(): Promise<boolean> {
    const { clock, signal } = this.#context;
    if (walCounts(this.connection).logFrames * this.#frameBytes <= this.#budget.walBudgetBytes) {
      this.#overSince = undefined;
      return false;
    }
    this.#overSince ??= clock.now();
    this.#shield.lower();
    checkpointOnce(this.connection, 'passive');
    await clock.sleep(restartPauseMs, signal);
    return true;
  }

  /** The WAL stays over its budget although we let go of it: a reader keeps it from starting again. */
  #pinned(): boolean {
    return this.#overSince !== undefined && this.#context.clock.now() - this.#overSince > this.#budget.readerWaitMs;
  }

  #mustStop(): WriteStop | undefined {
    const { deadline, reserveBytes, probeDisk } = this.#budget;
    if (this.#context.clock.wallTime() >= deadline) return 'duration';
    return reserveReached([dirname(this.connection.path)], reserveBytes, probeDisk) ? 'disk' : undefined;
  }
}

import type { OperationContext, ProgressTask } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { isBusy } from '../../sqlite/translate-error.ts';
import { checkpointOnce, frameBytes, walCounts } from '../checkpoint/wal-backlog.ts';
import { type DiskProbe, reserveReached } from '../disk-guard.ts';
import { pagesToFree } from '../space.ts';
import { CheckpointShield } from './checkpoint-shield.ts';
import { IdleGate } from './idle-gate.ts';
import { initialStep, nextStep, pauseMs, type StepSize } from './step-size.ts';

export interface IncrementalSettings {
  readonly until: number;
  readonly latencyBudgetMs: number;
  readonly walBudgetBytes: number;
  readonly duty: number;
  /** Wall time (ms since 1970) at which to stop. */
  readonly deadline: number;
  readonly reserveBytes: number;
  readonly readerWaitMs: number;
  /** Works only while others commit less often than this per second. */
  readonly idleRate?: number | undefined;
  /** Folder of the database. */
  readonly folder: string;
  readonly probeDisk: DiskProbe;
}

export type StoppedBy = 'done' | 'duration' | 'disk' | 'reader' | 'busy';

export interface IncrementalResult {
  readonly freedPages: number;
  readonly steps: number;
  readonly stepsOverBudget: number;
  readonly longestStepMs: number;
  /** Steps that met the lock of another process and were tried again. */
  readonly stepsRetried: number;
  readonly shields: number;
  readonly walPeakBytes: number;
  /** Time spent waiting for others to be idle. */
  readonly idleWaitMs: number;
  readonly stoppedBy: StoppedBy;
  /** Frame at which a reader kept the checkpoint, when `stoppedBy` is `reader`. */
  readonly stuckAtFrame?: number;
}

/** Steps between two looks at the freelist, the disk and the clock. */
const lookEvery = 20;
/** Time for a writer to restart the WAL after a checkpoint. */
const restartPauseMs = 200;

/**
 * Gives free pages back in small steps beside running writers. Every step is a transaction of its own, so a killed run
 * needs no repair. `worker` must not checkpoint by itself (wal_autocheckpoint 0); both connections have no busy wait.
 */
export async function vacuumIncrementally(
  connections: { readonly worker: Connection; readonly reader: Connection },
  settings: IncrementalSettings,
  context: OperationContext,
): Promise<IncrementalResult> {
  const run = new IncrementalRun(connections.worker, connections.reader, settings, context);
  try {
    return await run.run();
  } finally {
    run.end();
  }
}

class IncrementalRun {
  readonly #worker: Connection;
  readonly #settings: IncrementalSettings;
  readonly #context: OperationContext;
  readonly #shield: CheckpointShield;
  readonly #wal: boolean;
  readonly #frameBytes: number;
  #step: StepSize = initialStep;
  #startFrame = 0;
  #steps = 0;
  #over = 0;
  #longest = 0;
  #retried = 0;
  #walPeak = 0;
  #freed = 0;
  #progress: ProgressTask | undefined;
  readonly #idle: IdleGate | undefined;

  constructor(worker: Connection, reader: Connection, settings: IncrementalSettings, context: OperationContext) {
    this.#worker = worker;
    this.#settings = settings;
    this.#context = context;
    this.#shield = new CheckpointShield({ worker, reader, clock: context.clock, signal: context.signal });
    this.#wal = worker.pragmaValue('journal_mode') === 'wal';
    this.#frameBytes = frameBytes(Number(worker.pragmaValue('page_size')));
    if (settings.idleRate !== undefined) this.#idle = new IdleGate(worker, settings.idleRate, context.clock);
  }

  async run(): Promise<IncrementalResult> {
    let left = this.#pagesLeft();
    this.#progress = this.#context.progress.start({ id: 'vacuum', label: 'free pages', unit: 'pages', total: left });
    while (left > 0) {
      throwIfCancelled(this.#context.signal);
      const stop = this.#mustStop();
      if (stop !== undefined) return this.#result(stop);
      if (!(await this.#waitForIdle())) continue;
      if (this.#wal && !this.#shield.up) {
        const raised = await this.#shield.raise(this.#settings.readerWaitMs);
        if (!raised.up) return this.#result('reader', raised.stuckAtFrame);
        this.#startFrame = raised.startFrame;
      }
      const finished = await this.#burst(left);
      if (finished === 'busy') return this.#result('busy');
      if (finished === 'budget' && !(await this.#restartWal())) return this.#result('reader', this.#startFrame);
      left = this.#pagesLeft();
    }
    return this.#result('done');
  }

  /** The shield never outlives the run, and what it held back is checkpointed. */
  end(): void {
    this.#progress?.done();
    this.#shield.lower();
    if (this.#wal && this.#worker.isOpen) checkpointOnce(this.#worker, 'passive');
  }

  /** Up to `lookEvery` steps; ends early when the WAL budget is used up. */
  async #burst(pages: number): Promise<'looked' | 'budget' | 'busy' | 'disturbed'> {
    let left = pages;
    for (let count = 0; count < lookEvery && left > 0; count += 1) {
      throwIfCancelled(this.#context.signal);
      if (this.#idle?.quiet() === false) return 'disturbed';
      const size = { ...this.#step, pages: Math.min(this.#step.pages, left) };
      const tookMs = await this.#free(size.pages);
      if (tookMs === undefined) return 'busy';
      left -= size.pages;
      this.#freed += size.pages;
      this.#count(tookMs);
      this.#progress?.advance(size.pages);
      this.#step = nextStep(size, tookMs, this.#settings.latencyBudgetMs);
      await this.#context.clock.sleep(pauseMs(tookMs, this.#settings.duty), this.#context.signal);
      if (this.#overWalBudget()) return 'budget';
    }
    return 'looked';
  }

  /** False when it is time to stop instead. Without the shield meanwhile: it would let the WAL grow. */
  async #waitForIdle(): Promise<boolean> {
    if (this.#idle === undefined || this.#idle.quiet()) return true;
    if (this.#shield.up) {
      this.#shield.lower();
      checkpointOnce(this.#worker, 'passive');
    }
    return this.#idle.pass(() => this.#mustStop() !== undefined, this.#context.signal);
  }

  /** One step, in milliseconds; undefined when other processes kept the write lock for `readerWaitMs`. */
  async #free(pages: number): Promise<number | undefined> {
    const { clock, random, signal } = this.#context;
    const first = clock.now();
    for (let tries = 0; ; tries += 1) {
      const started = clock.now();
      try {
        // exec, not prepare().run(): the latter stops after one page.
        this.#worker.exec(`PRAGMA incremental_vacuum(${pages})`);
        return clock.now() - started;
      } catch (error) {
        if (!isBusy(error)) throw error;
        if (clock.now() - first > this.#settings.readerWaitMs) return undefined;
        this.#retried += 1;
        await clock.sleep(Math.min(50, 2 ** Math.min(tries, 6)) * (0.5 + random.next() / 2), signal);
      }
    }
  }

  #count(tookMs: number): void {
    this.#steps += 1;
    if (tookMs > this.#settings.latencyBudgetMs) this.#over += 1;
    this.#longest = Math.max(this.#longest, tookMs);
  }

  /** By frames, never by the size of the -wal file, which does not shrink. */
  #overWalBudget(): boolean {
    if (!this.#wal) return false;
    const bytes = walCounts(this.#worker).logFrames * this.#frameBytes;
    this.#walPeak = Math.max(this.#walPeak, bytes);
    return bytes > this.#settings.walBudgetBytes;
  }

  /** Lets everybody checkpoint and the next writer start the WAL again; false when readers prevent it for too long. */
  async #restartWal(): Promise<boolean> {
    const { clock, signal } = this.#context;
    const started = clock.now();
    this.#shield.lower();
    for (;;) {
      checkpointOnce(this.#worker, 'passive');
      await clock.sleep(restartPauseMs, signal);
      const raised = await this.#shield.raise(this.#settings.readerWaitMs);
      if (!raised.up) {
        this.#startFrame = raised.stuckAtFrame;
        return false;
      }
      this.#startFrame = raised.startFrame;
      if (this.#pagesLeft() === 0) return true;
      // The first write below restarts the WAL unless a reader stands in it.
      const tookMs = await this.#free(1);
      if (tookMs !== undefined) {
        this.#freed += 1;
        this.#progress?.advance(1);
        this.#count(tookMs);
      }
      if (!this.#overWalBudget()) return true;
      this.#shield.lower();
      if (clock.now() - started > this.#settings.readerWaitMs) return false;
    }
  }

  #pagesLeft(): number {
    const number = (name: string): number => Number(this.#worker.pragmaValue(name) ?? 0);
    return pagesToFree({ pageCount: number('page_count'), freePages: number('freelist_count') }, this.#settings.until);
  }

  #mustStop(): StoppedBy | undefined {
    const { deadline, folder, reserveBytes, probeDisk } = this.#settings;
    if (this.#context.clock.wallTime() >= deadline) return 'duration';
    if (reserveReached([folder], reserveBytes, probeDisk)) return 'disk';
    return undefined;
  }

  #result(stoppedBy: StoppedBy, stuckAtFrame?: number): IncrementalResult {
    return {
      freedPages: this.#freed,
      steps: this.#steps,
      stepsOverBudget: this.#over,
      longestStepMs: this.#longest,
      stepsRetried: this.#retried,
      shields: this.#shield.raised,
      walPeakBytes: this.#walPeak,
      idleWaitMs: this.#idle?.waitedMs ?? 0,
      stoppedBy,
      ...(stuckAtFrame === undefined ? {} : { stuckAtFrame }),
    };
  }
}

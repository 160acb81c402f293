import type { Clock } from '../../context.ts';
import { TradedbError, throwIfCancelled } from '../../error.ts';
import { type HistogramData, LatencyHistogram } from '../../statistics/latency-histogram.ts';
import type { HookList } from '../hooks.ts';
import type { Row, SqlParameters } from '../statement.ts';
import type { RawRow } from './protocol.ts';
import { type BackgroundReadOptions, BackgroundRequest, type Outcome, type RowSink } from './request.ts';
import { deadlineError, ReaderSlot, type StartReader } from './slot.ts';

export interface PoolLimits {
  readonly size: number;
  readonly maxQueued: number;
  /** Milliseconds. */
  readonly queueTimeout: number;
  /** Milliseconds. */
  readonly deadline: number;
}

export interface PoolPorts {
  readonly clock: Clock;
  readonly hooks: HookList;
  readonly startThread: StartReader;
  readonly startProcess: StartReader;
}

export interface PoolMetrics {
  readonly size: number;
  readonly busy: number;
  readonly idle: number;
  /** Readers whose statement runs on although its request has ended. */
  readonly overdue: number;
  readonly queued: number;
  readonly refused: number;
  readonly timeouts: number;
  readonly restarts: number;
  /** Age of the oldest snapshot that a reader holds, in milliseconds. */
  readonly oldestSnapshotAgeMs: number;
  readonly queueWait: HistogramData;
  readonly run: HistogramData;
}

/** Threads for long queries: reports, scans, `quick_check`. A point query is faster on the calling thread. */
export class BackgroundReaders {
  readonly #limits: PoolLimits;
  readonly #ports: PoolPorts;
  readonly #slots: ReaderSlot[] = [];
  readonly #isolated = new Set<ReaderSlot>();
  readonly #queue: BackgroundRequest[] = [];
  readonly #queueWait = new LatencyHistogram();
  readonly #run = new LatencyHistogram();
  #counts = { refused: 0, timeouts: 0 };
  #closed = false;

  constructor(limits: PoolLimits, ports: PoolPorts) {
    this.#limits = limits;
    this.#ports = ports;
  }

  /** Rows as objects. */
  async all<T = Row>(sql: string, parameters?: SqlParameters, options: BackgroundReadOptions = {}): Promise<T[]> {
    const all: T[] = [];
    await this.batches(sql, parameters, options, (columns, rows) => {
      for (const row of rows) all.push(toObject(columns, row) as T);
    });
    return all;
  }

  /** Hands rows over as they arrive, in batches of up to 1000 arrays in column order; the last one may be empty. */
  async batches(
    sql: string,
    parameters: SqlParameters | undefined,
    options: BackgroundReadOptions,
    sink: RowSink,
  ): Promise<void> {
    if (options.signal !== undefined) throwIfCancelled(options.signal);
    const { clock } = this.#ports;
    const deadlineMs = options.deadlineMs ?? this.#limits.deadline;
    const request = new BackgroundRequest({ sql, parameters: parameters ?? null, deadlineMs }, options, clock, sink);
    request.onEnd((outcome, runMs) => this.#note(request, outcome, runMs));
    this.#admit(request);
    this.#watchSignal(request);
    await request.done;
  }

  /** True once a thread or process was started. */
  get started(): boolean {
    return this.#slots.length > 0 || this.#isolated.size > 0;
  }

  /** Readers that hold a snapshot of the database now. */
  get active(): number {
    return [...this.#slots, ...this.#isolated].filter((slot) => !slot.idle).length;
  }

  metrics(): PoolMetrics {
    const busy = this.#slots.filter((slot) => !slot.idle);
    const ages = [...busy, ...this.#isolated].map((slot) => slot.request?.runMs ?? 0);
    return {
      size: this.#limits.size,
      busy: busy.length,
      idle: this.#limits.size - busy.length,
      overdue: busy.filter((slot) => slot.overdue).length,
      queued: this.#queue.length,
      refused: this.#counts.refused,
      timeouts: this.#counts.timeouts,
      restarts: this.#slots.reduce((sum, slot) => sum + slot.restarts, 0),
      oldestSnapshotAgeMs: Math.max(0, ...ages),
      queueWait: this.#queueWait.toJSON(),
      run: this.#run.toJSON(),
    };
  }

  /**
   * Ends every request with `database_closed` and resolves when the readers are gone; an overdue thread is told to end
   * but not waited for, because nothing can hurry its statement (Worker.terminate waits for it too).
   */
  async close(): Promise<void> {
    this.#closed = true;
    const closed = (): TradedbError => new TradedbError('database_closed', 'the database was closed');
    for (const request of this.#queue.splice(0)) request.fail('cancelled', closed());
    const slots = [...this.#slots, ...this.#isolated];
    const overdue = slots.filter((slot) => slot.overdue);
    for (const { request } of slots) request?.fail('cancelled', closed());
    for (const slot of overdue) void slot.close();
    await Promise.all(slots.filter((slot) => !overdue.includes(slot)).map((slot) => slot.close(true)));
  }

  #admit(request: BackgroundRequest): void {
    if (this.#closed) {
      request.fail('refused', new TradedbError('database_closed', 'the database is closed'));
      return;
    }
    if (request.options.isolation === 'process') {
      this.#runIsolated(request);
      return;
    }
    const slot = this.#freeSlot();
    if (slot !== undefined) this.#start(slot, request);
    else if (this.#slots.every((candidate) => candidate.overdue)) this.#refuse(request, allOverdue());
    else if (this.#queue.length >= this.#limits.maxQueued) this.#refuse(request, queueFull(this.#limits.maxQueued));
    else this.#enqueue(request);
  }

  #freeSlot(): ReaderSlot | undefined {
    const idle = this.#slots.find((slot) => slot.idle);
    if (idle !== undefined || this.#slots.length >= this.#limits.size) return idle;
    const slot = new ReaderSlot(this.#ports.startThread, () => this.#next());
    this.#slots.push(slot);
    return slot;
  }

  #enqueue(request: BackgroundRequest): void {
    this.#queue.push(request);
    const { queueTimeout } = this.#limits;
    request.whenEnded(
      this.#ports.clock.after(queueTimeout, () => {
        if (!this.#queue.includes(request)) return;
        this.#counts.timeouts += 1;
        request.fail('refused', queueTimedOut(queueTimeout));
      }),
    );
    request.whenEnded(() => {
      const index = this.#queue.indexOf(request);
      if (index >= 0) this.#queue.splice(index, 1);
    });
  }

  #start(slot: ReaderSlot, request: BackgroundRequest): void {
    slot.run(request);
    const { deadlineMs } = request;
    request.whenEnded(this.#ports.clock.after(deadlineMs, () => request.fail('deadline', deadlineError(deadlineMs))));
  }

  #next(): void {
    while (this.#queue.length > 0 && !this.#closed) {
      const slot = this.#freeSlot();
      const request = slot === undefined ? undefined : this.#queue.shift();
      if (slot === undefined || request === undefined) return;
      this.#start(slot, request);
    }
  }

  /** A process of its own, killed when the request ends: it counts neither as a slot nor as overdue. */
  #runIsolated(request: BackgroundRequest): void {
    const slot = new ReaderSlot(this.#ports.startProcess, () => {});
    this.#isolated.add(slot);
    this.#start(slot, request);
    request.whenEnded(() => {
      this.#isolated.delete(slot);
      void slot.close();
    });
  }

  #refuse(request: BackgroundRequest, error: TradedbError): void {
    this.#counts.refused += 1;
    request.fail('refused', error);
  }

  #watchSignal(request: BackgroundRequest): void {
    const { signal } = request.options;
    if (signal === undefined || request.ended) return;
    const cancel = (): void => {
      request.fail('cancelled', new TradedbError('cancelled', 'cancelled', { cause: signal.reason }));
    };
    signal.addEventListener('abort', cancel, { once: true });
    request.whenEnded(() => signal.removeEventListener('abort', cancel));
  }

  #note(request: BackgroundRequest, outcome: Outcome, runMs: number): void {
    if (outcome === 'deadline') this.#counts.timeouts += 1;
    if (outcome !== 'refused') {
      this.#queueWait.recordMs(request.queueMs);
      this.#run.recordMs(runMs);
    }
    const { hooks } = this.#ports;
    if (!hooks.wants('onBackgroundRead')) return;
    hooks.emit('onBackgroundRead', { outcome, queueMs: request.queueMs, runMs, rows: request.rows });
  }
}

function toObject(columns: readonly string[], row: RawRow): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (let index = 0; index < columns.length; index++) object[columns[index] ?? ''] = row[index];
  return object;
}

function allOverdue(): TradedbError {
  return new TradedbError('pool_exhausted', 'every background reader is stuck in a statement past its deadline', {
    hint: "wait for them, raise connection.backgroundReaders.size, or use isolation: 'process'",
  });
}

function queueFull(maxQueued: number): TradedbError {
  return new TradedbError('queue_full', `${maxQueued} queries are waiting for a background reader already`, {
    hint: 'wait for earlier ones, or raise connection.backgroundReaders.maxQueued',
  });
}

function queueTimedOut(queueTimeoutMs: number): TradedbError {
  return new TradedbError('pool_exhausted', `no background reader was free within ${queueTimeoutMs} ms`, {
    hint: 'raise connection.backgroundReaders.size or .queueTimeout',
    details: { queueTimeoutMs },
  });
}

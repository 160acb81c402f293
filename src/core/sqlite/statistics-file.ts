import { readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../context.ts';
import { makeFolder } from '../make-folder.ts';
import { type HistogramData, LatencyHistogram } from '../statistics/latency-histogram.ts';
import type { BackgroundReadEvent, DatabaseHook, GroupEvent, ReadEvent, TransactionEvent } from './hooks.ts';
import type { DatabaseMetrics } from './trading-database.ts';

/** What an engine tells about itself: one file per process, which `tradedb monitor` reads. */
export interface StatisticsDocument {
  readonly version: 1;
  /** Real path. */
  readonly database: string;
  readonly pid: number;
  /** Clock ticks since boot, from proc(5): with the pid it names one process for ever; null where there is none. */
  readonly startTime: string | null;
  readonly atMs: number;
  readonly queries: readonly QueryRecord[];
  readonly cache: { readonly hits: number; readonly misses: number };
  readonly pool: { readonly size: number; readonly busy: number; readonly queued: number };
}

/** Everything that was done under one name. */
export interface QueryRecord {
  readonly name: string;
  readonly kind: 'transaction' | 'group' | 'read' | 'background';
  readonly calls: number;
  readonly totalMs: number;
  /** Waiting for other processes, or in the queue of the background readers. */
  readonly waitMs: number;
  /** Rows that background reads returned, operations of groups, queries of read batches; 0 for transactions. */
  readonly rows: number;
  readonly retries: number;
  readonly errors: number;
  readonly latency: HistogramData;
}

export interface StatisticsSettings {
  readonly directory: string;
  readonly database: string;
  readonly pid: number;
  readonly intervalMs: number;
}

/** More names than this would be a mistake, such as a name with an order number in it; the rest share one. */
const mostNames = 200;
const otherName = '(other)';

interface Counted {
  readonly kind: QueryRecord['kind'];
  readonly name: string;
  calls: number;
  totalMs: number;
  waitMs: number;
  rows: number;
  retries: number;
  errors: number;
  readonly latency: LatencyHistogram;
}

/** The hook that counts by name and writes its file now and then, whole or not at all. Never breaks a transaction. */
export class StatisticsFile implements DatabaseHook {
  readonly #settings: StatisticsSettings;
  readonly #clock: Clock;
  readonly #file: string;
  readonly #startTime: string | null;
  readonly #names = new Map<string, Counted>();
  #metrics: (() => DatabaseMetrics) | undefined;
  #cancel = (): void => {};
  #changed = true;

  constructor(settings: StatisticsSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
    const { directory, pid } = settings;
    makeFolder(directory);
    this.#startTime = processStart(pid);
    this.#file = join(directory, `${pid}-${Math.round(clock.now() * 1000).toString(36)}.json`);
  }

  /** Begins to write; `metrics` is that of the database. */
  start(metrics: () => DatabaseMetrics): void {
    this.#metrics = metrics;
    this.#write();
    this.#later();
  }

  /** Takes the file away: an engine that has ended has nothing to tell. */
  stop(): void {
    this.#cancel();
    rmSync(this.#file, { force: true });
  }

  onTransaction({ name, committed, retries, waitMs, serviceMs }: TransactionEvent): void {
    this.#add('transaction', name, { serviceMs, waitMs, rows: 0, retries, errors: committed ? 0 : 1 });
  }

  onGroup({ operations, rejected, retries, waitMs, serviceMs }: GroupEvent): void {
    this.#add('group', 'group commit', { serviceMs, waitMs, rows: operations, retries, errors: rejected });
  }

  onRead({ name, queries, ageMs, overdue }: ReadEvent): void {
    // The warning about one that is still open is no second call.
    if (!overdue) this.#add('read', name, { serviceMs: ageMs, waitMs: 0, rows: queries, retries: 0, errors: 0 });
  }

  onBackgroundRead({ outcome, queueMs, runMs, rows }: BackgroundReadEvent): void {
    const errors = outcome === 'rows' || outcome === 'cancelled' ? 0 : 1;
    this.#add('background', 'background reads', { serviceMs: runMs, waitMs: queueMs, rows, retries: 0, errors });
  }

  #add(
    kind: QueryRecord['kind'],
    given: string,
    call: { serviceMs: number; waitMs: number; rows: number; retries: number; errors: number },
  ): void {
    const counted = this.#counted(kind, given);
    counted.calls += 1;
    counted.totalMs += call.serviceMs;
    counted.waitMs += call.waitMs;
    counted.rows += call.rows;
    counted.retries += call.retries;
    counted.errors += call.errors;
    counted.latency.recordMs(call.serviceMs);
    this.#changed = true;
  }

  #counted(kind: QueryRecord['kind'], given: string): Counted {
    const name = this.#names.size < mostNames || this.#names.has(`${kind} ${given}`) ? given : otherName;
    const key = `${kind} ${name}`;
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const latency = new LatencyHistogram();
    const fresh = { kind, name, calls: 0, totalMs: 0, waitMs: 0, rows: 0, retries: 0, errors: 0, latency };
    this.#names.set(key, fresh);
    return fresh;
  }

  #later(): void {
    this.#cancel = this.#clock.after(this.#settings.intervalMs, () => {
      if (this.#changed) this.#write();
      this.#later();
    });
  }

  #write(): void {
    const metrics = this.#metrics?.();
    if (metrics === undefined) return;
    const { database, pid } = this.#settings;
    const document: StatisticsDocument = {
      version: 1,
      database: realpathSync(database),
      pid,
      startTime: this.#startTime,
      atMs: this.#clock.wallTime(),
      queries: [...this.#names.values()].map((counted) => ({ ...counted, latency: counted.latency.toJSON() })),
      cache: { hits: metrics.resultCache.hits, misses: metrics.resultCache.misses },
      pool: {
        size: metrics.background.size,
        busy: metrics.background.busy,
        queued: metrics.background.queued,
      },
    };
    try {
      writeFileSync(`${this.#file}.partial`, JSON.stringify(document));
      renameSync(`${this.#file}.partial`, this.#file);
      this.#changed = false;
    } catch {
      // A full disk costs the statistics of this second, never a transaction; the next second tries again.
    }
  }
}

function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

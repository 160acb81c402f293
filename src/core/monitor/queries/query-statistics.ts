import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../context.ts';
import type { Metric } from '../../report.ts';
import type { QueryRecord, StatisticsDocument } from '../../sqlite/statistics-file.ts';
import { LatencyHistogram } from '../../statistics/latency-histogram.ts';

/** Everything that engines did under one name, all processes together. */
export interface QueryRow {
  readonly name: string;
  readonly kind: string;
  readonly calls: number;
  readonly callsPerSecond: number;
  readonly totalMs: number;
  readonly meanMs: number;
  readonly p99Ms: number;
  readonly waitMs: number;
  readonly rows: number;
  readonly retries: number;
  readonly errors: number;
}

export interface EngineRow {
  readonly pid: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  readonly poolSize: number;
  readonly poolBusy: number;
  readonly poolQueued: number;
}

export interface QueryFacts {
  readonly queries: readonly QueryRow[];
  readonly engines: readonly EngineRow[];
}

export const noQueries: QueryFacts = { queries: [], engines: [] };

const readEveryMs = 1000;
const mostFileBytes = 16 * 1024 * 1024;

/** Reads what engines with the library write about themselves: one file per process, in one folder. */
export class QueryStatistics {
  readonly #directory: string;
  readonly #database: string;
  readonly #clock: Clock;
  #readAt = Number.NEGATIVE_INFINITY;
  #facts = noQueries;
  #before = new Map<string, number>();

  /** `database` is its real path. */
  constructor(directory: string, database: string, clock: Clock) {
    this.#directory = directory;
    this.#database = database;
    this.#clock = clock;
  }

  get facts(): QueryFacts {
    const now = this.#clock.now();
    const seconds = (now - this.#readAt) / 1000;
    if (seconds * 1000 < readEveryMs) return this.#facts;
    this.#readAt = now;
    const documents = this.#documents();
    const queries = [...merged(documents).values()].map((row) => ({
      ...row,
      callsPerSecond: this.#growth(row, seconds),
    }));
    this.#before = new Map(queries.map((row) => [`${row.kind} ${row.name}`, row.calls]));
    this.#facts = {
      queries: queries.sort((a, b) => b.totalMs - a.totalMs),
      engines: documents.map(({ pid, cache, pool }) => ({
        pid,
        cacheHits: cache.hits,
        cacheMisses: cache.misses,
        poolSize: pool.size,
        poolBusy: pool.busy,
        poolQueued: pool.queued,
      })),
    };
    return this.#facts;
  }

  /** The first look knows no rate; an engine that ended takes its calls along. */
  #growth({ kind, name, calls }: Pick<QueryRow, 'kind' | 'name' | 'calls'>, seconds: number): number {
    const before = this.#before.get(`${kind} ${name}`);
    return before === undefined || !Number.isFinite(seconds) ? 0 : Math.max(0, calls - before) / seconds;
  }

  #documents(): StatisticsDocument[] {
    let names: string[];
    try {
      names = readdirSync(this.#directory).filter((name) => name.endsWith('.json'));
    } catch {
      return [];
    }
    return names.flatMap((name) => {
      const file = join(this.#directory, name);
      const document = readDocument(file);
      if (document === undefined) return [];
      if (!isAlive(document)) {
        // What a killed engine left behind.
        rmSync(file, { force: true });
        return [];
      }
      return document.database === this.#database ? [document] : [];
    });
  }
}

function merged(documents: readonly StatisticsDocument[]): Map<string, QueryRow> {
  const sums = new Map<string, { record: Omit<QueryRecord, 'latency'>; latency: LatencyHistogram }>();
  for (const record of documents.flatMap(({ queries }) => queries)) {
    const key = `${record.kind} ${record.name}`;
    const latency = LatencyHistogram.fromJSON(record.latency);
    const known = sums.get(key);
    if (known === undefined) {
      sums.set(key, { record, latency });
      continue;
    }
    known.latency.merge(latency);
    const { calls, totalMs, waitMs, rows, retries, errors } = known.record;
    sums.set(key, {
      latency: known.latency,
      record: {
        ...record,
        calls: calls + record.calls,
        totalMs: totalMs + record.totalMs,
        waitMs: waitMs + record.waitMs,
        rows: rows + record.rows,
        retries: retries + record.retries,
        errors: errors + record.errors,
      },
    });
  }
  return new Map(
    [...sums].map(([key, { record, latency }]) => {
      const { name, kind, calls, totalMs, waitMs, rows, retries, errors } = record;
      const times = { meanMs: calls === 0 ? 0 : totalMs / calls, p99Ms: latency.percentileNs(99) / 1e6 };
      return [key, { name, kind, calls, callsPerSecond: 0, totalMs, ...times, waitMs, rows, retries, errors }];
    }),
  );
}

function readDocument(file: string): StatisticsDocument | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    if (text.length > mostFileBytes) return undefined;
    const document = JSON.parse(text) as StatisticsDocument;
    for (const { latency } of document.queries) LatencyHistogram.fromJSON(latency);
    return document.version === 1 ? document : undefined;
  } catch {
    // Gone meanwhile, or of another program.
    return undefined;
  }
}

function isAlive({ pid, startTime }: StatisticsDocument): boolean {
  if (startTime === null) return true;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] === startTime;
  } catch {
    return false;
  }
}

interface QuerySeries {
  readonly name: string;
  readonly type: Metric['type'];
  readonly help: string;
  readonly value: (row: QueryRow) => number;
}

/** The series of the names; in one table, like those of the samples. */
export const querySeries: readonly QuerySeries[] = [
  { name: 'query_calls_total', type: 'counter', help: 'Calls under a name.', value: (row) => row.calls },
  { name: 'query_seconds_total', type: 'counter', help: 'Time of these calls.', value: (row) => row.totalMs / 1000 },
  { name: 'query_wait_seconds_total', type: 'counter', help: 'Time they waited.', value: (row) => row.waitMs / 1000 },
  {
    name: 'query_p99_seconds',
    type: 'gauge',
    help: '99th percentile of their time.',
    value: (row) => row.p99Ms / 1000,
  },
  { name: 'query_rows_total', type: 'counter', help: 'Rows, operations or queries in them.', value: (row) => row.rows },
  { name: 'query_retries_total', type: 'counter', help: 'Retries because of a lock.', value: (row) => row.retries },
  { name: 'query_errors_total', type: 'counter', help: 'Calls that failed.', value: (row) => row.errors },
];

export const engineSeries = [
  {
    name: 'result_cache_hits_total',
    type: 'counter',
    help: 'Hits of result caches.',
    value: (row: EngineRow) => row.cacheHits,
  },
  {
    name: 'result_cache_misses_total',
    type: 'counter',
    help: 'Misses of them.',
    value: (row: EngineRow) => row.cacheMisses,
  },
  {
    name: 'background_readers',
    type: 'gauge',
    help: 'Threads for long queries.',
    value: (row: EngineRow) => row.poolSize,
  },
  { name: 'background_readers_busy', type: 'gauge', help: 'Those that work.', value: (row: EngineRow) => row.poolBusy },
  {
    name: 'background_reads_queued',
    type: 'gauge',
    help: 'Reads that wait for one.',
    value: (row: EngineRow) => row.poolQueued,
  },
] as const;

export function queryMetrics({ queries, engines }: QueryFacts, database: string): Metric[] {
  return [
    ...querySeries.flatMap(({ value, ...series }) =>
      queries.map(
        (row): Metric => ({ ...series, value: value(row), labels: { database, name: row.name, kind: row.kind } }),
      ),
    ),
    ...engineSeries.flatMap(({ value, ...series }) =>
      engines.map((row): Metric => ({ ...series, value: value(row), labels: { database, pid: String(row.pid) } })),
    ),
  ];
}

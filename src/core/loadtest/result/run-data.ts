import type { HistogramData, LatencyHistogram } from '../../statistics/latency-histogram.ts';
import type { ScanSummary } from '../background-scan.ts';
import type { ClientResources, Verification } from '../child/protocol.ts';
import type { Environment } from '../environment.ts';
import type { Scenario } from '../scenario/scenario.ts';
import type { Unit } from '../threshold.ts';
import type { WalSummary } from '../wal-watch.ts';
import type { LoadResult } from './load-result.ts';
import { achievedRatio, countsOf, latencyOf } from './measure.ts';
import type { SeriesRow } from './series.ts';

/** What `loadtest run` reports. Latencies are microseconds. */
export interface RunData {
  readonly runId: string;
  readonly scenario: string;
  readonly seed: number;
  readonly streamHash: string;
  /** Over the executed transactions, when their number was given; otherwise null. */
  readonly executedHash: string | null;
  readonly complete: boolean;
  /** Ended early by a threshold. */
  readonly aborted: boolean;
  readonly loop: 'open' | 'closed';
  readonly arrivals: string | null;
  readonly clients: number;
  readonly groupSize: number;
  readonly target: TargetData;
  readonly phases: readonly PhaseData[];
  readonly transactions: readonly TransactionData[];
  readonly statements: readonly StatementData[];
  readonly pacing: PacingData | null;
  readonly resources: ResourceData;
  readonly wal: WalData;
  readonly backgroundReaders: ScanSummary | null;
  readonly thresholds: readonly ThresholdData[];
  /** All transactions together, 40 columns from the fastest to the slowest on a logarithmic scale, for a sparkline. */
  readonly distribution: DistributionData;
  readonly series: readonly SeriesRow[];
  readonly verification: Verification | null;
  readonly environment: Environment;
  readonly scratchFolder: string | null;
}

export interface WalData extends WalSummary {
  /** Transactions whose own commit ran a checkpoint: what it costs the one who meets it. Null when none did. */
  readonly stallUs: { readonly count: number; readonly p50: number; readonly p99: number; readonly max: number } | null;
}

export interface TargetData {
  readonly kind: 'copy' | 'sample' | 'in-place';
  /** The database that was copied, or null for a sample. */
  readonly path: string | null;
  readonly sizeBytes: number;
  /** Of the base file; null when the test ran in place. */
  readonly sha256: string | null;
}

export interface PhaseData {
  readonly name: 'warmup' | 'measure';
  readonly durationMs: number;
  readonly count: number;
  readonly failed: number;
  readonly complete: boolean;
}

export interface LatencyData {
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p95Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  readonly meanUs: number;
}

export interface TransactionData {
  readonly name: string;
  readonly count: number;
  readonly perSecond: number;
  readonly service: LatencyData;
  /** Null in a closed loop, which has no intended start. */
  readonly response: LatencyData | null;
  readonly failed: number;
  readonly errorsByCode: Readonly<Record<string, number>>;
  readonly retriesByCode: Readonly<Record<string, number>>;
  readonly histograms?: { readonly service: HistogramData; readonly response: HistogramData };
}

export interface StatementData {
  readonly transaction: string;
  readonly sql: string;
  readonly count: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  readonly meanUs: number;
}

export interface PacingData {
  readonly targetPerSecond: number;
  readonly achievedPerSecond: number;
  readonly achievedRatio: number;
  readonly scheduled: number;
  readonly late: number;
  readonly dropped: number;
  readonly unfinished: number;
  readonly latenessUs: { readonly p50: number; readonly p99: number; readonly max: number };
}

export interface ResourceData extends ClientResources {
  readonly cpuPerTransactionUs: number | null;
}

export interface ThresholdData {
  readonly expression: string;
  readonly unit: Unit;
  /** Null when nothing was measured that it could be judged on. */
  readonly actual: number | null;
  readonly limit: number;
  readonly passed: boolean;
}

export interface DistributionData {
  readonly view: 'service' | 'response';
  readonly fromUs: number;
  readonly toUs: number;
  readonly counts: readonly number[];
}

export function latencyData(histogram: LatencyHistogram): LatencyData {
  return {
    p50Us: latencyOf(histogram, 'p50'),
    p90Us: latencyOf(histogram, 'p90'),
    p95Us: latencyOf(histogram, 'p95'),
    p99Us: latencyOf(histogram, 'p99'),
    p999Us: latencyOf(histogram, 'p99.9'),
    maxUs: latencyOf(histogram, 'max'),
    meanUs: latencyOf(histogram, 'mean'),
  };
}

export function transactionData(
  scenario: Scenario,
  load: LoadResult,
  options: { readonly loop: 'open' | 'closed'; readonly histograms: boolean },
): TransactionData[] {
  return load.transactions.map((tally, type) => ({
    name: scenario.transactions[type]?.name ?? String(type),
    count: tally.service.count,
    perSecond: load.elapsedMs === 0 ? 0 : (tally.service.count / load.elapsedMs) * 1000,
    service: latencyData(tally.service),
    response: options.loop === 'open' ? latencyData(tally.response) : null,
    failed: tally.failed.count,
    errorsByCode: tally.errorsByCode,
    retriesByCode: tally.retriesByCode,
    ...(options.histograms
      ? { histograms: { service: tally.service.toJSON(), response: tally.response.toJSON() } }
      : {}),
  }));
}

export function statementData(scenario: Scenario, load: LoadResult): StatementData[] {
  return load.statements.map(({ type, statement, time }) => ({
    transaction: scenario.transactions[type]?.name ?? String(type),
    sql: scenario.transactions[type]?.statements[statement] ?? '',
    count: time.count,
    p50Us: latencyOf(time, 'p50'),
    p99Us: latencyOf(time, 'p99'),
    maxUs: latencyOf(time, 'max'),
    meanUs: latencyOf(time, 'mean'),
  }));
}

export function pacingData(load: LoadResult, plannedMs: number, targetPerSecond: number): PacingData {
  const { succeeded, failed } = countsOf(load.transactions);
  const { lateness, schedule } = load;
  return {
    targetPerSecond,
    achievedPerSecond: load.elapsedMs === 0 ? 0 : ((succeeded + failed) / Math.max(plannedMs, load.elapsedMs)) * 1000,
    achievedRatio: achievedRatio(load),
    ...schedule,
    latenessUs: {
      p50: latencyOf(lateness, 'p50'),
      p99: latencyOf(lateness, 'p99'),
      max: latencyOf(lateness, 'max'),
    },
  };
}

export function walData(wal: WalSummary, stalls: LatencyHistogram | undefined): WalData {
  if (stalls === undefined || stalls.count === 0) return { ...wal, stallUs: null };
  const [p50, p99, max] = (['p50', 'p99', 'max'] as const).map((statistic) => latencyOf(stalls, statistic));
  return { ...wal, stallUs: { count: stalls.count, p50: p50 ?? 0, p99: p99 ?? 0, max: max ?? 0 } };
}

export function phaseData(name: PhaseData['name'], load: LoadResult): PhaseData {
  const { succeeded, failed } = countsOf(load.transactions);
  return { name, durationMs: load.elapsedMs, count: succeeded, failed, complete: load.complete };
}

const columns = 40;

/** Counts over a logarithmic scale from the smallest to the largest value. */
export function distributionData(histogram: LatencyHistogram, view: 'service' | 'response'): DistributionData {
  if (histogram.count === 0) return { view, fromUs: 0, toUs: 0, counts: [] };
  const from = Math.max(1, histogram.minNs);
  const to = Math.max(from * 1.001, histogram.maxNs);
  const counts = Array.from({ length: columns }, () => 0);
  const single = new Float64Array(1);
  const words = new Uint32Array(single.buffer);
  const high = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;
  for (const [bucket, count] of histogram.entries()) {
    // The lower edge of a bucket is the float64 whose high word starts with its number.
    words[high] = (bucket + (1023 << 7)) << 13;
    const position = Math.log(Math.max(from, single[0] ?? 0) / from) / Math.log(to / from);
    const column = Math.min(columns - 1, Math.max(0, Math.floor(position * columns)));
    counts[column] = (counts[column] ?? 0) + count;
  }
  return { view, fromUs: from / 1000, toUs: to / 1000, counts };
}

import type { LatencyHistogram } from '../../statistics/latency-histogram.ts';
import type { LatencyStatistic, Threshold } from '../threshold.ts';
import { mergedView } from './load-result.ts';
import { type ScheduleCounts, sumOf, type TransactionTally } from './tally.ts';

/** What thresholds are judged on, at the end or while the run goes on. */
export interface Measured {
  readonly loop: 'open' | 'closed';
  readonly names: readonly string[];
  readonly transactions: readonly TransactionTally[];
  readonly schedule: ScheduleCounts;
  readonly elapsedMs: number;
  /** Undefined while the run goes on. */
  readonly cpuMs?: number;
  readonly walMaxBytes: number;
}

const percents: Readonly<Record<Exclude<LatencyStatistic, 'max' | 'mean'>, number>> = {
  p50: 50,
  p90: 90,
  p95: 95,
  p99: 99,
  'p99.9': 99.9,
};

/** Microseconds. */
export function latencyOf(histogram: LatencyHistogram, statistic: LatencyStatistic): number {
  if (statistic === 'max') return histogram.maxNs / 1000;
  if (statistic === 'mean') return histogram.meanNs / 1000;
  return histogram.percentileNs(percents[statistic]) / 1000;
}

export function countsOf(tallies: readonly TransactionTally[]): {
  succeeded: number;
  failed: number;
  retries: number;
} {
  const sum = (of: (tally: TransactionTally) => number): number =>
    tallies.reduce((total, tally) => total + of(tally), 0);
  return {
    succeeded: sum((tally) => tally.service.count),
    failed: sum((tally) => tally.failed.count),
    retries: sum((tally) => sumOf(tally.retriesByCode)),
  };
}

/** Share of the arrivals that were run to their end before the drain time was over. */
export function achievedRatio(measured: Pick<Measured, 'schedule' | 'transactions'>): number {
  const { scheduled } = measured.schedule;
  const { succeeded, failed } = countsOf(measured.transactions);
  return scheduled === 0 ? 1 : (succeeded + failed) / scheduled;
}

/** The value of the metric of a threshold, in its unit; undefined when there is nothing to judge. */
export function valueFor(threshold: Threshold, measured: Measured): number | undefined {
  const { metric, transaction } = threshold;
  const tallies =
    transaction === undefined
      ? measured.transactions
      : measured.transactions.filter((_, type) => measured.names[type] === transaction);
  const { succeeded, failed, retries } = countsOf(tallies);
  const attempted = succeeded + failed;
  switch (metric.kind) {
    case 'latency': {
      const view = metric.view === 'either' ? (measured.loop === 'open' ? 'response' : 'service') : metric.view;
      const histogram = mergedView(tallies, view);
      return histogram.count === 0 ? undefined : latencyOf(histogram, metric.statistic);
    }
    case 'rate.perSecond':
      return measured.elapsedMs === 0 ? undefined : (succeeded / measured.elapsedMs) * 1000;
    case 'errors.rate':
      return attempted === 0 ? undefined : failed / attempted;
    case 'retries.rate':
      return attempted === 0 ? undefined : retries / attempted;
    case 'rate.achieved':
      return achievedRatio(measured);
    case 'late.rate':
      return measured.schedule.scheduled === 0 ? undefined : measured.schedule.late / measured.schedule.scheduled;
    case 'cpu.perTransaction':
      return measured.cpuMs === undefined || attempted === 0 ? undefined : (measured.cpuMs * 1000) / attempted;
    case 'wal.maxBytes':
      return measured.walMaxBytes;
  }
}

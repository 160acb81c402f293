import { parseByteSize } from '../config/byte-size.ts';
import { parseDuration } from '../config/duration.ts';
import { parseShare } from '../config/value.ts';
import { TradedbError } from '../error.ts';

/** A limit that the operator sets: `[transaction.]metric op value`, such as `order.new.response.p99 <= 5ms`. */
export interface Threshold {
  readonly expression: string;
  /** Undefined: over all transactions. */
  readonly transaction?: string;
  readonly metric: ThresholdMetric;
  readonly operator: '<' | '<=' | '>' | '>=';
  /** In the unit of the metric. */
  readonly limit: number;
}

export type LatencyStatistic = 'p50' | 'p90' | 'p95' | 'p99' | 'p99.9' | 'max' | 'mean';

export type ThresholdMetric =
  /** Microseconds. Without a view: response in open loop, service in closed loop. */
  | { readonly kind: 'latency'; readonly view: 'service' | 'response' | 'either'; readonly statistic: LatencyStatistic }
  /** Fractions, per second, microseconds, bytes. */
  | { readonly kind: 'rate.achieved' | 'errors.rate' | 'retries.rate' | 'late.rate' }
  | { readonly kind: 'rate.perSecond' | 'cpu.perTransaction' | 'wal.maxBytes' };

export type Unit = 'duration' | 'share' | 'perSecond' | 'bytes';

const statistics: readonly LatencyStatistic[] = ['p50', 'p90', 'p95', 'p99', 'p99.9', 'max', 'mean'];

const scalarMetrics = {
  'rate.achieved': 'share',
  'errors.rate': 'share',
  'retries.rate': 'share',
  'late.rate': 'share',
  'rate.perSecond': 'perSecond',
  'cpu.perTransaction': 'duration',
  'wal.maxBytes': 'bytes',
} as const satisfies Record<string, Unit>;

type ScalarName = keyof typeof scalarMetrics;

/** Metrics that exist for the whole run only. */
const runOnly: ReadonlySet<string> = new Set(['rate.achieved', 'late.rate', 'cpu.perTransaction', 'wal.maxBytes']);

const metricNames = new Map<string, ThresholdMetric>([
  ...(Object.keys(scalarMetrics) as ScalarName[]).map((kind) => [kind, { kind }] as const),
  ...statistics.flatMap((statistic) => [
    [statistic, { kind: 'latency', view: 'either', statistic } as const] as const,
    [`service.${statistic}`, { kind: 'latency', view: 'service', statistic } as const] as const,
    [`response.${statistic}`, { kind: 'latency', view: 'response', statistic } as const] as const,
  ]),
]);

export function unitOf(metric: ThresholdMetric): Unit {
  return metric.kind === 'latency' ? 'duration' : scalarMetrics[metric.kind];
}

export interface ThresholdScope {
  readonly loop: 'open' | 'closed';
  readonly transactions: readonly string[];
}

function refuse(expression: string, why: string, hint?: string): never {
  throw new TradedbError('usage', `threshold ${JSON.stringify(expression)}: ${why}`, {
    hint: hint ?? 'write it like: order.new.p99 <= 5ms, errors.rate < 1%, rate.perSecond >= 2000',
  });
}

/** Reads one expression and checks it against the run it is meant for. */
export function parseThreshold(expression: string, scope: ThresholdScope): Threshold {
  const match = /^\s*(.+?)\s*(<=|>=|<|>)\s*([^<>=]+?)\s*$/.exec(expression);
  if (match === null) refuse(expression, 'expected a metric, one of <, <=, >, >= and a value with its unit');
  const [, left = '', operator = '', value = ''] = match;
  const { transaction, metric } = readMetric(expression, left);
  if (transaction !== undefined && !scope.transactions.includes(transaction)) {
    refuse(expression, `there is no transaction ${transaction}`, `the run has: ${scope.transactions.join(', ')}`);
  }
  if (transaction !== undefined && runOnly.has(metric.kind)) {
    refuse(expression, `${metric.kind} exists for the whole run only`);
  }
  const needsSchedule = metric.kind === 'rate.achieved' || metric.kind === 'late.rate';
  if (scope.loop === 'closed' && (needsSchedule || (metric.kind === 'latency' && metric.view === 'response'))) {
    const name = metric.kind === 'latency' ? `response.${metric.statistic}` : metric.kind;
    refuse(expression, `${name} does not exist in a closed loop`, 'give a rate: --rate 1000');
  }
  return {
    expression: expression.trim(),
    ...(transaction === undefined ? {} : { transaction }),
    metric,
    operator: operator as Threshold['operator'],
    limit: readLimit(expression, value, unitOf(metric)),
  };
}

/** The longest known metric at the end is the metric; transaction names may hold dots themselves. */
function readMetric(expression: string, left: string): { transaction?: string; metric: ThresholdMetric } {
  const known = metricNames.get(left);
  if (known !== undefined) return { metric: known };
  const names = [...metricNames.keys()].sort((a, b) => b.length - a.length);
  for (const name of names) {
    const before = left.slice(0, -name.length - 1);
    const separator = left[left.length - name.length - 1];
    if (!left.endsWith(name) || before === '' || (separator !== '.' && separator !== ':')) continue;
    return { transaction: before, metric: metricNames.get(name) as ThresholdMetric };
  }
  return refuse(expression, `there is no metric ${left}`, `metrics are: ${[...metricNames.keys()].join(', ')}`);
}

function readLimit(expression: string, value: string, unit: Unit): number {
  if (/^0+$/.test(value)) return 0;
  try {
    switch (unit) {
      case 'duration':
        return parseDuration(value.replace(/µs$|μs$/u, 'us').replace(/(\d)\s+([a-z])/g, '$1$2')) * 1000;
      case 'share':
        return parseShare(value);
      case 'bytes':
        return parseByteSize(value);
      case 'perSecond': {
        const number = /^(\d+(?:\.\d+)?)\s*(?:\/s)?$/.exec(value.replaceAll(',', '').replaceAll('_', ''))?.[1];
        if (number === undefined) refuse(expression, `${value} is not a rate per second`);
        return Number(number);
      }
    }
  } catch (error) {
    if (error instanceof TradedbError && error.hint !== undefined) refuse(expression, error.message, error.hint);
    throw error;
  }
}

/** Whether `actual` satisfies the limit. A metric without a value (nothing was measured) never does. */
export function holds(threshold: Threshold, actual: number | undefined): boolean {
  if (actual === undefined || Number.isNaN(actual)) return false;
  switch (threshold.operator) {
    case '<':
      return actual < threshold.limit;
    case '<=':
      return actual <= threshold.limit;
    case '>':
      return actual > threshold.limit;
    case '>=':
      return actual >= threshold.limit;
  }
}

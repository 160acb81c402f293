import { formatByteSize } from '../../../core/config/byte-size.ts';
import type {
  CompareData,
  MetricData,
  MetricName,
  PairData,
  SliceData,
} from '../../../core/loadtest/compare/run-compare.ts';
import type { Report } from '../../../core/report.ts';
import { formatCount, formatLatency, plural } from '../format.ts';
import { environmentTable } from './loadtest-environment.ts';
import { html, htmlFindings, htmlPage, htmlTable, htmlTiles } from './page.ts';
import { type Range, rangeChart } from './range-chart.ts';

const names: Readonly<Record<MetricName, string>> = { cpu: 'cpu/op', p50: 'p50', p99: 'p99', tps: 'tps' };

const verdicts: Readonly<Record<MetricData['verdict'], string>> = {
  regression: 'REGRESSION',
  improvement: 'improvement',
  'no-change': 'no change',
  unresolved: 'cannot resolve',
};

const kinds: Readonly<Record<MetricData['verdict'], Range['kind']>> = {
  regression: 'critical',
  improvement: 'ok',
  'no-change': 'ok',
  unresolved: 'warning',
};

/** Both sides, what changed, and how much of it could be told. */
export function render(report: Report<CompareData>): string {
  const { data } = report;
  const gated = data.metrics.filter((metric) => metric.gated);
  const body = [
    introduction(report),
    htmlTiles([
      [verdicts[data.verdict], 'verdict'],
      ...gated.map((metric): [string, string] => [
        percent(metric.medianRatio - 1),
        `${names[metric.name]} of B over A`,
      ]),
      [String(data.pairs.length), 'pairs'],
      ...(data.control === null
        ? []
        : ([[data.control.rejected ? 'differs' : 'equal', 'A against itself']] as [string, string][])),
    ]),
    '<h2>Change of B over A</h2>',
    rangeChart(
      data.metrics.map((metric) => rangeOf(metric, data.pairs)),
      {
        title:
          'Median and 95% interval over the pairs; small dots: single pairs; band: changes that do not count; arrow: further out',
        band: data.floor,
      },
    ),
    '<h2>Metrics</h2>',
    metricTable(data.metrics),
    ...(data.control === null ? [] : ['<h2>Control: A against itself</h2>', metricTable(data.control.metrics)]),
    htmlFindings(report.findings),
    '<h2>Pairs</h2>',
    pairTable(data.pairs),
    '<h2>Environment</h2>',
    environmentTable(data.environment),
  ];
  return htmlPage('tradedb loadtest compare', report.status, body.join('\n'));
}

function introduction({ data, startedAt }: Report<CompareData>): string {
  const sides = data.variants.map(
    ({ label, version }, index) => `${index === 0 ? 'A' : 'B'}: ${label} (tradedb ${version})`,
  );
  const differ = data.differingKeys.length === 0 ? 'nothing (A/A)' : data.differingKeys.join(', ');
  const { target } = data;
  const what = target.path === null ? 'a new sample database' : `copies of ${target.path}`;
  const lines = [
    `${sides.join('; ')}; they differ in ${differ}`,
    `${data.scenario}, seed ${data.seed}, ${plural(data.pairs.length, 'pair')} of ${formatCount(data.transactionsPerSlice)} transactions on ${what}, ${formatByteSize(target.sizeBytes)}, ${startedAt}`,
  ];
  return lines.map((line) => `<p class="soft">${html(line)}</p>`).join('\n');
}

const figureOf: Readonly<Record<MetricName, (slice: SliceData) => number>> = {
  cpu: (slice) => slice.cpuUs,
  p50: (slice) => slice.p50Us,
  p99: (slice) => slice.p99Us,
  tps: (slice) => slice.perSecond,
};

function rangeOf(metric: MetricData, pairs: readonly PairData[]): Range {
  const value = figureOf[metric.name];
  return {
    label: names[metric.name],
    low: metric.interval[0],
    middle: metric.medianRatio - 1,
    high: metric.interval[1],
    points: pairs.map((pair) => value(pair.b) / value(pair.a) - 1),
    kind: metric.gated ? kinds[metric.verdict] : 'info',
  };
}

function percent(share: number): string {
  return `${share >= 0 ? '+' : ''}${(share * 100).toFixed(1)}%`;
}

const right = (title: string) => ({ title, numeric: true });

function metricTable(metrics: readonly MetricData[]): string {
  const value = (metric: MetricData, amount: number): string =>
    metric.name === 'tps' ? `${formatCount(amount)}/s` : formatLatency(amount);
  const rows = metrics.map((metric) => [
    names[metric.name],
    value(metric, metric.medianA),
    value(metric, metric.medianB),
    percent(metric.medianRatio - 1),
    `${percent(metric.interval[0])} .. ${percent(metric.interval[1])}`,
    metric.pCorrected.toFixed(3),
    metric.resolution === null ? '-' : `${(metric.resolution * 100).toFixed(1)}%`,
    `${verdicts[metric.verdict]}${metric.gated ? '' : ' (not deciding)'}`,
  ]);
  const columns = ['A', 'B', 'change', '95% interval', 'p', 'resolves'].map(right);
  return htmlTable([{ title: 'metric' }, ...columns, { title: 'verdict' }], rows);
}

function pairTable(pairs: readonly PairData[]): string {
  const rows = pairs.map((pair, index) => [
    String(index + 1),
    pair.order === 'ab' ? 'A, B' : 'B, A',
    ...[pair.a.cpuUs, pair.b.cpuUs, pair.a.p50Us, pair.b.p50Us, pair.a.p99Us, pair.b.p99Us].map(formatLatency),
    ...[pair.a.perSecond, pair.b.perSecond].map(formatCount),
  ]);
  const columns = ['cpu/op A', 'B', 'p50 A', 'B', 'p99 A', 'B', 'per s A', 'B'].map(right);
  return htmlTable([{ title: 'pair' }, { title: 'order' }, ...columns], rows);
}

import type { CompareData, MetricData } from '../../../core/loadtest/compare/run-compare.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, formatLatency, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { type Column, table } from '../table.ts';

export function render(report: Report<CompareData>, style: Style): string {
  const { data } = report;
  const [a, b] = data.variants;
  const keys = data.differingKeys.length === 0 ? 'nothing (A/A)' : data.differingKeys.map(printable).join(', ');
  const name = (variant: CompareData['variants'][number] | undefined): string => {
    const version = a?.version === b?.version ? '' : ` (tradedb ${printable(variant?.version ?? '')})`;
    return `${style.bold(printable(variant?.label ?? ''))}${version}`;
  };
  const parts = [
    `${style.bold('compare')}  A ${name(a)}  B ${name(b)}  differ in ${keys}`,
    `${printable(data.scenario)}  seed ${data.seed}  ${plural(data.pairs.length, 'pair')} of ${formatCount(data.transactionsPerSlice)} transactions, ${data.environment.fileSystem.type}`,
    '',
    metricTable(data.metrics, style),
  ];
  if (data.control !== null) {
    const word = data.control.rejected ? style.red('A differs from itself') : style.green('A equals itself');
    parts.push('', `  control  ${word}`);
  }
  if (report.findings.length > 0) parts.push('', renderFindings(report.findings, style));
  return parts.join('\n');
}

function metricTable(metrics: readonly MetricData[], style: Style): string {
  const right = (title: string): Column => ({ title, align: 'right' });
  const columns: Column[] = [
    { title: 'metric' },
    ...['A', 'B', 'change', '95% interval', 'p', 'resolves'].map(right),
    { title: 'verdict' },
  ];
  const percent = (share: number, digits = 1): string => `${share >= 0 ? '+' : ''}${(share * 100).toFixed(digits)}%`;
  const rows = metrics.map((metric) => {
    const value = (amount: number): string =>
      metric.name === 'tps' ? `${formatCount(amount)}/s` : formatLatency(amount);
    return [
      metric.name === 'cpu' ? 'cpu/op' : metric.name,
      value(metric.medianA),
      value(metric.medianB),
      percent(metric.medianRatio - 1),
      `${percent(metric.interval[0])} .. ${percent(metric.interval[1])}`,
      metric.pCorrected.toFixed(3),
      metric.resolution === null ? '-' : `${(metric.resolution * 100).toFixed(1)}%`,
      verdictText(metric, style),
    ];
  });
  return table(columns, rows, style);
}

function verdictText(metric: MetricData, style: Style): string {
  const note = metric.gated ? '' : style.dim(' (not deciding)');
  switch (metric.verdict) {
    case 'regression':
      return `${style.red('REGRESSION')}${note}`;
    case 'improvement':
      return `${style.green('improvement')}${note}`;
    case 'no-change':
      return `${style.green('no change')}${note}`;
    case 'unresolved': {
      const limit = metric.resolution === null ? '' : ` below ${(metric.resolution * 100).toFixed(0)}%`;
      return `${style.yellow(`cannot resolve${limit}`)}${note}`;
    }
  }
}

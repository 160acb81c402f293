import type { Metric, Report } from '../../core/report.ts';

/** Prometheus text exposition (version 0.0.4) of the metrics of a report, each family once, names with `tradedb_`. */
export function renderPrometheus(report: Report): string {
  return renderMetrics([
    ...(report.metrics ?? []),
    {
      name: 'command_last_run_timestamp_seconds',
      type: 'gauge',
      help: 'When the command was last run',
      value: Date.parse(report.startedAt) / 1000,
      labels: { command: report.command },
    },
  ]);
}

export function renderMetrics(metrics: readonly Metric[]): string {
  const families = new Map<string, Metric[]>();
  for (const metric of metrics) families.set(metric.name, [...(families.get(metric.name) ?? []), metric]);
  let text = '';
  for (const [name, samples] of families) {
    const first = samples[0];
    if (first === undefined) continue;
    text += `# HELP tradedb_${name} ${first.help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}\n# TYPE tradedb_${name} ${first.type}\n`;
    for (const sample of samples) text += `tradedb_${name}${labels(sample.labels)} ${number(sample.value)}\n`;
  }
  return text;
}

function labels(pairs: Readonly<Record<string, string>> | undefined): string {
  const entries = Object.entries(pairs ?? {});
  if (entries.length === 0) return '';
  const escaped = (value: string): string => value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
  return `{${entries.map(([name, value]) => `${name}="${escaped(value)}"`).join(',')}}`;
}

function number(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return String(value);
}

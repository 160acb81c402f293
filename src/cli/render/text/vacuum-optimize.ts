import { basename } from 'node:path';
import { formatDuration } from '../../../core/config/duration.ts';
import type { ChangedPlan, OptimizeResult } from '../../../core/maintenance/optimize.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';

export function render(report: Report<OptimizeResult>, style: Style): string {
  const { plans } = report.data;
  const lines = [tables(report.data, style)];
  if (plans !== null) {
    const changed = plans.changed.length === 0 ? 'no plan changed' : `${plural(plans.changed.length, 'plan')} changed`;
    lines.push(`  ${style.dim(`${plural(plans.compared, 'query', 'queries')} of the workload: ${changed}`)}`);
    for (const plan of plans.changed) lines.push(planChange(plan, style));
  }
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  return lines.join('\n');
}

function planChange({ name, before, after }: ChangedPlan, style: Style): string {
  const marked = (sign: string, plan: string): string[] =>
    plan.split('\n').map((line) => `    ${sign} ${printable(line)}`);
  return [`  ${style.bold(printable(name))}`, ...marked('-', before), ...marked('+', after)].join('\n');
}

function tables(data: OptimizeResult, style: Style): string {
  const due = data.tables.filter((entry) => entry.analysed);
  const limit = data.analysisLimit === 0 ? 'all rows' : `up to ${formatCount(data.analysisLimit)} rows per index`;
  const verb = data.dryRun ? 'would be analysed' : `analysed in ${formatDuration(data.workMs)}`;
  const head =
    due.length === 0
      ? `${style.bold(printable(basename(data.database)))}   the statistics of ${plural(data.tables.length, 'table')} are good`
      : `${style.bold(printable(basename(data.database)))}   ${due.length} of ${plural(data.tables.length, 'table')} ${verb}   ${style.dim(limit)}`;
  // Tables whose statistics are good have nothing to say; --json lists them all.
  const rows = due.map((entry) => [
    printable(entry.name),
    data.dryRun ? 'would be analysed' : 'analysed',
    entry.reason,
    count(entry.estimatedRowsBefore),
    count(entry.estimatedRowsAfter),
  ]);
  if (rows.length === 0) return head;
  const columns = [
    { title: 'TABLE', flexible: true },
    { title: 'ACTION' },
    { title: 'BECAUSE' },
    { title: 'ROWS BEFORE', align: 'right' as const },
    { title: 'AFTER', align: 'right' as const },
  ];
  const alone = data.tables.length - due.length;
  const rest = alone === 0 ? '' : `\n  ${style.dim(`${plural(alone, 'table')} left alone: the statistics are good`)}`;
  return `${head}\n${table(columns, rows, style)}${rest}`;
}

function count(value: number | null): string {
  return value === null ? '-' : formatCount(value);
}

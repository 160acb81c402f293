import type { QueriesReportData } from '../../../commands/analyze/queries.ts';
import type { QueryReport } from '../../../core/analysis/queries/query-report.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, formatLatency, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';

export function render(report: Report<QueriesReportData>, style: Style): string {
  const { data } = report;
  if (data.snippet !== null) return data.snippet.text.trimEnd();
  if (data.merged !== null) return data.merged;
  const shown = data.queries.slice(0, data.shown);
  const total = data.queries.reduce((sum, query) => sum + (query.totalMs ?? 0), 0);
  const lines = [
    style.bold(printable(data.path)) +
      style.dim(`  ${plural(data.workload.statements, 'query', 'queries')}${data.measured ? '' : ', plans only'}`),
    '',
    queriesTable(shown, total, data.workload.period, style),
  ];
  if (data.queries.length > shown.length)
    lines.push(style.dim(`  and ${data.queries.length - shown.length} more: --limit`));
  if (data.plansShown) lines.push(...shown.flatMap((query) => ['', ...planLines(query, style)]));
  for (const { reason, count } of data.skipped) {
    lines.push('', style.dim(`  left out: ${plural(count, 'statement')}: ${printable(reason)}`));
  }
  const findings = report.findings.filter((finding) => shown.some((query) => query.name === finding.subject));
  lines.push('', findings.length > 0 ? renderFindings(findings, style) : '  nothing found');
  return lines.join('\n');
}

function queriesTable(queries: readonly QueryReport[], total: number, period: string | null, style: Style): string {
  return table(
    [
      { title: 'query', flexible: true },
      { title: period === null ? 'runs' : `runs/${printable(period)}`, align: 'right' },
      { title: 'total', align: 'right' },
      { title: 'share', align: 'right' },
      { title: 'mean', align: 'right' },
      { title: 'rows', align: 'right' },
      { title: 'plan', flexible: true },
    ],
    queries.map((query) => [
      printable(query.name),
      formatCount(query.executions),
      time(query.totalMs),
      query.totalMs === null || total === 0 ? '-' : `${Math.round((100 * query.totalMs) / total)} %`,
      time(query.meanMs),
      query.rows === null ? '-' : formatCount(query.rows),
      printable(summaryOf(query)),
    ]),
    style,
  );
}

function time(ms: number | null): string {
  return ms === null ? '-' : formatLatency(ms * 1000);
}

/** The one thing about a plan that matters most. */
function summaryOf(query: QueryReport): string {
  if (query.error !== null) return 'does not prepare';
  const parts = [
    ...query.fullScans.map((scan) =>
      scan.index === null ? `scan ${scan.name}` : `scan ${scan.name} by ${scan.index}`,
    ),
    ...query.automaticIndexes.map((name) => `automatic index on ${name}`),
    ...query.tempBtrees.map((purpose) => `sort ${purpose}`),
  ];
  if (parts.length > 0) return parts.join(', ');
  return query.plan[0]?.trim() ?? '';
}

function planLines(query: QueryReport, style: Style): string[] {
  return [
    `  ${style.bold(printable(query.name))}  ${style.dim(query.fingerprint)}`,
    `    ${style.dim(printable(query.sql))}`,
    ...query.plan.map((line) => `    ${printable(line)}`),
  ];
}

import type { MigrateStatusData } from '../../../commands/migrate/status.ts';
import type { StepStatus } from '../../../core/migration/long/step-status.ts';
import type { StatusRow } from '../../../core/migration/status.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, formatLatency, formatTime, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { type Column, table } from '../table.ts';

const columns: readonly Column[] = [
  { title: 'VERSION' },
  { title: 'NAME', flexible: true },
  { title: 'STATE' },
  { title: 'APPLIED' },
  { title: 'TIME', align: 'right' },
];

export function render(report: Report<MigrateStatusData>, style: Style): string {
  const { data } = report;
  const lines = [headline(data, style)];
  if (data.migrations.length > 0)
    lines.push(
      table(
        columns,
        data.migrations.map((row) => cells(row, style)),
        style,
      ),
    );
  for (const row of data.migrations)
    if (row.progress !== null) lines.push(progressLine(row.version, row.progress, style));
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  if (data.difference !== null) {
    lines.push('', style.bold(printable(data.difference.file)));
    for (const { sign, text } of data.difference.lines) {
      const line = `  ${sign} ${printable(text)}`;
      lines.push(sign === '-' ? style.red(line) : sign === '+' ? style.green(line) : line);
    }
  }
  return lines.join('\n');
}

function headline(data: MigrateStatusData, style: Style): string {
  const parts = [style.bold(printable(data.database))];
  if (data.current === null) parts.push('no migration applied');
  else if (data.schemaMatches === true) parts.push(`schema matches ${data.current}`);
  else if (data.schemaMatches === false) parts.push(style.yellow(`schema differs from ${data.current}`));
  else parts.push(`at ${data.current}`);
  parts.push(
    data.pendingCount === 0
      ? style.green('nothing pending')
      : style.yellow(`${plural(data.pendingCount, 'file')} pending`),
  );
  return parts.join('   ');
}

function cells(row: StatusRow, style: Style): string[] {
  const state =
    row.state === 'applied'
      ? style.green(row.state)
      : row.state === 'pending' || row.state === 'running'
        ? style.yellow(row.state)
        : style.red(row.state);
  return [
    row.version,
    printable(row.name),
    state,
    row.appliedAt === null ? '-' : formatTime(row.appliedAt),
    duration(row.durationMs),
  ];
}

/** The history keeps whole milliseconds. */
function duration(ms: number | null): string {
  if (ms === null) return '-';
  return ms < 1 ? '<1 ms' : ms < 1000 ? `${ms} ms` : formatLatency(ms * 1000);
}

/** How far a half-done file is, at which rate, and who works on it. */
function progressLine(version: string, progress: StepStatus, style: Style): string {
  const parts = [style.bold(version)];
  if (progress.direction === 'down') parts.push('being taken back');
  if (progress.phase !== null) parts.push(progress.phase);
  const { rowsDone, rowsTotal, rowsPerSecond, remainingMs } = progress;
  if (rowsDone !== null && rowsTotal !== null) {
    const share = rowsTotal === 0 ? 100 : Math.floor((100 * Math.min(rowsDone, rowsTotal)) / rowsTotal);
    parts.push(`${share} %`, `${formatCount(rowsDone)} of ${plural(rowsTotal, 'row')}`);
  } else parts.push(`${plural(progress.statements, 'statement')} done`);
  if (rowsPerSecond !== null) parts.push(`${formatCount(rowsPerSecond)}/s`);
  if (remainingMs !== null && progress.running) parts.push(`${formatLatency(remainingMs * 1000)} left`);
  parts.push(
    progress.running
      ? style.dim(`process ${progress.pid} on ${printable(progress.hostname ?? '')}`)
      : style.yellow('nobody works on it'),
  );
  return parts.join('  ');
}

import type { MigrateStatusData } from '../../../commands/migrate/status.ts';
import type { StatusRow } from '../../../core/migration/status.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatLatency, formatTime, plural, printable } from '../format.ts';
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
      : row.state === 'pending'
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

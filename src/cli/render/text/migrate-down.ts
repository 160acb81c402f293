import type { MigrateDownData } from '../../../commands/migrate/down.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { backupLine, fileTable } from './migrate-up.ts';

export function render(report: Report<MigrateDownData>, style: Style): string {
  const { data } = report;
  const lines: string[] = [];
  if (data.backup !== null) lines.push(backupLine(data.backup, style), '');
  if (data.rolledBack.length > 0)
    lines.push(fileTable(data.dryRun ? 'WOULD BE TAKEN BACK' : 'TAKEN BACK', data.rolledBack, style), '');
  if (report.findings.length > 0) lines.push(renderFindings(report.findings, style), '');
  lines.push(summary(data, style));
  return lines.join('\n');
}

function summary(data: MigrateDownData, style: Style): string {
  const database = style.bold(printable(data.database));
  if (data.conflicts.length > 0)
    return `${database}: nothing was run until ${plural(data.conflicts.length, 'conflict is', 'conflicts are')} settled`;
  const parts = [
    data.dryRun
      ? `${plural(data.rolledBack.length, 'migration')} tried on a shadow; nothing was written`
      : `${plural(data.rolledBack.length, 'migration')} taken back`,
  ];
  if (data.skipped.length > 0) parts.push(`${formatCount(data.skipped.length)} already taken back by another process`);
  if (data.failed !== null) parts.push(style.red('stopped at a failure, which left nothing behind'));
  return `${database}: ${parts.join(', ')}`;
}

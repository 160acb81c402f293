import type { MigrateResolveData } from '../../../commands/migrate/resolve.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { plural, printable } from '../format.ts';
import type { Style } from '../style.ts';

export function render(report: Report<MigrateResolveData>, style: Style): string {
  const { data } = report;
  const would = data.dryRun ? 'would record' : 'recorded';
  const lines = data.events.map((one) => `${would} ${style.bold(one.version)} ${one.event}: ${printable(one.reason)}`);
  if (data.renamed !== null && !data.dryRun)
    lines.push(`renamed ${printable(data.renamed.from)} to ${style.bold(printable(data.renamed.to))}`);
  if (data.abandoned !== null) lines.push(abandonedLine(data.abandoned, data.dryRun));
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  return lines.join('\n');
}

/** What is left as it was made. */
function abandonedLine(left: NonNullable<MigrateResolveData['abandoned']>, dryRun: boolean): string {
  const where = left.direction === 'down' ? 'is still applied' : 'is pending again';
  if (left.table !== null)
    return `the file ${where}; ${printable(left.table)} ${dryRun ? 'keeps' : 'has kept'} its old form`;
  const stays = [
    ...(left.statements > 0 ? [plural(left.statements, 'statement')] : []),
    ...(left.rowsChanged > 0 ? [plural(left.rowsChanged, 'changed row')] : []),
  ];
  return stays.length === 0 ? `the file ${where}` : `the file ${where}; what ran stays: ${stays.join(', ')}`;
}

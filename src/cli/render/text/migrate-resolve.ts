import type { MigrateResolveData } from '../../../commands/migrate/resolve.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { printable } from '../format.ts';
import type { Style } from '../style.ts';

export function render(report: Report<MigrateResolveData>, style: Style): string {
  const { data } = report;
  const would = data.dryRun ? 'would record' : 'recorded';
  const lines = data.events.map((one) => `${would} ${style.bold(one.version)} ${one.event}: ${printable(one.reason)}`);
  if (data.renamed !== null && !data.dryRun)
    lines.push(`renamed ${printable(data.renamed.from)} to ${style.bold(printable(data.renamed.to))}`);
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  return lines.join('\n');
}

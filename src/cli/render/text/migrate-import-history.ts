import type { MigrateImportHistoryData } from '../../../commands/migrate/import-history.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { plural, printable } from '../format.ts';
import type { Style } from '../style.ts';

export function render(report: Report<MigrateImportHistoryData>, style: Style): string {
  const { data } = report;
  const lines = report.findings.length === 0 ? [] : [renderFindings(report.findings, style), ''];
  const done =
    report.status === 'failed'
      ? 'recorded nothing'
      : `${data.dryRun ? 'would record' : 'recorded'} ${plural(data.events.length, 'version')}`;
  lines.push(`${style.bold(printable(data.database))}: ${done}`);
  return lines.join('\n');
}

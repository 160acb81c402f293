import type { MigrateBaselineData } from '../../../commands/migrate/baseline.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { plural, printable } from '../format.ts';
import type { Style } from '../style.ts';

export function render(report: Report<MigrateBaselineData>, style: Style): string {
  const { data } = report;
  const database = style.bold(printable(data.database));
  const lines = report.findings.length === 0 ? [] : [renderFindings(report.findings, style), ''];
  if (data.events.length === 0)
    lines.push(
      `${database}: ${plural(data.differences.length, 'object differs', 'objects differ')} from the files; nothing was recorded`,
    );
  else {
    const newest = data.events.at(-1)?.version ?? '';
    lines.push(
      `${database}: ${data.dryRun ? 'would record' : 'recorded'} ${plural(data.events.length, 'version')} up to ${newest} as the baseline`,
    );
  }
  return lines.join('\n');
}

import type { MigrateSquashData } from '../../../commands/migrate/squash.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { plural, printable } from '../format.ts';
import type { Style } from '../style.ts';

export function render(report: Report<MigrateSquashData>, style: Style): string {
  const { data } = report;
  const lines: string[] = [];
  if (data.text !== null) lines.push(data.text.trimEnd(), '');
  if (report.findings.length > 0) lines.push(renderFindings(report.findings, style), '');
  const file = style.bold(printable(data.file));
  const count = plural(data.replaces.length, 'file');
  if (!data.equal) lines.push(`${file} would not do what the ${count} do; nothing was written`);
  else if (data.archive === null)
    lines.push(`${file} would stand for ${count}: equal in schema and rows; nothing was written`);
  else {
    lines.push(`${file} stands for ${count}: equal in schema and rows`);
    lines.push(`${style.dim('the originals are in')} ${printable(data.archive)}`);
  }
  return lines.join('\n');
}

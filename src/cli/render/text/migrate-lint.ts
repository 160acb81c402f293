import type { MigrateLintData } from '../../../commands/migrate/lint.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { plural, printable } from '../format.ts';
import type { Style } from '../style.ts';

export function render(report: Report<MigrateLintData>, style: Style): string {
  const { data } = report;
  const lines = report.findings.length === 0 ? [] : [renderFindings(report.findings, style), ''];
  for (const { code, file, reason } of data.ignored)
    lines.push(style.dim(`  ${code} silenced in ${printable(file)}: ${printable(reason)}`));
  if (data.ignored.length > 0) lines.push('');
  const count = (severity: string): number => report.findings.filter((one) => one.severity === severity).length;
  const found =
    report.findings.length === 0
      ? style.green('nothing found')
      : `${plural(count('critical'), 'error')}, ${plural(count('warning'), 'warning')}, ${count('info')} for information`;
  lines.push(`${plural(data.filesChecked, 'file')}, ${plural(data.rulesRun, 'rule')}: ${found}`);
  return lines.join('\n');
}

import type { MigrateVerifyData } from '../../../commands/migrate/verify.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';

export function render(report: Report<MigrateVerifyData>, style: Style): string {
  const { data } = report;
  const passed = data.checks.filter((check) => check.passed).length;
  const equal = data.checksums.filter((one) => one.matches).length;
  const lines = [
    style.bold(printable(data.database)),
    `  checksums      ${formatCount(equal)} of ${plural(data.checksums.length, 'file')} as applied`,
    `  verifications  ${formatCount(passed)} of ${formatCount(data.checks.length)} hold${data.retired.length === 0 ? '' : `, ${formatCount(data.retired.length)} retired`}`,
  ];
  lines.push(
    '',
    report.findings.length > 0 ? renderFindings(report.findings, style) : `  ${style.green('everything holds')}`,
  );
  return lines.join('\n');
}

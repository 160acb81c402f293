import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { printable } from '../format.ts';
import { paintStatus, type Style } from '../style.ts';

export function render(report: Report<{ file: string | null }>, style: Style): string {
  const { file } = report.data;
  const where = file === null ? 'no file; defaults and environment' : printable(file);
  return [`configuration  ${where}   ${paintStatus(report.status, style)}`, renderFindings(report.findings, style)]
    .filter((line) => line !== '')
    .join('\n');
}

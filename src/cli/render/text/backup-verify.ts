import type { BackupVerifyData } from '../../../commands/backup/verify.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { plural, printable } from '../format.ts';
import { paintStatus, type Style } from '../style.ts';

const levelNames = ['', 'structure', 'stored bytes', 'content', 'real restore'] as const;

export function render(report: Report<BackupVerifyData>, style: Style): string {
  const { data } = report;
  const { damaged, missing, total } = data.objects;
  const status = paintStatus(damaged + missing === 0 && report.status === 'ok' ? 'ok' : report.status, style);
  const lines = [
    `${style.bold(printable(data.repository.location))}  level ${data.level} ${levelNames[data.level] ?? ''}  ${status}`,
    `  ${plural(data.points, 'backup')}, ${plural(total, 'object')}, ${formatByteSize(data.bytesRead)} read: ${damaged} damaged, ${missing} missing`,
  ];
  if (data.live !== null && data.live.pagesCompared !== null)
    lines.push(`  live      ${plural(data.live.pagesCompared, 'page')} compared, ${data.live.pagesDiffering} differ`);
  for (const one of data.restored) {
    const result = one.passed ? 'restored, integrity_check ok' : 'cannot be used';
    lines.push(`  ${one.id}  ${result}  ${formatDuration(one.durationMs)}`);
  }
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  return lines.join('\n');
}

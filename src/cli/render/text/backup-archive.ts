import type { BackupArchiveData } from '../../../commands/backup/archive.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, plural, printable } from '../format.ts';
import { paintStatus, type Style } from '../style.ts';

export function render(report: Report<BackupArchiveData>, style: Style): string {
  const { data } = report;
  if (data.epoch === null) {
    return [
      style.bold('dry run: nothing was written'),
      `  would archive  ${printable(data.database)}`,
      `  into           ${printable(data.repository.location)}`,
    ].join('\n');
  }
  const lock = data.writeLock;
  const lines = [
    `${style.bold(`archived up to commit ${formatCount(data.tx)} @${data.epoch.slice(0, 4)}`)}  ${paintStatus(report.status, style)}`,
    `  database  ${printable(data.database)}`,
    `  into      ${printable(data.repository.location)}`,
    `  commits   ${formatCount(data.commits)} in ${plural(data.frames, 'frame')}; the WAL began anew ${plural(data.resets, 'time')}`,
    `  stored    ${formatByteSize(data.bytesArchived)} in ${plural(data.segments, 'segment')}`,
    `  WAL       at most ${formatByteSize(data.walMaxBytes)}; writers kept out ${plural(lock.count, 'time')}, at most ${formatDuration(lock.maxMs)}`,
  ];
  if (data.spoolSegments > 0) {
    lines.push(
      `  waiting   ${formatByteSize(data.spoolBytes)} in ${plural(data.spoolSegments, 'segment')} for the server`,
    );
  }
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  return lines.join('\n');
}

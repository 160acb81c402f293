import { basename } from 'node:path';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { CheckpointResult } from '../../../core/maintenance/checkpoint/run.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, printable } from '../format.ts';
import type { Style } from '../style.ts';

export function render(report: Report<CheckpointResult>, style: Style): string {
  const { data } = report;
  const lines = [`${style.bold(printable(basename(data.database)))}   ${summary(data)}`];
  if (report.findings.length > 0) lines.push(renderFindings(report.findings, style));
  return lines.join('\n');
}

function summary(data: CheckpointResult): string {
  if (data.journalMode !== 'wal') return `has no WAL (journal mode ${data.journalMode}): nothing to checkpoint`;
  const frames = `${formatCount(data.checkpointedFrames)} of ${formatCount(data.logFrames)} frames`;
  const file =
    data.walFileBytes === 0
      ? 'the -wal file is gone or empty'
      : `the -wal file has ${formatByteSize(data.walFileBytes)}`;
  if (data.dryRun)
    return `${frames} are in the database file, ${formatByteSize(data.backlogAfterBytes)} behind; ${file}`;
  if (data.tries === 0) return `nothing to checkpoint; ${file}`;
  if (data.mode === 'truncate' && data.walFileBytes === 0)
    return `truncate: done in ${formatDuration(data.workMs)}; ${file}`;
  return `${data.mode}: ${frames} copied in ${formatDuration(data.workMs)}; ${file}`;
}

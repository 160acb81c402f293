import type { BackupPruneData } from '../../../commands/backup/prune.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatTime, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';

export function render(report: Report<BackupPruneData>, style: Style): string {
  const { data } = report;
  if (data.undone.length > 0) {
    return `${data.dryRun ? 'would be kept again' : 'kept again'}: ${data.undone.join(', ')}`;
  }
  const lines = [
    style.bold(printable(data.repository.location)),
    '',
    table([{ title: 'backup' }, { title: '' }, { title: 'why', flexible: true }], rowsOf(data, style), style),
  ];
  const unfinished = data.orphans.filter(({ action }) => action === 'deleted').length;
  if (data.deleted.length + unfinished > 0) {
    const word = data.dryRun ? 'would be freed' : 'freed';
    const and = unfinished === 0 ? '' : ` and ${unfinished} unfinished`;
    lines.push('', `  ${plural(data.deleted.length, 'backup')}${and}, ${formatByteSize(data.bytesFreed)} ${word}`);
  }
  const { compaction, mergedAway } = data;
  if (compaction !== null) {
    const would = data.dryRun ? 'would become' : 'became';
    const sizes =
      compaction.bytesAfter === null
        ? formatByteSize(compaction.bytesBefore)
        : `${formatByteSize(compaction.bytesBefore)} to ${formatByteSize(compaction.bytesAfter)}`;
    const commits = `${compaction.commitsAfter} of ${plural(compaction.commitsBefore, 'commit')} can be restored`;
    lines.push(
      '',
      compaction.segmentsBefore === 0
        ? '  nothing to merge in the archive'
        : `  archive: ${plural(compaction.segmentsBefore, 'segment')} ${would} ${compaction.segmentsAfter}, ${sizes}; ${commits}`,
    );
  }
  if (mergedAway.segments > 0) {
    const segments = plural(mergedAway.segments, 'merged segment');
    lines.push('', `  archive: ${segments} deleted, ${formatByteSize(mergedAway.bytes)} freed`);
  }
  if (data.deletionAfter !== null) {
    const undo = data.pruneId === null ? '' : `; take it back with: tradedb backup prune --undo ${data.pruneId}`;
    lines.push('', `  what is marked goes after ${formatTime(data.deletionAfter)}${undo}`);
  }
  if (data.dryRun) lines.push('', '  dry run: nothing was changed');
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  return lines.join('\n');
}

function rowsOf(data: BackupPruneData, style: Style): string[][] {
  return [
    ...data.kept.map(({ id, reasons }) => [id, style.green('kept'), reasons.join(', ')]),
    ...data.heldBack.map(({ id, reason }) => [id, style.yellow('held back'), reason]),
    ...data.tombstoned.map(({ id }) => [id, style.yellow('marked'), 'no rule keeps it']),
    ...data.orphans.map(({ id, action }) => [
      id,
      action === 'marked' ? style.yellow('marked') : style.red('deleted'),
      'unfinished: no backup names it',
    ]),
    ...data.inUse.map(({ id, reason }) => [id, style.yellow('in use'), reason]),
    ...data.deleted.map(({ id }) => [id, style.red('deleted'), 'was marked long enough ago']),
  ];
}

import type { BackupCreateData } from '../../../commands/backup/create.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, plural, printable } from '../format.ts';
import { paintStatus, type Style } from '../style.ts';

export function render(report: Report<BackupCreateData>, style: Style): string {
  const { data } = report;
  const lines = data.plan === null ? doneLines(report, style) : planLines(data, style);
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  return lines.join('\n');
}

function doneLines({ data, status }: Report<BackupCreateData>, style: Style): string[] {
  const { backup, bytes, pages, snapshot } = data;
  if (backup === null || bytes === null || pages === null || snapshot === null) return [];
  const label = backup.label === null ? '' : `  "${printable(backup.label)}"`;
  const kind = backup.type === 'incremental' ? `incremental on ${backup.parentId}` : 'full';
  const wal = snapshot.walOverlayPages > 0 ? `, ${formatCount(snapshot.walOverlayPages)} from the WAL` : '';
  const grew = snapshot.walGrowthBytes > 0 ? `, WAL grew ${formatByteSize(snapshot.walGrowthBytes)}` : '';
  const resumed = bytes.resumed > 0 ? `, ${formatByteSize(bytes.resumed)} of an interrupted attempt` : '';
  const reused = pages.reused > 0 ? `, ${formatCount(pages.reused)} unchanged` : '';
  const { encryption } = data;
  const sealed = encryption === null ? '' : `, ${encryption.cipher}, ${plural(encryption.keySlots, 'key slot')}`;
  const verified =
    data.verification === null
      ? 'not verified'
      : `verified: level ${data.verification.level} ${paintStatus(data.verification.passed ? 'ok' : 'critical', style)}`;
  return [
    `${style.bold(backup.id)}  ${kind}${label}  ${paintStatus(status, style)}`,
    `  from      ${printable(data.database)}`,
    `  to        ${printable(data.repository.location)}`,
    data.method === 'wal'
      ? `  snapshot  ${plural(pages.total, 'page')} as of the newest archived commit; the database was not read`
      : `  snapshot  ${plural(pages.total, 'page')}${wal}, pinned ${formatDuration(snapshot.pinnedMs)}${grew}`,
    `  stored    ${formatByteSize(bytes.stored)} of ${formatByteSize(bytes.database)} (${data.codec})${reused}${resumed}${sealed}`,
    ...positionLine(data),
    `  checked   ${verified}${backup.keepUntil === null ? '' : `, kept until ${backup.keepUntil}`}`,
  ];
}

/** The archived commit whose state it is, where that is known. */
function positionLine({ position }: BackupCreateData): string[] {
  if (position?.tx === undefined || position.tx === null || position.epoch === null) return [];
  return [`  position  commit ${formatCount(position.tx)} @${position.epoch.slice(0, 4)}`];
}

function planLines(data: BackupCreateData, style: Style): string[] {
  const { plan } = data;
  if (plan === null) return [];
  const wal = plan.walBytes > 0 ? ` and ${formatByteSize(plan.walBytes)} in the WAL` : '';
  const onto = plan.parentId === null ? '' : ` on ${plan.parentId}`;
  const place = plan.newRepository ? ', which would be made' : '';
  return [
    style.bold('dry run: nothing was written'),
    `  would make  a backup of type ${plan.type}${onto}`,
    `  from        ${printable(data.database)}: ${formatByteSize(plan.databaseBytes)}${wal}, ${plan.journalMode} mode`,
    `  to          ${printable(data.repository.location)}${place}${plan.freeBytes === null ? '' : `, ${formatByteSize(plan.freeBytes)} free`}`,
  ];
}

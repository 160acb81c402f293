import type { BackupListData } from '../../../commands/backup/list.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { type Column, table } from '../table.ts';

type Point = BackupListData['points'][number];

export function render(report: Report<BackupListData>, style: Style): string {
  const { data } = report;
  const several = new Set(data.points.map((point) => point.database)).size > 1;
  const columns: Column[] = [
    { title: 'id' },
    ...(several ? [{ title: 'of', flexible: true }] : []),
    { title: 'type' },
    { title: 'age', align: 'right' },
    { title: 'stored', align: 'right' },
    { title: 'database', align: 'right' },
    { title: 'verified' },
    { title: 'kept for', flexible: true },
  ];
  const rows = data.points.map((point) => [
    point.id,
    ...(several ? [printable(point.database)] : []),
    point.type === 'incremental' ? 'incr' : 'full',
    roughly(point.ageMs),
    formatByteSize(point.storedBytes),
    formatByteSize(point.databaseBytes),
    verdictOf(point, style),
    notes(point, style),
  ]);
  const lines = [style.bold(printable(data.repository.location)), ''];
  if (rows.length > 0) lines.push(table(columns, rows, style));
  else if (data.windows.length === 0 && data.marks.length === 0) lines.push('  nothing to list');
  for (const window of data.windows) {
    const of = several ? ` of ${printable(window.database)}` : '';
    const commits = plural(window.toTx - window.fromTx, 'commit');
    const start = `  ${window.perCommit ? 'every commit' : 'merged commits'}${of} from`;
    const end = `${'to'.padStart(start.length)} ${window.toTime} (${commits} @${window.epoch.slice(0, 4)})`;
    lines.push('', `${start} ${window.fromTime}`, end);
  }
  for (const mark of data.marks) {
    const note = mark.note === null ? '' : `  ${printable(mark.note)}`;
    lines.push(
      `  mark ${style.bold(printable(mark.name))} = commit ${mark.tx} @${mark.epoch.slice(0, 4)}, ${mark.time}${note}`,
    );
  }
  for (const gap of data.gaps) {
    lines.push(
      '',
      `  ${style.yellow('gap')}  from ${gap.fromTime}`,
      `         to ${gap.toTime}: ${printable(gap.reason)}`,
    );
  }
  if (data.archive !== null) lines.push('', `  archiver  ${archiver(data.archive, style)}`);
  if (data.rpoMs !== null && data.points.length > 0) {
    const sum = `${plural(data.points.length, 'backup')}, ${formatByteSize(data.storedBytes)}`;
    lines.push('', `  ${sum}`, `  if the database were lost now, the last ${formatDuration(data.rpoMs)} would be gone`);
  }
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  return lines.join('\n');
}

function archiver(archive: NonNullable<BackupListData['archive']>, style: Style): string {
  const waiting = archive.spoolBytes === 0 ? '' : `, ${formatByteSize(archive.spoolBytes)} wait for the server`;
  if (!archive.running) return style.yellow(`not running since ${archive.updatedAt}${waiting}`);
  const durable = archive.durableAt === null ? 'nothing yet' : archive.durableAt;
  const problem = archive.problem === null ? '' : style.yellow(`, ${printable(archive.problem)}`);
  return `pid ${archive.pid} on ${printable(archive.hostname)}, durable up to ${durable}${waiting}${problem}`;
}

/** The highest level that was passed, and how long ago. */
function verdictOf({ verifiedLevel, verifiedAt, createdAt, ageMs }: Point, style: Style): string {
  if (verifiedLevel === null || verifiedAt === null) return style.dim('never');
  if (verifiedLevel === 0) return style.red('damaged');
  const agoMs = Math.max(0, ageMs - (Date.parse(verifiedAt) - Date.parse(createdAt)));
  return `${verifiedLevel}, ${roughly(agoMs)}`;
}

/** The largest unit of a duration: `11 d` of 11 days and 23 hours. */
function roughly(ms: number): string {
  return formatDuration(ms).split(' ').slice(0, 2).join(' ');
}

function notes(point: Point, style: Style): string {
  const parts: string[] = [];
  if (point.label !== null) parts.push(`"${printable(point.label)}"`);
  if (point.tombstoned) parts.push(style.yellow('will be deleted'));
  const until = point.keepUntil === null || point.keepUntil === 'forever' ? '' : ` to ${point.keepUntil.slice(0, 10)}`;
  for (const reason of point.keepReasons) parts.push(reason === 'pinned' ? `pinned${until}` : printable(reason));
  if (point.restorable !== null) parts.push('every commit after it');
  return parts.join(', ');
}

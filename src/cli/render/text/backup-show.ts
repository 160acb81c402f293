import type { BackupShowData, ShownEpoch } from '../../../commands/backup/show-data.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';

const methods = {
  pages: 'pages under a read transaction',
  api: 'copy through SQLite',
  wal: 'archived commits, the database was not read',
} as const;

/** Longer lists are cut in the middle. */
const mostObjects = 24;

export function render(report: Report<BackupShowData>, style: Style): string {
  const { data } = report;
  const lines = [
    titleOf(data, style),
    table([{ title: '' }, { title: '', flexible: true }], factsOf(data, style), style),
  ];
  if (data.commits.length > 0) lines.push('', commitsTable(data, style));
  if (data.lineage.length > 0) lines.push('', style.bold('a restore reads'), lineageTable(data, style));
  lines.push(...objectLines(data, style));
  if (data.children.length > 0) lines.push('', `  needed by ${data.children.join(', ')}`);
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  return lines.join('\n');
}

function titleOf({ kind, manifest, mark, epoch, database }: BackupShowData, style: Style): string {
  const of = `  of ${printable(database)}`;
  if (manifest !== null) {
    const label = manifest.label === null ? '' : `  "${printable(manifest.label)}"`;
    return `${style.bold(manifest.id)}${label}${of}`;
  }
  if (mark !== null) return `mark ${style.bold(printable(mark.name))}${of}`;
  return `${kind === 'epoch' ? 'epoch' : 'commits of epoch'} ${style.bold(epoch?.id ?? '')}${of}`;
}

function factsOf(data: BackupShowData, style: Style): string[][] {
  if (data.manifest !== null) return [...manifestFacts(data.manifest), ...stateFacts(data, style)];
  const rows: string[][] = [];
  const { mark, epoch, restorable } = data;
  if (mark !== null) {
    rows.push(['commit', `${formatCount(mark.tx)} @${mark.epoch}`], ['time', mark.time]);
    if (mark.note !== null) rows.push(['note', printable(mark.note)]);
    rows.push(['kept', mark.keep ? 'prune keeps what is needed to restore it' : 'as long as the backup it builds on']);
    if (epoch === null) rows.push(['restore', style.red('its epoch is not there any more')]);
    return rows;
  }
  if (epoch !== null && data.kind === 'epoch') rows.push(...epochFacts(epoch, style));
  if (restorable !== null) {
    const { fromTx, toTx, toTime } = restorable;
    rows.push(['restorable', `commits ${formatCount(fromTx)} to ${formatCount(toTx)}, up to ${toTime}`]);
  }
  return rows;
}

function manifestFacts(manifest: NonNullable<BackupShowData['manifest']>): string[][] {
  const { database, position, archived, audit } = manifest;
  return [
    ['database', `${printable(database.path)} on ${printable(database.hostname)}`],
    ['made', `${manifest.createdAt}, finished ${manifest.finishedAt}`],
    ['type', manifest.type === 'full' ? 'full' : `incremental on ${manifest.parentId}`],
    ['method', methods[manifest.method]],
    [
      'size',
      `${formatCount(database.pageCount)} pages of ${formatCount(database.pageSizeBytes)} B, ${database.journalMode}`,
    ],
    [
      'stored',
      `${formatCount(manifest.storedPages)} pages in ${formatByteSize(manifest.storedBytes)} (${manifest.codec})`,
    ],
    ['WAL position', position === null ? 'none' : `frame ${formatCount(position.frame)} of ${salts(position)}`],
    ...(archived === undefined ? [] : [['commit', `${formatCount(archived.tx)} @${archived.epoch}`]]),
    ...(audit === undefined ? [] : [['audit log', `row ${formatCount(audit.seq)} ${audit.hash}`]]),
    ['digest', manifest.digest],
    ['made with', `tradedb ${printable(manifest.tool.version)}, SQLite ${printable(manifest.tool.sqliteVersion)}`],
  ];
}

function stateFacts(data: BackupShowData, style: Style): string[][] {
  const { verifiedLevel, verifiedAt, keepReasons, manifest, restorable } = data;
  const until = manifest === null || manifest.keepUntil === null ? '' : ` (pinned: ${printable(manifest.keepUntil)})`;
  const kept =
    keepReasons.length === 0 ? style.yellow('no rule: prune would mark it') : keepReasons.map(printable).join(', ');
  const verdict =
    verifiedLevel === null
      ? 'never'
      : verifiedLevel === 0
        ? style.red(`found damaged at ${verifiedAt}`)
        : `level ${verifiedLevel} at ${verifiedAt}`;
  return [
    ['verified', verdict],
    ['kept for', data.tombstoned ? style.yellow('it will be deleted') : `${kept}${until}`],
    ...(restorable === null
      ? []
      : [['then', `every commit up to ${restorable.toTime} (${formatCount(restorable.toTx)} @${restorable.epoch})`]]),
  ];
}

function epochFacts(
  { createdAt, reason, base, parent, missing, segments, storedBytes }: ShownEpoch,
  style: Style,
): string[][] {
  return [
    ['began', `${createdAt}: ${printable(reason)}`],
    ['builds on', `${base.pointId}, the state of commit ${formatCount(base.tx)}`],
    [
      'follows',
      parent === null ? 'nothing: the first one' : `epoch ${parent.id}, commit ${formatCount(parent.lastTx)}`,
    ],
    ...(missing === null
      ? []
      : [['gap', style.yellow(`from ${missing.from} to ${missing.to} commits may be missing`)]]),
    ['stored', `${plural(segments, 'segment')}, ${formatByteSize(storedBytes)}`],
  ];
}

function commitsTable({ commits }: BackupShowData, style: Style): string {
  const columns = [
    { title: 'commit', align: 'right' },
    { title: 'not before' },
    { title: 'not after' },
    { title: 'frames', align: 'right' },
    { title: 'pages', align: 'right' },
  ] as const;
  const rows = commits.map(({ tx, notBefore, notAfter, frames, databasePages }) => [
    formatCount(tx),
    notBefore,
    notAfter,
    formatCount(frames),
    formatCount(databasePages),
  ]);
  return table(columns, rows, style);
}

function lineageTable({ lineage, mark, objects }: BackupShowData, style: Style): string {
  const rows = lineage.map(({ id, type, storedBytes }) => [id, type, formatByteSize(storedBytes)]);
  if (mark !== null) {
    const bytes = objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    rows.push([plural(objects.length, 'segment'), 'archive', formatByteSize(bytes)]);
  }
  return table([{ title: '' }, { title: '' }, { title: '', align: 'right' }], rows, style);
}

/** Objects by their names in the folder that they share. */
function objectLines({ objects }: BackupShowData, style: Style): string[] {
  const folder = objects[0]?.key.replace(/[^/]+$/, '');
  if (folder === undefined) return [];
  const rows = objects.map(({ key, sizeBytes }) => [formatByteSize(sizeBytes), printable(key.slice(folder.length))]);
  const half = mostObjects / 2;
  const shown =
    rows.length <= mostObjects
      ? rows
      : [...rows.slice(0, half), ['', `${formatCount(rows.length - mostObjects)} more`], ...rows.slice(-half)];
  const columns = [
    { title: '', align: 'right' },
    { title: '', flexible: true },
  ] as const;
  return ['', `${style.bold('objects')} in ${printable(folder)}`, table(columns, shown, style)];
}

function salts({ salt1, salt2 }: { salt1: number; salt2: number }): string {
  return `${salt1.toString(16).padStart(8, '0')}-${salt2.toString(16).padStart(8, '0')}`;
}

import type { BackupShowData } from '../../../commands/backup/show.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import type { Report } from '../../../core/report.ts';
import { formatCount, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';

const methods = {
  pages: 'pages under a read transaction',
  api: 'copy through SQLite',
  wal: 'archived commits, the database was not read',
} as const;

export function render({ data }: Report<BackupShowData>, style: Style): string {
  const { manifest } = data;
  const { database } = manifest;
  const position = manifest.position;
  const rows = [
    ['database', `${printable(database.label)} (${printable(database.path)} on ${printable(database.hostname)})`],
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
    ...(manifest.audit === undefined
      ? []
      : [['audit log', `row ${formatCount(manifest.audit.seq)} ${manifest.audit.hash}`]]),
    ['digest', manifest.digest],
    ['made with', `tradedb ${printable(manifest.tool.version)}, SQLite ${printable(manifest.tool.sqliteVersion)}`],
    ...(manifest.keepUntil === null ? [] : [['kept until', printable(manifest.keepUntil)]]),
  ];
  const label = manifest.label === null ? '' : `  "${printable(manifest.label)}"`;
  const lines = [
    `${style.bold(manifest.id)}${label}`,
    table([{ title: '' }, { title: '', flexible: true }], rows, style),
    '',
    style.bold('a restore reads'),
    ...data.lineage.map((one) => `  ${one.id}  ${one.type.padEnd(11)}  ${formatByteSize(one.storedBytes)}`),
    '',
    style.bold('objects'),
    ...data.objects.map((object) => `  ${printable(object.key)}  ${formatByteSize(object.sizeBytes)}`),
  ];
  if (data.children.length > 0) lines.push('', `  needed by ${data.children.join(', ')}`);
  return lines.join('\n');
}

function salts({ salt1, salt2 }: { salt1: number; salt2: number }): string {
  return `${salt1.toString(16).padStart(8, '0')}-${salt2.toString(16).padStart(8, '0')}`;
}

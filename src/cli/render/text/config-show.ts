import { formatByteSize } from '../../../core/config/byte-size.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { Report } from '../../../core/report.ts';
import type { EffectivePragmas } from '../../../core/sqlite/pragma-profile.ts';
import { formatCount, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';

interface ConfigShowData {
  readonly file: string | null;
  readonly values: readonly { key: string; value: unknown; source: string; description: string }[];
  readonly connection: EffectivePragmas | null;
}

export function render(report: Report<ConfigShowData>, style: Style): string {
  const { file, values, connection } = report.data;
  const rows = values.map(({ key, value, source, description }) => [
    key,
    value === null ? style.dim('-') : printable(typeof value === 'string' ? value : JSON.stringify(value)),
    source === 'default' ? style.dim(source) : style.cyan(source),
    style.dim(description),
  ]);
  const columns = [
    { title: 'KEY' },
    { title: 'VALUE', flexible: true },
    { title: 'SOURCE' },
    { title: 'MEANING', flexible: true },
  ];
  const parts = [
    `configuration  ${file === null ? 'no file; defaults and environment' : printable(file)}`,
    rows.length === 0 ? '  nothing differs from the defaults' : table(columns, rows, style),
  ];
  if (connection !== null) parts.push(connectionLine(connection));
  return parts.join('\n');
}

function connectionLine(pragmas: EffectivePragmas): string {
  return [
    'connection',
    `synchronous ${pragmas.synchronous.toUpperCase()}`,
    `journal ${pragmas.journalMode}`,
    `autocheckpoint ${formatCount(pragmas.walAutocheckpointPages)}`,
    `page ${formatByteSize(pragmas.pageSizeBytes)}`,
    `cache ${formatByteSize(pragmas.cacheSizeBytes)}`,
    `mmap ${formatByteSize(pragmas.mmapSizeBytes)}`,
    `foreign keys ${pragmas.foreignKeysEnabled ? 'on' : 'off'}`,
    `busy timeout ${formatDuration(pragmas.busyTimeoutMs)}`,
    `SQLite ${pragmas.sqliteVersion}`,
  ].join('  ');
}

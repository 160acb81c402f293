import type { SettingsData } from '../../../core/analysis/settings/examine-settings.ts';
import type { TableStatistics } from '../../../core/analysis/settings/statistics-age.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, plural, printable } from '../format.ts';
import { paintStatus, type Style } from '../style.ts';
import { table } from '../table.ts';

export function render(report: Report<SettingsData>, style: Style): string {
  const { data } = report;
  const lines = [style.bold(printable(data.file.path)), '', ...fileLines(data, style), '', ...engineLines(data, style)];
  if (data.statistics.length > 0) {
    lines.push('', style.bold('statistics'), statisticsTable(data.statistics, style));
  }
  lines.push('', report.findings.length > 0 ? renderFindings(report.findings, style) : '  no advice');
  return lines.join('\n');
}

function fileLines({ file }: SettingsData, style: Style): string[] {
  const wal = file.walBytes > 0 ? `, ${formatByteSize(file.walBytes)} in the -wal file` : '';
  const objects = [
    plural(file.tables, 'table'),
    plural(file.indexes, 'index', 'indexes'),
    plural(file.views, 'view'),
    plural(file.triggers, 'trigger'),
    ...(file.virtualTables > 0 ? [plural(file.virtualTables, 'virtual table')] : []),
  ].join(', ');
  const rows = [
    ['size', `${formatByteSize(file.fileBytes)}${wal}`],
    ['journal_mode', file.journalMode],
    ['page_size', formatCount(file.pageBytes)],
    ['auto_vacuum', file.autoVacuum],
    ['encoding', file.encoding],
    ['user_version', String(file.userVersion)],
    ['objects', objects],
    ['foreign keys', plural(file.foreignKeys, 'declared', 'declared')],
  ];
  return [style.bold('file'), table([{ title: '' }, { title: '', flexible: true }], rows, style)];
}

function engineLines({ engine }: SettingsData, style: Style): string[] {
  if (engine === null) {
    return [style.bold('engine'), '  unknown: give a capture file of it with -w'];
  }
  const rows = [
    ['SQLite', `${printable(engine.sqliteVersion)}${engine.stat4 ? ' with' : ' without'} STAT4`],
    ...Object.entries(engine.pragmas).map(([name, value]) => [printable(name), printable(value)]),
  ];
  const columns = [{ title: '' }, { title: '', flexible: true }];
  return [style.bold(`engine  ${printable(engine.name)}`), table(columns, rows, style)];
}

function statisticsTable(statistics: readonly TableStatistics[], style: Style): string {
  return table(
    [
      { title: 'table', flexible: true },
      { title: 'at last ANALYZE', align: 'right' },
      { title: 'now', align: 'right' },
      { title: 'indexes', align: 'right' },
      { title: '' },
    ],
    statistics.map((one) => [
      printable(one.table),
      one.statRows === null ? '-' : formatCount(one.statRows),
      formatCount(one.actualRows),
      String(one.indexes),
      one.state === 'current' ? style.dim('current') : paintStatus('warning', style).replace('warning', one.state),
    ]),
    style,
  );
}

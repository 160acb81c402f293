import type { RestoreTableData } from '../../../commands/restore/table.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';

export function render(report: Report<RestoreTableData>, style: Style): string {
  const { data } = report;
  const lines = [style.bold(headline(data)), ...body(data, style)];
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  return lines.join('\n');
}

function headline(data: RestoreTableData): string {
  switch (data.outcome) {
    case 'planned':
      return 'dry run: nothing was written';
    case 'listed':
      return `tables of ${stateOf(data)}`;
    case 'copied':
      return `restored into ${printable(data.database)}`;
    default:
      return 'nothing was changed';
  }
}

function stateOf({ target: { tx, epoch, time, backup } }: RestoreTableData): string {
  return tx === null ? `backup ${backup}, ${time}` : `commit ${formatCount(tx)} @${epoch?.slice(0, 4)} = ${time}`;
}

function planLines({ plan, mode, database }: RestoreTableData): string[] {
  if (plan === null) return [];
  const { tables, folder, bytes } = plan;
  const names = tables.map(({ name, as }) =>
    as === name ? printable(name) : `${printable(name)} as ${printable(as)}`,
  );
  return [
    `  would restore  ${names.length === 0 ? 'nothing: only a list of tables' : `${names.join(', ')} (mode ${mode})`}`,
    `  into           ${printable(database)}`,
    `  reading        ${formatByteSize(bytes.read)}`,
    `  by             a private file of ${formatByteSize(bytes.written)} in ${printable(folder)}`,
  ];
}

function body(data: RestoreTableData, style: Style): string[] {
  if (data.outcome === 'planned') return [`  with           ${stateOf(data)}`, ...planLines(data)];
  if (data.outcome === 'listed') {
    const rows = data.available.map(({ name, kind, rows: count }) => [
      printable(name),
      kind === 'table' ? '' : kind,
      count === null ? '' : formatCount(count),
    ]);
    return [table([{ title: 'table', flexible: true }, { title: '' }, { title: 'rows', align: 'right' }], rows, style)];
  }
  if (data.tables.length === 0) return [];
  const columns = ['in backup', 'inserted', 'updated', 'deleted', 'skipped'];
  const rows = data.tables.map((one) => [
    one.as === one.name ? printable(one.name) : `${printable(one.name)} as ${printable(one.as)}`,
    ...[one.rowsInBackup, one.rowsInserted, one.rowsUpdated, one.rowsDeleted, one.rowsSkipped].map(formatCount),
  ]);
  const from = data.outcome === 'copied' ? [`  from ${stateOf(data)}`] : [];
  const titles = columns.map((title) => ({ title, align: 'right' as const }));
  return [...from, table([{ title: 'table', flexible: true }, ...titles], rows, style)];
}

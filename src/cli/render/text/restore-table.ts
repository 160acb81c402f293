import type { RestoreTableData } from '../../../commands/restore/table.ts';
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
  const { tx, epoch, time, backup } = data.target;
  const state =
    tx === null ? `backup ${backup}, ${time}` : `commit ${formatCount(tx)} @${epoch?.slice(0, 4)} = ${time}`;
  switch (data.outcome) {
    case 'planned':
      return `dry run: would restore tables of ${state}`;
    case 'listed':
      return `tables of ${state}`;
    case 'copied':
      return `restored into ${printable(data.database)} from ${state}`;
    default:
      return 'nothing was changed';
  }
}

function body(data: RestoreTableData, style: Style): string[] {
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
  const titles = columns.map((title) => ({ title, align: 'right' as const }));
  return [table([{ title: 'table', flexible: true }, ...titles], rows, style)];
}

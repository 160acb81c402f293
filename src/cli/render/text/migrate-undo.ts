import type { MigrateUndoData } from '../../../commands/migrate/undo.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';

export function render(report: Report<MigrateUndoData>, style: Style): string {
  const { data } = report;
  const lines: string[] = [];
  const different = data.tables.filter((one) => !one.equal);
  if (different.length > 0 && data.notRepeated === null) lines.push(countsOf(different, style), '');
  if (report.findings.length > 0) lines.push(renderFindings(report.findings, style), '');
  const database = style.bold(printable(data.database));
  const versions = plural(data.versions.length, 'version');
  if (data.restored) {
    lines.push(`${database}: run ${data.run} taken back (${versions}), from backup ${style.bold(data.backup)}`);
    if (data.oldDatabase !== null) lines.push(`${style.dim('what was there is in')} ${printable(data.oldDatabase)}`);
  } else if (report.status === 'failed') lines.push(`${database}: not taken back; nothing was touched`);
  else {
    const equal = plural(data.tables.length, 'table');
    lines.push(`${database}: run ${data.run} can be taken back (${versions}): ${equal} compared; nothing was written`);
  }
  return lines.join('\n');
}

function countsOf(tables: MigrateUndoData['tables'], style: Style): string {
  const count = (rows: number | null): string => (rows === null ? '-' : formatCount(rows));
  return table(
    [
      { title: 'TABLE', flexible: true },
      { title: 'ROWS AFTER THE RUN', align: 'right' },
      { title: 'ROWS NOW', align: 'right' },
    ],
    tables.map((one) => [printable(one.name), count(one.rowsExpected), count(one.rowsActual)]),
    style,
  );
}

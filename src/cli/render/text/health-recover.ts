import { formatByteSize } from '../../../core/config/byte-size.ts';
import type { RecoverData } from '../../../core/health/recovery/recover.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';

export function render(report: Report<RecoverData>, style: Style): string {
  const { data } = report;
  return data.result === null ? renderPlan(data, style) : renderResult(report, data.result, style);
}

function renderPlan(data: RecoverData, style: Style): string {
  const lines = [style.bold(`plan for ${printable(data.database)}`), ...damageLines(data), ''];
  const rows = data.plan.map((way, index) => [
    String(index + 1),
    way.offered ? way.method : style.dim(way.method),
    way.offered ? 'yes' : style.dim('no'),
    printable(way.expectedLoss),
    way.diskBytes === null ? '' : formatByteSize(way.diskBytes),
    printable(way.reason),
  ]);
  const columns = [
    { title: '' },
    { title: 'way' },
    { title: 'offered' },
    { title: 'expected loss', flexible: true },
    { title: 'disk', align: 'right' as const },
    { title: 'why', flexible: true },
  ];
  lines.push(table(columns, rows, style), '', style.dim('  dry run: nothing was written'));
  return lines.join('\n');
}

function damageLines(data: RecoverData): string[] {
  const wal =
    data.wal.frames > 0 ? `  WAL: ${plural(data.wal.frames, 'frame')} in ${plural(data.wal.commits, 'commit')}` : '';
  if (data.damage.length === 0) return ['  no damage found', ...(wal === '' ? [] : [wal])];
  const found = data.damage.map(({ class: kind, count, message }) => {
    const more = count > 1 ? ` (and ${formatCount(count - 1)} more)` : '';
    return `  ${kind}: ${printable(message)}${more}`;
  });
  return [...found, ...(wal === '' ? [] : [wal])];
}

function renderResult(report: Report<RecoverData>, result: NonNullable<RecoverData['result']>, style: Style): string {
  const { data } = report;
  const lines = [
    `${style.bold(`recovered by ${data.chosen}`)}: ${printable(result.path)} (${formatByteSize(result.sizeBytes)})`,
  ];
  if (data.tables.length > 0) {
    const rows = data.tables.map(({ name, rowsRecovered, rowsQuarantined, brokenPages }) => [
      printable(name),
      formatCount(rowsRecovered),
      formatCount(rowsQuarantined),
      formatCount(brokenPages),
    ]);
    const columns = [
      { title: 'table', flexible: true },
      { title: 'rows', align: 'right' as const },
      { title: 'quarantined', align: 'right' as const },
      { title: 'broken pages', align: 'right' as const },
    ];
    lines.push('', table(columns, rows, style));
  }
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  const integrity = (data.verification?.integrity.length ?? 0) === 0 ? 'ok' : 'failed';
  lines.push(
    '',
    `  integrity_check ${integrity}, ${plural(data.verification?.foreignKeyViolations ?? 0, 'broken reference')}`,
    `  frozen originals: ${printable(data.caseFolder ?? '')}`,
  );
  return lines.join('\n');
}

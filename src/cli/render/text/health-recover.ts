import { formatByteSize } from '../../../core/config/byte-size.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { RecoverData } from '../../../core/health/recovery/recover-data.ts';
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
    way.estimatedMs === null ? '' : `~${formatDuration(Math.max(1000, way.estimatedMs))}`,
    way.diskBytes === null ? '' : formatByteSize(way.diskBytes),
  ]);
  // Sentences, for which a column would be too narrow.
  const reasons = data.plan.map(({ method, offered, reason }) => {
    const line = `  ${method}: ${printable(reason)}`;
    return offered ? line : style.dim(line);
  });
  const columns = [
    { title: '' },
    { title: 'way' },
    { title: 'offered' },
    { title: 'expected loss', flexible: true },
    { title: 'time', align: 'right' as const },
    { title: 'disk', align: 'right' as const },
  ];
  lines.push(
    table(columns, rows, style),
    '',
    ...reasons,
    ...readableLines(data, style),
    '',
    style.dim('  dry run: nothing was written'),
  );
  return lines.join('\n');
}

/** What salvage would find, where a table is not whole. */
function readableLines(data: RecoverData, style: Style): string[] {
  const broken = data.readable.filter(({ brokenPages }) => brokenPages > 0);
  if (broken.length === 0) return [];
  const rows = broken.map(({ name, rows: count, brokenPages }) => [
    printable(name),
    formatCount(count),
    formatCount(brokenPages),
  ]);
  const columns = [
    { title: 'damaged table', flexible: true },
    { title: 'rows to be read', align: 'right' as const },
    { title: 'broken pages', align: 'right' as const },
  ];
  return ['', table(columns, rows, style)];
}

function damageLines(data: RecoverData): string[] {
  const wal =
    data.wal.frames > 0 ? `  WAL: ${plural(data.wal.frames, 'frame')} in ${plural(data.wal.commits, 'commit')}` : '';
  if (data.damage.length === 0) return ['  no damage found', ...(wal === '' ? [] : [wal])];
  const found = data.damage.map(({ class: kind, count, message }) => {
    const more = count > 1 ? ` (and ${formatCount(count - 1)} more)` : '';
    return `  ${kind}: ${printable(message)}${more}`;
  });
  const { reanchoredCommits } = data.wal;
  const behind =
    reanchoredCommits === 0 ? [] : [`  behind the break: ${plural(reanchoredCommits, 'commit')} that can be verified`];
  return [...found, ...(wal === '' ? [] : [wal]), ...behind];
}

function renderResult(report: Report<RecoverData>, result: NonNullable<RecoverData['result']>, style: Style): string {
  const { data } = report;
  const lines = [
    `${style.bold(`recovered by ${data.chosen}`)}: ${printable(result.path)} (${formatByteSize(result.sizeBytes)})`,
  ];
  for (const { method, reason } of data.attempts)
    lines.push(style.dim(`  ${method} did not help: ${printable(reason)}`));
  if (data.replacedPages.length > 0) {
    lines.push(`  ${plural(data.replacedPages.length, 'page')} from the backup: ${pageList(data.replacedPages)}`);
  }
  for (const { name, rows } of data.reindexed) {
    lines.push(`  index ${printable(name)} built again${rows > 0 ? `, ${plural(rows, 'row')} disagreed` : ''}`);
  }
  if (data.tables.length > 0) lines.push('', salvagedTables(data, style));
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  const integrity = (data.verification?.integrity.length ?? 0) === 0 ? 'ok' : 'failed';
  const rules = data.verification?.rulesChecked ?? 0;
  const kept = rules === 0 ? '' : `, ${rules - (data.verification?.rules.length ?? 0)} of ${rules} rules kept`;
  lines.push(
    '',
    `  integrity_check ${integrity}, ${plural(data.verification?.foreignKeyViolations ?? 0, 'broken reference')}${kept}`,
    ...comparedLines(data),
    `  frozen originals: ${printable(data.caseFolder ?? '')}`,
  );
  if (data.swapped !== null) lines.push(`  in its place; the damaged file: ${printable(data.swapped.oldDatabase)}`);
  return lines.join('\n');
}

function pageList(pages: readonly number[]): string {
  const shown = pages.slice(0, 10).map(formatCount).join(', ');
  return pages.length > 10 ? `${shown} and ${formatCount(pages.length - 10)} more` : shown;
}

function salvagedTables(data: RecoverData, style: Style): string {
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
  return table(columns, rows, style);
}

function comparedLines({ comparison, quarantine }: RecoverData): string[] {
  const lines: string[] = [];
  if ((quarantine?.deletedRows ?? 0) > 0) {
    lines.push(
      `  ${plural(quarantine?.deletedRows ?? 0, 'deleted row')} kept apart: table deleted of ${printable(quarantine?.path ?? '')}`,
    );
  }
  if ((quarantine?.unprovenRows ?? 0) > 0) {
    lines.push(
      `  ${plural(quarantine?.unprovenRows ?? 0, 'row')} of the WAL kept apart: table unproven of ${printable(quarantine?.path ?? '')}`,
    );
  }
  if (comparison === null) return lines;
  const missing = comparison.tables.reduce((sum, one) => sum + one.missing, 0);
  const changed = comparison.tables.reduce((sum, one) => sum + one.changed, 0);
  lines.push(
    `  compared with backup ${comparison.backupId} (${comparison.at}): ${plural(missing, 'row')} missing, ${plural(changed, 'row')} different`,
  );
  if (comparison.rowsFile !== null) lines.push(`  missing rows: ${printable(comparison.rowsFile)}`);
  return lines;
}

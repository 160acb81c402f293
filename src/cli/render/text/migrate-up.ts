import type { SafetyBackup } from '../../../commands/migrate/safety-backup.ts';
import type { MigrateUpData } from '../../../commands/migrate/up.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import type { FileResult } from '../../../core/migration/run.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, formatLatency, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { type Column, table } from '../table.ts';
import { renderSteps } from './migrate-plan.ts';

export function render(report: Report<MigrateUpData>, style: Style): string {
  const { data } = report;
  const lines: string[] = [];
  if (data.backup !== null) lines.push(backupLine(data.backup, style), '');
  if (data.plan !== null && data.plan.steps.length > 0) lines.push(renderSteps(data.plan, style), '');
  if (data.applied.length > 0) lines.push(fileTable('APPLIED', data.applied, style), '');
  if (data.seeded.length > 0) lines.push(fileTable('SEEDED', data.seeded, style), '');
  if (report.findings.length > 0) lines.push(renderFindings(report.findings, style), '');
  lines.push(summary(data, style));
  return lines.join('\n');
}

/** Where the state before is, and how it comes back. */
export function backupLine(backup: SafetyBackup, style: Style): string {
  const back = style.dim(`bring it back with: tradedb migrate undo`);
  return `safety backup ${style.bold(backup.id)} in ${printable(backup.repository)} (${formatByteSize(backup.sizeBytes)})   ${back}`;
}

function summary(data: MigrateUpData, style: Style): string {
  const database = style.bold(printable(data.database));
  if (data.conflicts.length > 0)
    return `${database}: nothing was run until ${plural(data.conflicts.length, 'conflict is', 'conflicts are')} settled`;
  if (data.lintHits.length > 0)
    return `${database}: nothing was run until ${plural(data.lintHits.length, 'lint finding is', 'lint findings are')} settled (migrations.lint.onUp)`;
  if (data.dryRun) {
    return data.failed === null
      ? `${database}: ${plural(data.plan?.steps.length ?? 0, 'file')} tried on a shadow, ${style.green('ok')}; nothing was written`
      : `${database}: tried on a shadow; nothing was written`;
  }
  const parts = [`${plural(data.applied.length, 'migration')} applied`];
  if (data.seeded.length > 0) parts.push(plural(data.seeded.length, 'seed'));
  if (data.skipped.length > 0) parts.push(`${formatCount(data.skipped.length)} already applied by another process`);
  if (data.failed !== null) parts.push(style.red(failureText(data.failed)));
  if (data.pendingCount > 0) parts.push(`${formatCount(data.pendingCount)} still pending`);
  else if (data.applied.length === 0 && data.seeded.length === 0 && data.skipped.length === 0 && data.failed === null)
    return `${database}: nothing is pending`;
  return `${database}: ${parts.join(', ')}`;
}

function failureText({ code }: NonNullable<MigrateUpData['failed']>): string {
  return code === 'migration_interrupted'
    ? 'stopped half way through a file'
    : 'stopped at a failure, which left nothing behind';
}

const columns = (title: string): readonly Column[] => [
  { title, flexible: true },
  { title: 'STATEMENTS', align: 'right' },
  { title: 'ROWS', align: 'right' },
  { title: 'TIME', align: 'right' },
];

/** Files of a run with what they did. */
export function fileTable(title: string, files: readonly FileResult[], style: Style): string {
  return table(
    columns(title),
    files.map((file) => [
      printable(file.file),
      formatCount(file.statements),
      formatCount(file.rowsChanged),
      formatLatency(file.durationMs * 1000),
    ]),
    style,
  );
}

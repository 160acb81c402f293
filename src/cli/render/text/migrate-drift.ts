import type { MigrateDriftData } from '../../../commands/migrate/drift.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { plural, printable } from '../format.ts';
import type { Style } from '../style.ts';

const sources = {
  history: 'what the last migration left',
  files: 'a replay of the files',
  database: 'the other database',
};

export function render(report: Report<MigrateDriftData>, style: Style): string {
  const { data } = report;
  const head = `${style.bold(printable(data.database))}: ${plural(data.objectsCompared, 'object')} compared with ${sources[data.expectedFrom]}`;
  if (report.findings.length === 0) return `${head}: ${style.green('no difference')}`;
  const lines = [head, '', renderFindings(report.findings, style)];
  for (const object of data.showSql ? data.objects : []) {
    lines.push('', style.dim(`-- ${object.type} ${printable(object.name)}: ${object.change}`));
    lines.push(...object.repairSql.split('\n').map(printable));
  }
  return lines.join('\n');
}

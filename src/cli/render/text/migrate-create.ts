import type { MigrateCreateData } from '../../../commands/migrate/create.ts';
import type { Report } from '../../../core/report.ts';
import { printable } from '../format.ts';
import type { Style } from '../style.ts';

export function render(report: Report<MigrateCreateData>, style: Style): string {
  const { data } = report;
  const file = style.bold(printable(data.file));
  if (!data.dryRun) return `wrote ${file}`;
  return `would write ${file}\n\n${data.text
    .trimEnd()
    .split('\n')
    .map((line) => `  ${printable(line)}`)
    .join('\n')}`;
}

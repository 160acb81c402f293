import type { MigrateDumpData } from '../../../commands/migrate/dump.ts';
import type { Report } from '../../../core/report.ts';
import { printable } from '../format.ts';
import type { Style } from '../style.ts';

export function render(report: Report<MigrateDumpData>, style: Style): string {
  const { data } = report;
  // The SQL itself is the output: it must stay runnable, so nothing in it is made visible or painted.
  if (data.comparison === null) return data.sql.trimEnd();
  const file = style.bold(printable(data.comparison.file));
  if (data.comparison.equal) return `${file} ${style.green('is the schema')} of ${printable(data.database)}`;
  const lines = data.comparison.lines.map(({ sign, text }) => {
    const line = `${sign} ${printable(text)}`;
    return sign === '-' ? style.red(line) : sign === '+' ? style.green(line) : line;
  });
  return [`${file} differs from the schema of ${printable(data.database)}`, '', ...lines].join('\n');
}

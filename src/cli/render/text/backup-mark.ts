import type { BackupMarkData } from '../../../commands/backup/mark.ts';
import type { Report } from '../../../core/report.ts';
import { formatCount, printable } from '../format.ts';
import type { Style } from '../style.ts';

export function render({ data }: Report<BackupMarkData>, style: Style): string {
  const { mark } = data;
  const name = style.bold(printable(mark.name));
  const state = `commit ${formatCount(mark.tx)} @${mark.epoch.slice(0, 4)}, ${mark.time}`;
  const verb = data.action === 'removed' ? 'removed' : 'set';
  return data.dryRun ? `dry run: mark ${name} would be ${verb} (${state})` : `mark ${name} ${verb}: ${state}`;
}

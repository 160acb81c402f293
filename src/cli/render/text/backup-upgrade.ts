import type { BackupUpgradeData } from '../../../commands/backup/upgrade.ts';
import type { Report } from '../../../core/report.ts';
import { plural, printable } from '../format.ts';
import type { Style } from '../style.ts';

export function render({ data }: Report<BackupUpgradeData>, style: Style): string {
  const place = style.bold(printable(data.repository.location));
  if (data.added.length === 0) return `${place}  nothing to do: it has everything that new repositories have`;
  const verb = data.dryRun ? 'would get' : 'got';
  const note = data.dryRun ? 'dry run: nothing was changed' : 'older releases refuse it from now on';
  return [`${place}  ${verb} ${data.added.join(', ')} (${plural(data.records, 'record')})`, `  ${note}`].join('\n');
}

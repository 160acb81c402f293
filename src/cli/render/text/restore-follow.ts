import type { RestoreFollowData } from '../../../commands/restore/follow.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';

export function render(report: Report<RestoreFollowData>, style: Style): string {
  const { data } = report;
  const lines = data.dryRun
    ? [style.bold(`dry run: would keep ${printable(data.standby)} up with the archive`)]
    : [
        style.bold(
          `${printable(data.standby)} ${ending(data)} commit ${formatCount(data.appliedTx)} @${data.epoch?.slice(0, 4)}`,
        ),
        `  state    of ${data.appliedTime}`,
        `  applied  ${plural(data.commits, 'commit')} in ${plural(data.batches, 'batch', 'batches')}, ${plural(data.pages, 'page')}`,
        `  lag      ${formatDuration(data.lagMs)} now, ${formatDuration(data.maxLagMs)} at most`,
      ];
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  return lines.join('\n');
}

function ending(data: RestoreFollowData): string {
  if (data.promoted) return 'was promoted: an ordinary database that holds';
  return data.reached ? 'stopped at' : 'holds';
}

import { basename } from 'node:path';
import type { VacuumHistoryData } from '../../../commands/vacuum/history.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { Report } from '../../../core/report.ts';
import { formatCount, formatTime, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';

export function render({ data }: Report<VacuumHistoryData>, style: Style): string {
  const { runs, totals } = data;
  const name = style.bold(printable(basename(data.database)));
  if (totals.runs === 0) return `${name}   no run is known`;
  const right = 'right' as const;
  const columns = [
    { title: 'WHEN' },
    { title: 'COMMAND' },
    { title: 'HOW', flexible: true },
    { title: 'FREED', align: right },
    { title: 'SIZE AFTER', align: right },
    { title: 'DELETED', align: right },
    { title: 'TOOK', align: right },
  ];
  const rows = runs.map((run) => [
    formatTime(run.at),
    run.command,
    printable(run.stoppedBy === 'done' ? run.how : `${run.how} (stopped: ${run.stoppedBy})`),
    formatByteSize(run.freedBytes),
    formatByteSize(run.sizeAfterBytes),
    formatCount(run.rowsDeleted),
    formatDuration(run.durationMs),
  ]);
  const freed = `${formatByteSize(totals.freedBytes)} freed, ${plural(totals.rowsArchived, 'row')} archived, ${plural(totals.rowsDeleted, 'row')} deleted`;
  return `${name}   ${plural(totals.runs, 'run')}: ${freed}\n${table(columns, rows, style)}`;
}

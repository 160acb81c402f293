import { basename } from 'node:path';
import type { DashboardData } from '../../../commands/monitor/dashboard.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import { frame } from '../../../core/monitor/terminal/frame.ts';
import { initialKeys } from '../../../core/monitor/terminal/keys.ts';
import { paintLine } from '../../../core/monitor/terminal/line.ts';
import type { Report } from '../../../core/report.ts';
import { plural, printable } from '../format.ts';
import type { Style } from '../style.ts';

const plainColumns = 100;
const rows = 40;

export function render(report: Report<DashboardData>, style: Style): string {
  const { data } = report;
  switch (data.shown) {
    case 'lines':
      return '';
    case 'screen':
      return `${printable(basename(data.database))}   watched for ${formatDuration(data.seconds * 1000)}: ${plural(data.commits, 'commit')}, ${plural(data.samples, 'sample')}`;
    case 'once':
      return onceText(report, style);
  }
}

function onceText({ data, findings }: Report<DashboardData>, style: Style): string {
  const state = {
    ...initialKeys,
    database: basename(data.database),
    sample: data.sample ?? undefined,
    points: data.points,
    rates: data.rates ?? {
      commitsPerSecond: 0,
      framesPerSecond: 0,
      walResetsPerMinute: 0,
      checkpointedFramesPerSecond: 0,
    },
    objectRates: data.objectRates,
    findings,
    alerts: undefined,
    lastCheckpointAt: data.lastCheckpointAt ?? undefined,
    rateHz: data.rateHz,
    view: data.view,
    notice: undefined,
    keys: false,
    queries: { queries: [], engines: [] },
    probe: data.probe ?? undefined,
    jobs: undefined,
    history: undefined,
    trail: [],
  };
  const columns = style.columns > 0 ? style.columns : plainColumns;
  const lines = frame(state, columns, rows).map((line) => paintLine(line, style.color));
  return lines.join('\n');
}

import { formatDuration } from '../../../config/duration.ts';
import type { SeriesPoint } from '../../history/query.ts';
import { bytesText, countText, rateText, shareText } from '../figures.ts';
import { type Line, piece, plainLine } from '../line.ts';
import { sparkline } from '../sparkline.ts';
import type { DashboardState } from '../state.ts';
import { wrapText } from '../text-width.ts';

interface Row {
  readonly label: string;
  readonly series: string;
  readonly text: (value: number) => string;
}

const rowsOfHistory: readonly Row[] = [
  { label: 'commits/s', series: 'commits_total', text: rateText },
  { label: 'frames/s written', series: 'wal_frames_total', text: rateText },
  { label: 'frames/s copied', series: 'checkpointed_frames_total', text: rateText },
  { label: 'backlog', series: 'wal_backlog_bytes', text: bytesText },
  { label: 'write lock busy', series: 'write_lock_busy_ratio', text: shareText },
  { label: 'pinned behind', series: 'pinned_reader_lag_frames', text: countText },
  { label: 'processes', series: 'connected_processes', text: countText },
  { label: 'database', series: 'database_bytes', text: bytesText },
  { label: 'disk free', series: 'disk_free_bytes', text: bytesText },
];

/** Names of the series that the view asks the history for. */
export const historySeries: readonly string[] = rowsOfHistory.map(({ series }) => series);

/** Columns of the charts. */
export function historyWidth(columns: number): number {
  return Math.max(10, Math.min(120, columns - 42));
}

/** The past from the history of the service, with a cursor that left and right move from column to column. */
export function historyView(state: DashboardState, columns: number, rows: number): Line[] {
  const { history } = state;
  if (history === undefined) {
    return wrapText('There is no history here. tradedb monitor serve keeps one of 400 days.', columns).map((line) =>
      plainLine(line, 'dim'),
    );
  }
  const width = Math.min(historyWidth(columns), history.times.length);
  const first = history.times.length - width;
  const cursor = Math.max(0, width - 1 - state.back);
  const at = history.times[first + cursor] ?? 0;
  const lines = rowsOfHistory.map(({ label, series, text }): Line => {
    const points = (history.series[series] ?? []).slice(first);
    const values = points.map((point) => point?.average ?? 0);
    const bars = sparkline(values, width);
    const value = points[cursor];
    return [
      piece(label.padEnd(17), 'dim'),
      piece((value === null || value === undefined ? '-' : text(value.average)).padStart(9), 'bold'),
      piece('  '),
      piece(bars.slice(0, cursor), 'accent'),
      piece(bars.slice(cursor, cursor + 1), 'inverse'),
      piece(bars.slice(cursor + 1), 'accent'),
      piece(`  most ${most(points, text)}`, 'dim'),
    ];
  });
  return [
    [
      piece('at '),
      piece(`${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`, 'bold'),
      piece(`   ${formatDuration(state.rangeMs)}, ${formatDuration(history.stepMs)} per column   + - range`, 'dim'),
    ],
    plainLine(''),
    ...lines,
  ].slice(0, rows);
}

function most(points: readonly (SeriesPoint | null)[], text: (value: number) => string): string {
  const values = points.flatMap((point) => (point === null ? [] : [point.max]));
  return values.length === 0 ? '-' : text(Math.max(...values));
}

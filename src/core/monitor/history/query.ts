import type { Connection } from '../../sqlite/connection.ts';
import { type Bucket, bucketMs, type Level, levels, type RingLengths } from './level.ts';

/** Answers never hold more points than this. */
export const mostPoints = 5000;

export interface HistoryRange {
  readonly database: string;
  readonly series: readonly string[];
  /** Milliseconds since 1970; the newest bucket that is asked for is the one of `toMs`. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly nowMs: number;
  /** Wanted number of points, at most `mostPoints`. */
  readonly points: number;
}

export interface HistorySlice {
  readonly level: Level;
  /** Length of one point in milliseconds: that of the level, or a multiple. */
  readonly stepMs: number;
  /** Start of each point, milliseconds since 1970. */
  readonly times: readonly number[];
  /** Per series, one entry per time; null where nothing was seen. Counters are growth per second. */
  readonly series: Readonly<Record<string, readonly (SeriesPoint | null)[]>>;
}

export interface SeriesPoint {
  readonly min: number;
  readonly max: number;
  readonly average: number;
}

/** The finest level that still reaches back to the start, with neighbours put together to at most the wanted points. */
export function readHistory(connection: Connection, range: HistoryRange, rings: RingLengths): HistorySlice {
  const level = levelFor(range, rings);
  const unit = bucketMs[level];
  const wanted = Math.max(1, Math.min(range.points, mostPoints));
  const step = Math.max(1, Math.ceil((range.toMs - range.fromMs) / unit / wanted));
  // Aligned, so that the next question gets the same points.
  const first = Math.floor(range.fromMs / unit / step) * step;
  const last = Math.floor(range.toMs / unit);
  const count = Math.max(1, Math.min(mostPoints, Math.floor((last - first) / step) + 1));
  const times = Array.from({ length: count }, (_, index) => (first + index * step) * unit);
  const series = range.series.map((name) => [
    name,
    pointsOf(connection, { ...range, name }, { level, first, step, count }),
  ]);
  return { level, stepMs: step * unit, times, series: Object.fromEntries(series) };
}

function levelFor({ series, fromMs, toMs, nowMs, points }: HistoryRange, rings: RingLengths): Level {
  const reaches = levels.filter((level) => fromMs >= nowMs - rings[level] * bucketMs[level]);
  const isCoarse = series.some((name) => name.includes(' '));
  const wanted = Math.max(1, Math.min(points, mostPoints));
  // Reading a hundred times more rows than points tells nothing more.
  const fits = reaches.filter(
    (level) => (toMs - fromMs) / bucketMs[level] <= 20 * wanted && !(isCoarse && level === 'second'),
  );
  return fits[0] ?? reaches.at(-1) ?? 'hour';
}

function pointsOf(
  connection: Connection,
  { database, name }: { readonly database: string; readonly name: string },
  grid: { readonly level: Level; readonly first: number; readonly step: number; readonly count: number },
): (SeriesPoint | null)[] {
  const { level, first, step, count } = grid;
  const rows = connection.all<Bucket>(
    `SELECT bucket, min, max, sum, count FROM rollup
     WHERE level = ? AND series = (SELECT id FROM series WHERE database = ? AND name = ?) AND bucket BETWEEN ? AND ?
     ORDER BY bucket`,
    [levels.indexOf(level), database, name, first, first + step * count - 1],
  );
  const points: (SeriesPoint | null)[] = Array.from({ length: count }, () => null);
  const sums = new Map<number, { sum: number; count: number }>();
  for (const row of rows) {
    const index = Math.floor((row.bucket - first) / step);
    const known = points[index] ?? null;
    const total = sums.get(index) ?? { sum: 0, count: 0 };
    const next = { sum: total.sum + row.sum, count: total.count + row.count };
    sums.set(index, next);
    points[index] = {
      min: known === null ? row.min : Math.min(known.min, row.min),
      max: known === null ? row.max : Math.max(known.max, row.max),
      average: next.sum / next.count,
    };
  }
  return points;
}

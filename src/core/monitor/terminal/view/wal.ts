import { bytesText, clockText, countText, rateText } from '../figures.ts';
import { type Line, piece, plainLine } from '../line.ts';
import { sparkline } from '../sparkline.ts';
import type { DashboardState } from '../state.ts';
import { pinnedLines } from './locks.ts';
import { modeText } from './overview.ts';

/** The life of the WAL: what is written, what is copied, how often it starts again. */
export function walView(state: DashboardState, columns: number, rows: number): Line[] {
  const { sample, rates, points } = state;
  if (sample === undefined) return [plainLine('waiting for the first sample', 'dim')];
  if (sample.mode !== 'wal') return [plainLine(modeText(sample.mode))];
  const width = Math.max(10, Math.min(100, columns - 34));
  const row = (name: string, value: string, bars: string): Line => [
    piece(name.padEnd(20), 'dim'),
    piece(value.padStart(10), 'bold'),
    piece('  '),
    piece(bars, 'accent'),
  ];
  const series = (of: (point: (typeof points)[number]) => number): string => sparkline(points.map(of), width);
  const last = state.lastCheckpointAt === undefined ? 'none seen yet' : `${clockText(state.lastCheckpointAt)} UTC`;
  return [
    row(
      'frames/s written',
      rateText(rates.framesPerSecond),
      series((point) => point.frames),
    ),
    row(
      'frames/s copied',
      rateText(rates.checkpointedFramesPerSecond),
      series((point) => point.checkpointedFrames),
    ),
    row(
      'backlog',
      bytesText(sample.backlogBytes),
      series((point) => point.backlogBytes),
    ),
    plainLine(''),
    [
      piece('last frame'.padEnd(20), 'dim'),
      piece(countText(sample.mxFrame).padStart(10)),
      piece(`   copied up to ${countText(sample.backfilled)}`),
    ],
    [
      piece('-wal file'.padEnd(20), 'dim'),
      piece(bytesText(sample.walFileBytes).padStart(10)),
      piece('   keeps its size until it is truncated'),
    ],
    [
      piece('resets'.padEnd(20), 'dim'),
      piece(countText(sample.walResets).padStart(10)),
      piece(`   ${rateText(rates.walResetsPerMinute)} per minute`),
    ],
    [
      piece('checkpoints'.padEnd(20), 'dim'),
      piece(countText(sample.checkpoints).padStart(10)),
      piece(`   last progress ${last}`),
    ],
    [
      piece('in memory'.padEnd(20), 'dim'),
      piece((sample.cachedBytes === null ? 'unknown' : bytesText(sample.cachedBytes)).padStart(10)),
      piece('   of the database and its WAL, by the kernel'),
    ],
    plainLine(''),
    ...pinnedLines(sample.pinned),
  ].slice(0, rows);
}

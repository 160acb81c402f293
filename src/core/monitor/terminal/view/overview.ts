import { bytesText, countText, rateText, shareText } from '../figures.ts';
import { type Line, piece, plainLine } from '../line.ts';
import { sparkline } from '../sparkline.ts';
import type { DashboardState } from '../state.ts';
import { safeText } from '../text-width.ts';
import { alertTone, standingAlerts } from './alerts.ts';
import { findingLines } from './findings.ts';
import { lockLines, pinnedLines, probeLine } from './locks.ts';
import { objectLines } from './tables.ts';

/** Objects on the first screen; the view of the tables has all of them. */
const mostObjects = 6;

/** The first screen: how busy, how far behind, who is there, what is wrong. */
export function overviewLines(state: DashboardState, columns: number, rows: number): Line[] {
  const { sample } = state;
  if (sample === undefined) return [plainLine('waiting for the first sample', 'dim')];
  const head = [commitsLine(state, columns), walLine(state), useLine(state)];
  const pinned = [...probeLine(state.probe), ...pinnedLines(sample.pinned)];
  const findings = state.findings.filter((finding) => finding.id !== 'reader.pinned');
  const wrong = [...firingLine(state), ...findingLines(findings, columns, false)];
  const below = wrong.length === 0 ? [] : [plainLine(''), ...wrong];
  const room = rows - head.length - pinned.length - below.length - 1;
  const locks = room >= 3 ? [plainLine(''), ...lockLines(state, columns).slice(0, room)] : [];
  const left = room - locks.length;
  const objects = left >= 3 ? [plainLine(''), ...objectLines(state, columns, Math.min(left - 1, mostObjects + 1))] : [];
  return [...head, ...pinned, ...locks, ...(objects.length > 2 ? objects : []), ...below].slice(0, rows);
}

/** One line for all alerts that people were told of. */
function firingLine(state: DashboardState): Line[] {
  const firing = standingAlerts(state).filter(({ phase }) => phase !== 'pending' && phase !== 'nodata');
  const [worst] = firing;
  if (worst === undefined) return [];
  const names = [...new Set(firing.map(({ rule }) => safeText(rule)))].join(', ');
  return [[piece('alerts    ', alertTone(worst)), piece(`${names}   5 shows them`)]];
}

function label(text: string): ReturnType<typeof piece> {
  return piece(text.padEnd(12), 'dim');
}

function commitsLine(state: DashboardState, columns: number): Line {
  const width = Math.max(10, Math.min(60, columns - 42));
  const values = state.points.map((point) => point.commits);
  const top = Math.max(...values.slice(-width), 0);
  return [
    label('commits/s'),
    piece(rateText(state.rates.commitsPerSecond).padStart(8), 'bold'),
    piece('  '),
    piece(sparkline(values, width), 'accent'),
    piece(`  most ${rateText(top)}`, 'dim'),
  ];
}

function walLine({ sample, rates }: DashboardState): Line {
  if (sample === undefined) return [];
  if (sample.mode !== 'wal') return [label('journal'), piece(modeText(sample.mode))];
  const behind = sample.backlogBytes === 0 ? 'nothing behind' : `${bytesText(sample.backlogBytes)} behind`;
  return [
    label('wal'),
    piece(bytesText(sample.walFileBytes).padStart(8)),
    piece(' file   '),
    piece(behind, sample.backlogBytes > 0 && sample.pinned.length > 0 ? 'warn' : 'plain'),
    piece(`   frames/s ${rateText(rates.framesPerSecond)}   resets/min ${rateText(rates.walResetsPerMinute)}`),
  ];
}

export function modeText(mode: string): string {
  switch (mode) {
    case 'rollback':
      return 'rollback journal: commits by the change counter of the header';
    case 'exclusive':
      return 'one process keeps the WAL-index to itself (locking_mode=EXCLUSIVE): commits cannot be counted';
    case 'absent':
      return 'there is no file at this path';
    default:
      return mode;
  }
}

function useLine({ sample }: DashboardState): Line {
  if (sample === undefined) return [];
  const writing = sample.locks.filter(({ bytes }) => bytes.includes('WRITE') || bytes.includes('RESERVED')).length;
  const processes =
    sample.holders === 'outside-namespace'
      ? 'hidden'
      : sample.holders === 'none'
        ? 'nobody connected'
        : `${countText(sample.connectedProcesses)}${writing > 0 ? ` (${writing} writing)` : ''}`;
  return [
    label('write lock'),
    piece(`${shareText(sample.writeLockBusyRatio)} busy`.padStart(10)),
    piece(`  processes ${processes}`),
    piece(`  free ${countText(sample.freePages)} pages, disk ${bytesText(sample.diskFreeBytes)}`),
  ];
}

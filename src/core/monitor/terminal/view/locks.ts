import type { ProbeFacts } from '../../lock/probe.ts';
import type { LockHolder, PinnedReader } from '../../sample.ts';
import { ageText, countText } from '../figures.ts';
import { type Line, piece, plainLine } from '../line.ts';
import type { DashboardState, SortKey } from '../state.ts';
import { fitText, safeText } from '../text-width.ts';

/** Who holds what: first the tree of what stops the checkpoint, then every process. */
export function locksView(state: DashboardState, columns: number, rows: number): Line[] {
  const { sample } = state;
  if (sample === undefined) return [plainLine('waiting for the first sample', 'dim')];
  const tree = pinnedLines(sample.pinned);
  const free = [plainLine('nothing stops the checkpoint', 'dim')];
  const above = [...(tree.length > 0 ? tree : free), ...probeLine(state.probe)];
  return [...above, plainLine(''), ...lockLines(state, columns)].slice(0, rows);
}

/** What it costs to get the write lock, for who asked for it with `--probe`. */
export function probeLine(probe: ProbeFacts | undefined): Line[] {
  if (probe === undefined) return [];
  if (probe.problem !== undefined) return [[piece('probe       ', 'dim'), piece(safeText(probe.problem), 'warn')]];
  const { tries, busy, p50Us, p99Us, lastBusy } = probe;
  const time = (us: number): string => `${us < 10 ? us.toFixed(1) : countText(us)} us`;
  const taken = busy === tries ? '' : `taken in ${time(p50Us)} (p99 ${time(p99Us)}), `;
  return [
    [
      piece('probe       ', 'dim'),
      piece(`${taken}in other hands ${countText(busy)} of ${countText(tries)} times`),
      ...(lastBusy ? [piece('  now too', 'warn')] : []),
    ],
  ];
}

export function pinnedLines(pinned: readonly PinnedReader[]): Line[] {
  const [lowest] = pinned;
  if (lowest === undefined) return [];
  return [
    [piece('checkpoint  ', 'dim'), piece(`stopped at frame ${countText(lowest.mark)}`, 'warn')],
    ...pinned.flatMap((reader) => [
      [
        piece('  └ '),
        piece(`READ${reader.slot} at frame ${countText(reader.mark)}`, 'bold'),
        piece(`, ${countText(reader.lagFrames)} frames behind, >= ${ageText(reader.heldAtLeastMs)}`),
      ],
      ...reader.holders.map((holder) => [
        piece(`      pid ${holder.pid}`, 'bold'),
        piece(`  ${safeText(holder.command)}`),
        ...(holder.ownLease === undefined ? [] : [piece(`  ${safeText(holder.ownLease)} of ours`, 'good')]),
      ]),
    ]),
  ];
}

export function shownHolders({ sample, sort, filter }: DashboardState): LockHolder[] {
  return [...(sample?.locks ?? [])]
    .filter(({ command, pid }) => `${pid} ${command}`.toLowerCase().includes(filter.toLowerCase()))
    .sort(order(sort));
}

/** The table of processes, sorted and filtered as the keys say. */
export function lockLines(state: DashboardState, columns: number): Line[] {
  const { sample } = state;
  if (sample === undefined) return [];
  const wide = columns >= 100 ? 34 : 22;
  const head = plainLine(
    `${fitText('PID', 8, 'right')}  ${fitText('HOLDS', wide)}  ${fitText('FOR', 7, 'right')}  COMMAND`,
    'dim',
  );
  const shown = shownHolders(state);
  const marked = state.keys && state.view === 'locks' ? Math.min(state.selected, shown.length - 1) : -1;
  if (shown.length === 0) {
    const why = sample.locks.length > 0 ? 'no process matches the filter' : nobody(sample.holders);
    return [head, plainLine(`          ${why}`, 'dim')];
  }
  return [head, ...shown.map((holder, index) => holderLine(holder, wide, index === marked))];
}

function nobody(holders: string): string {
  return holders === 'outside-namespace'
    ? 'in use, but its processes cannot be seen from here (another container)'
    : 'nobody is connected';
}

function holderLine(holder: LockHolder, width: number, isMarked: boolean): Line {
  const writing = holder.bytes.includes('WRITE') || holder.bytes.includes('RESERVED');
  // DMS and SHARED only say that a process is connected.
  const bytes = holder.bytes.filter((byte) => byte !== 'DMS' && byte !== 'SHARED');
  const holds = bytes.length === 0 ? 'connected' : bytes.join(' ');
  return [
    piece(fitText(`${isMarked ? '> ' : ''}${holder.pid}`, 8, 'right'), isMarked ? 'inverse' : 'bold'),
    piece('  '),
    piece(fitText(holds, width), writing ? 'accent' : 'plain'),
    piece(`  ${fitText(`>= ${ageText(holder.heldAtLeastMs)}`, 7, 'right')}  `),
    ...(holder.ownLease === undefined ? [] : [piece(`${safeText(holder.ownLease)}  `, 'good')]),
    piece(safeText(holder.command)),
  ];
}

function order(sort: SortKey): (a: LockHolder, b: LockHolder) => number {
  switch (sort) {
    case 'age':
      return (a, b) => b.heldAtLeastMs - a.heldAtLeastMs || a.pid - b.pid;
    case 'pid':
      return (a, b) => a.pid - b.pid;
    case 'cmd':
      return (a, b) => a.command.localeCompare(b.command, 'en') || a.pid - b.pid;
  }
}

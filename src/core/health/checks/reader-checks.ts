import { formatByteSize } from '../../config/byte-size.ts';
import { formatDuration } from '../../config/duration.ts';
import type { Holder } from '../../file-access/lock-table.ts';
import { unusedReadMark } from '../../file-format/wal-index-header.ts';
import { type CheckOutcome, finding, type HealthCheck } from '../check.ts';
import type { ReaderSighting } from '../run-state.ts';
import type { HealthTarget } from '../target.ts';
import { judge } from '../threshold.ts';

export interface PinningReader {
  readonly holder: Holder;
  readonly slot: number;
  /** Last frame that this snapshot sees; 0: the database file alone. */
  readonly mark: number;
  readonly key: string;
}

/** Readers whose snapshot is older than the newest commit. A slot's mark counts only while somebody holds its lock. */
export function pinningReaders(target: HealthTarget): PinningReader[] {
  const { index, holders } = target;
  if (index === undefined || holders === undefined) return [];
  return index.readMarks.flatMap((stored, slot) => {
    const mark = slot === 0 ? 0 : stored;
    if (mark === unusedReadMark || mark >= index.maxFrame) return [];
    return holders
      .filter((holder) => holder.locks.some((lock) => !lock.exclusive && lock.bytes.includes(`READ${slot}`)))
      .map((holder) => ({
        holder,
        slot,
        mark,
        key: [holder.pid, holder.startTime, slot, mark, index.salt1, index.salt2].join(':'),
      }));
  });
}

/** The sightings that this run leaves to the next. */
export function readerSightings(
  target: HealthTarget,
  earlier: readonly ReaderSighting[],
  now: number,
): ReaderSighting[] {
  return pinningReaders(target).map(
    ({ key }) =>
      earlier.find((sighting) => sighting.key === key) ?? {
        key,
        firstSeenAt: now,
        firstMaxFrame: target.index?.maxFrame ?? 0,
      },
  );
}

export const walReader: HealthCheck = {
  id: 'wal.reader',
  sentence: 'no reader stays at an old snapshot while the WAL grows',
  cost: 'cheap',
  async run({ target, previous, thresholds, context, facts }): Promise<CheckOutcome> {
    if (target.holders === undefined) return { summary: 'no lock table', skipped: 'this system shows no locks' };
    const { index } = target;
    const readers = pinningReaders(target);
    if (index === undefined || readers.length === 0) return { summary: 'no reader is behind' };
    const now = context.clock.wallTime();
    const starving = readers.flatMap((reader) => {
      const sighting = previous.readers.find(({ key }) => key === reader.key);
      // The same snapshot twice proves nothing unless the WAL went on meanwhile.
      if (sighting === undefined || index.maxFrame <= sighting.firstMaxFrame) return [];
      return [{ ...reader, heldMs: now - sighting.firstSeenAt }];
    });
    const own = starving.length === 0 ? undefined : await facts.ownWork?.();
    if (own !== undefined && starving.every(({ holder }) => holder.pid === own.pid)) {
      // A backup holds its snapshot on purpose, and has a limit of its own for it.
      return { summary: `pid ${own.pid} is our own ${own.purpose}` };
    }
    const worst = starving
      .filter(({ holder }) => holder.pid !== own?.pid)
      .sort((a, b) => a.mark - b.mark || b.heldMs - a.heldMs)[0];
    if (worst === undefined) return { summary: `${readers.length} behind the newest commit, none for long` };
    const severity = judge(worst.heldMs, thresholds['wal.reader']);
    const held = formatDuration(Math.floor(worst.heldMs / 1000) * 1000);
    const message = `pid ${worst.holder.pid} "${worst.holder.command}" holds READ${worst.slot} at frame ${worst.mark} for >= ${held}, WAL at ${index.maxFrame}`;
    const base = { summary: message, value: worst.heldMs, unit: 'ms' } as const;
    if (severity === 'ok') return base;
    const pinned = formatByteSize((index.maxFrame - worst.mark) * (target.pageSize + 24));
    const values = { pid: worst.holder.pid, slot: worst.slot, mark: worst.mark, maxFrame: index.maxFrame };
    const hint = `end its read transaction: ${pinned} of the WAL cannot be reused before; see tradedb monitor`;
    return { ...base, findings: [finding('wal.reader', severity, message, { hint, values })] };
  },
};

export const connections: HealthCheck = {
  id: 'connections',
  sentence: 'no process is connected that endangers the database',
  cost: 'cheap',
  run({ target }) {
    const { holders } = target;
    if (holders === undefined) return { summary: 'no lock table', skipped: 'this system shows no locks' };
    const count = holders.length;
    const shells = holders.filter(({ command }) => /^(\S*\/)?sqlite3(\s|$)/.test(command));
    const summary = count === 0 ? 'no process seen' : `${count} ${count === 1 ? 'process' : 'processes'} connected`;
    const findings = shells.map(({ pid, command }) =>
      finding(
        'connections',
        'warning',
        `pid ${pid} "${command}" is connected: the sqlite3 of many systems can lose commits in WAL mode`,
        {
          subject: `pid ${pid}`,
          hint: 'close it, or use a copy: tradedb backup',
        },
      ),
    );
    return { summary, value: count, unit: 'count', findings };
  },
};

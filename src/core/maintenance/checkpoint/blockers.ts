import { type Holder, holdersOf } from '../../file-access/lock-table.ts';
import type { WalIndexHeader } from '../../file-format/wal-index-header.ts';
import { unusedReadMark } from '../../file-format/wal-index-header.ts';

/** A process that holds a lock which keeps a checkpoint from copying or restarting. */
export interface Blocker {
  readonly pid: number;
  /** Text of a stranger: print it through a filter. */
  readonly command: string;
  /** Names of the lock bytes, such as `READ1`. */
  readonly bytes: readonly string[];
  /** Frame at which its snapshot stands; null when the WAL-index was not looked at. */
  readonly frame: number | null;
}

const readSlots = ['READ0', 'READ1', 'READ2', 'READ3', 'READ4'] as const;

/**
 * Who is in the way. With a WAL-index: the readers whose mark is below the end of the WAL, the lowest first; READ0 holds
 * back everything. Without one: every process with a read lock. `ownPid` is never named.
 */
export function findBlockers(database: string, index?: WalIndexHeader | null, ownPid?: number): Blocker[] {
  const holders = (holdersOf(database) ?? []).filter((holder) => holder.pid !== ownPid);
  return holders
    .map((holder) => asBlocker(holder, index ?? undefined))
    .filter((blocker): blocker is Blocker => blocker !== undefined)
    .sort((a, b) => (a.frame ?? 0) - (b.frame ?? 0) || a.pid - b.pid);
}

function asBlocker(holder: Holder, index: WalIndexHeader | undefined): Blocker | undefined {
  const slots = readSlots.flatMap((name, slot) => (holder.bytes.includes(name) ? [{ name, slot }] : []));
  const behind = index === undefined ? slots : slots.filter(({ slot }) => markOf(slot, index) < index.maxFrame);
  const others = holder.bytes.filter((byte) => byte === 'CKPT' || byte === 'WRITE' || byte === 'RECOVER');
  const bytes = [...behind.map(({ name }) => name), ...others];
  if (bytes.length === 0) return undefined;
  const marks = index === undefined ? [] : behind.map(({ slot }) => markOf(slot, index));
  return { pid: holder.pid, command: holder.command, bytes, frame: marks.length === 0 ? null : Math.min(...marks) };
}

/** Slot 0 stands for "everything is in the database file": it stops at what is backfilled. */
function markOf(slot: number, index: WalIndexHeader): number {
  const mark = slot === 0 ? index.backfilledFrames : (index.readMarks[slot] ?? unusedReadMark);
  return mark === unusedReadMark ? index.maxFrame : mark;
}

import { unusedReadMark } from '../../file-format/wal-index-header.ts';
import type { LockHolder, PinnedReader } from '../sample.ts';

export interface ReadMarks {
  readonly readMarks: readonly number[];
  readonly maxFrame: number;
  readonly backfilledFrames: number;
  /** Salts: a mark of another generation of the WAL is another mark. */
  readonly generation: string;
}

/**
 * Finds the readers that keep the checkpoint back. A pool of readers always holds some mark; what stands out is a mark
 * whose value does not move while the WAL grows beyond it.
 */
export class PinnedReaders {
  readonly #pinnedAfterMs: number;
  #since = new Map<string, number>();

  constructor(pinnedAfterMs: number) {
    this.#pinnedAfterMs = pinnedAfterMs;
  }

  update(marks: ReadMarks, holders: readonly LockHolder[], now: number): PinnedReader[] {
    const next = new Map<string, number>();
    const pinned: PinnedReader[] = [];
    for (const [slot, stored] of marks.readMarks.entries()) {
      const owners = holders.filter((holder) => holder.bytes.includes(`READ${slot}`));
      // Slot 0 reads the database file alone: the checkpoint may copy nothing beyond what is copied.
      const mark = slot === 0 ? marks.backfilledFrames : stored;
      if (owners.length === 0 || stored === unusedReadMark || mark >= marks.maxFrame) continue;
      const key = `${marks.generation}:${slot}:${mark}`;
      const since = this.#since.get(key) ?? now;
      next.set(key, since);
      if (now - since < this.#pinnedAfterMs) continue;
      pinned.push({ slot, mark, lagFrames: marks.maxFrame - mark, heldAtLeastMs: now - since, holders: owners });
    }
    this.#since = next;
    return pinned.sort((a, b) => a.mark - b.mark || a.slot - b.slot);
  }
}

import type { Holder } from '../../file-access/lock-table.ts';
import type { LockHolder } from '../sample.ts';

/**
 * Remembers since when each process has held each of its lock bytes. The kernel keeps no time, so an age is "at least".
 * A process is pid and start time, because pids are used again.
 */
export class HeldSince {
  #since = new Map<string, number>();

  /** Holders with the age of the oldest lock that is no mere sign of being connected. */
  update(holders: readonly Holder[], now: number): LockHolder[] {
    const next = new Map<string, number>();
    const result = holders.map((holder) => {
      const ages = holder.bytes.map((byte) => {
        const key = `${holder.pid}:${holder.startTime}:${byte}`;
        const since = this.#since.get(key) ?? now;
        next.set(key, since);
        return { byte, ms: now - since };
      });
      const working = ages.filter(({ byte }) => byte !== 'DMS');
      const heldAtLeastMs = Math.max(0, ...(working.length > 0 ? working : ages).map(({ ms }) => ms));
      const { pid, startTime, command, bytes } = holder;
      return { pid, startTime, command, bytes, heldAtLeastMs };
    });
    this.#since = next;
    return result;
  }
}

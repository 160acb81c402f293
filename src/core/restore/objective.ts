/** What can be restored, in milliseconds since 1970 UTC: moments of backups, and times in which every commit is archived. */
export interface Coverage {
  readonly points: readonly number[];
  readonly windows: readonly { readonly from: number; readonly to: number }[];
}

/**
 * The most that a loss of the database would have cost at any moment from `since` to `now`: the longest time that the newest
 * state in the repository was old. 0 without anything to restore.
 */
export function worstRpo({ points, windows }: Coverage, { since, now }: { since: number; now: number }): number {
  const covered = [...points.map((time) => ({ from: time, to: time })), ...windows].sort((a, b) => a.from - b.from);
  let end = covered[0]?.from;
  if (end === undefined) return 0;
  let worst = 0;
  for (const { from, to } of covered) {
    if (from > end && from >= since) worst = Math.max(worst, from - end);
    end = Math.max(end, to);
  }
  return Math.max(worst, now - end);
}

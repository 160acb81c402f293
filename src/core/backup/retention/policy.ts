/** Which restore points are kept, and why. Pure: the same points and the same moment give the same answer. */

export interface RetentionPolicy {
  /** Newest points that are always kept. */
  readonly keepLast: number;
  /** Number of hours, days, weeks, months, years (UTC) of which the newest point is kept. */
  readonly hourly: number;
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
  readonly yearly: number;
  /** Every point younger than this is kept. */
  readonly keepWithinMs?: number | undefined;
  /** The newest points before a migration are kept, so that it can be undone. */
  readonly keepSafety?: number | undefined;
  /** The newest point that is at least so old is kept: the state at the start of this time can be had. */
  readonly recoveryWindowMs?: number | undefined;
}

export interface RetainedPoint {
  readonly id: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly parentId: string | null;
  /** Of a safety backup it starts with `before-migration`. */
  readonly label?: string | null;
  /** ISO 8601, `forever`, or null. */
  readonly keepUntil: string | null;
  /** What else needs it, in words such as `archive` or `mark pre-open`. */
  readonly neededFor?: readonly string[];
}

/** Reasons by point id, for every point that is kept. A point without an entry may go. */
export type Kept = ReadonlyMap<string, readonly string[]>;

/** Start of the bucket that a moment belongs to, as text. Weeks are those of ISO 8601. */
const buckets: Readonly<Record<'hourly' | 'daily' | 'weekly' | 'monthly' | 'yearly', (iso: string) => string>> = {
  hourly: (iso) => iso.slice(0, 13),
  daily: (iso) => iso.slice(0, 10),
  weekly: (iso) => mondayOf(iso),
  monthly: (iso) => iso.slice(0, 7),
  yearly: (iso) => iso.slice(0, 4),
};

const bucketNames = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;

/** Applies the rules to the points of one database; the order of `points` does not matter. */
export function retain(points: readonly RetainedPoint[], policy: RetentionPolicy, now: number): Kept {
  const newestFirst = [...points].sort((a, b) =>
    a.createdAt === b.createdAt ? (a.id < b.id ? 1 : -1) : a.createdAt < b.createdAt ? 1 : -1,
  );
  const kept = new Map<string, string[]>();
  const keep = (point: RetainedPoint, reason: string): void => {
    const reasons = kept.get(point.id) ?? [];
    if (!reasons.includes(reason)) kept.set(point.id, [...reasons, reason]);
  };
  for (const point of newestFirst.slice(0, policy.keepLast)) keep(point, 'last');
  const safety = newestFirst.filter((point) => point.label?.startsWith('before-migration') === true);
  for (const point of safety.slice(0, policy.keepSafety ?? 0)) keep(point, 'safety');
  for (const name of bucketNames) {
    for (const point of newestOfBuckets(newestFirst, buckets[name], policy[name])) keep(point, name);
  }
  for (const point of newestFirst) {
    if (policy.keepWithinMs !== undefined && Date.parse(point.createdAt) > now - policy.keepWithinMs)
      keep(point, 'within');
    if (isPinned(point, now)) keep(point, 'pinned');
    for (const reason of point.neededFor ?? []) keep(point, reason);
  }
  const { recoveryWindowMs } = policy;
  if (recoveryWindowMs !== undefined) {
    const first = newestFirst.find((point) => Date.parse(point.createdAt) <= now - recoveryWindowMs);
    if (first !== undefined) keep(first, 'window');
  }
  keepParents(points, kept, keep);
  return kept;
}

export function isPinned(point: Pick<RetainedPoint, 'keepUntil'>, now: number): boolean {
  return point.keepUntil === 'forever' || (point.keepUntil !== null && Date.parse(point.keepUntil) > now);
}

/** The newest point of each of the `count` newest buckets that hold one. */
function newestOfBuckets(
  newestFirst: readonly RetainedPoint[],
  bucketOf: (iso: string) => string,
  count: number,
): RetainedPoint[] {
  const newest = new Map<string, RetainedPoint>();
  for (const point of newestFirst) {
    const bucket = bucketOf(new Date(point.createdAt).toISOString());
    if (newest.has(bucket)) continue;
    if (newest.size >= count) break;
    newest.set(bucket, point);
  }
  return [...newest.values()];
}

/** What an incremental builds on has to stay as long as it does. */
function keepParents(
  points: readonly RetainedPoint[],
  kept: ReadonlyMap<string, readonly string[]>,
  keep: (point: RetainedPoint, reason: string) => void,
): void {
  const byId = new Map(points.map((point) => [point.id, point]));
  for (const id of [...kept.keys()]) {
    let parent = byId.get(byId.get(id)?.parentId ?? '');
    while (parent !== undefined) {
      keep(parent, 'parent');
      parent = byId.get(parent.parentId ?? '');
    }
  }
}

function mondayOf(iso: string): string {
  const day = new Date(`${iso.slice(0, 10)}T00:00:00Z`);
  const monday = day.getTime() - ((day.getUTCDay() + 6) % 7) * 86_400_000;
  return new Date(monday).toISOString().slice(0, 10);
}

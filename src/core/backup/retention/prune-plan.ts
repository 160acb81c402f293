import { lineageOf } from '../manifest/lineage.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { VerifiedPoints } from '../verify/verified-points.ts';
import { type Kept, type RetentionPolicy, retain } from './policy.ts';
import type { Tombstone } from './tombstone.ts';

export interface PrunePlan {
  readonly kept: readonly { readonly point: Manifest; readonly reasons: readonly string[] }[];
  /** First phase: marked now, deleted by a later run. */
  readonly tombstone: readonly Manifest[];
  /** Second phase: marked long enough ago and still unwanted. */
  readonly remove: readonly Manifest[];
  /** Unwanted, but held back; with the reason. */
  readonly heldBack: readonly { readonly point: Manifest; readonly reason: string }[];
}

export interface PruneRequest {
  readonly points: readonly Manifest[];
  readonly tombstones: readonly Tombstone[];
  readonly policy: RetentionPolicy;
  /** Chains that stay, whatever the rules say: the newest ones that were found whole. */
  readonly minimumRedundancy: number;
  readonly graceMs: number;
  readonly now: number;
  /** What needs a point besides the rules, by its id: `archive`, `mark pre-open`. */
  readonly neededFor: ReadonlyMap<string, readonly string[]>;
  readonly verified: VerifiedPoints;
}

/** What to do with the points of one database. Pure. */
export function planPrune(request: PruneRequest): PrunePlan {
  const { points, tombstones, now } = request;
  const kept = retain(
    points.map((point) => ({ ...point, neededFor: request.neededFor.get(point.id) ?? [] })),
    request.policy,
    now,
  );
  const redundant = redundancy(request, kept);
  const keptOrHeld = (point: Manifest): boolean => kept.has(point.id) || redundant.has(point.id);
  const unwanted = points.filter((point) => !keptOrHeld(point));
  const markedAt = (point: Manifest): number =>
    Math.min(
      ...tombstones.filter((one) => one.pointIds.includes(point.id)).map((one) => Date.parse(one.createdAt)),
      Number.POSITIVE_INFINITY,
    );
  const remove = unwanted.filter((point) => markedAt(point) <= now - request.graceMs);
  return {
    kept: points.filter((point) => kept.has(point.id)).map((point) => ({ point, reasons: kept.get(point.id) ?? [] })),
    tombstone: unwanted.filter((point) => markedAt(point) === Number.POSITIVE_INFINITY),
    remove: childrenFirst(remove),
    heldBack: points
      .filter((point) => redundant.has(point.id))
      .map((point) => ({ point, reason: redundant.get(point.id) ?? '' })),
  };
}

/**
 * Full points beyond the rules that have to stay so that enough chains are left that were read and found whole. While there
 * are too few of those, the newest ones that nobody has read stay in their place; damaged ones never count.
 */
function redundancy({ points, verified, minimumRedundancy }: PruneRequest, kept: Kept): ReadonlyMap<string, string> {
  const byId = new Map(points.map((point) => [point.id, point]));
  const newestOf = new Map<string, string>();
  for (const point of points) {
    const full = chainOf(point, byId)?.[0];
    // `points` are oldest first: the last one of a chain is its newest.
    if (full !== undefined && levelOf(full.id) !== 0) newestOf.set(full.id, point.createdAt);
  }
  const newestFirst = [...newestOf].sort(([, a], [, b]) => (a < b ? 1 : -1)).map(([id]) => id);
  const whole = newestFirst.filter((id) => (levelOf(id) ?? 1) >= 2).slice(0, minimumRedundancy);
  const unread = newestFirst.filter((id) => (levelOf(id) ?? 1) < 2).slice(0, minimumRedundancy - whole.length);
  const held = new Map<string, string>();
  // A chain of which some member is kept has its full point kept as well: it counts as it is.
  for (const id of whole) if (!kept.has(id)) held.set(id, 'minimum redundancy');
  for (const id of unread) if (!kept.has(id)) held.set(id, 'minimum redundancy, not verified');
  return held;

  function levelOf(id: string): number | undefined {
    return verified.get(id)?.level;
  }
}

function chainOf(point: Manifest, byId: ReadonlyMap<string, Manifest>): Manifest[] | undefined {
  try {
    return lineageOf(point, byId);
  } catch {
    return undefined;
  }
}

/** A crash in the middle then leaves no incremental without what it builds on. */
function childrenFirst(points: readonly Manifest[]): Manifest[] {
  return [...points].sort((a, b) => b.chainLength - a.chainLength);
}

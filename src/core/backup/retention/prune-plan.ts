import { lineageOf } from '../manifest/lineage.ts';
import type { Manifest } from '../manifest/manifest.ts';
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
  /** Tombstones of which nothing is left after the removal. */
  readonly spentTombstones: readonly Tombstone[];
}

export interface PruneRequest {
  readonly points: readonly Manifest[];
  readonly tombstones: readonly Tombstone[];
  readonly policy: RetentionPolicy;
  /** Newest complete chains that stay, whatever the rules say. */
  readonly minimumRedundancy: number;
  readonly graceMs: number;
  readonly now: number;
  /** Points that archived commits of the recovery window build on. */
  readonly archiveBases: ReadonlySet<string>;
}

/** What to do with the points of one database. Pure. */
export function planPrune(request: PruneRequest): PrunePlan {
  const { points, tombstones, now } = request;
  const kept = retain(
    points.map((point) => ({ ...point, archiveBase: request.archiveBases.has(point.id) })),
    request.policy,
    now,
  );
  const redundant = redundancy(points, kept, request.minimumRedundancy);
  const keptOrHeld = (point: Manifest): boolean => kept.has(point.id) || redundant.has(point.id);
  const unwanted = points.filter((point) => !keptOrHeld(point));
  const markedAt = (point: Manifest): number =>
    Math.min(
      ...tombstones.filter((one) => one.pointIds.includes(point.id)).map((one) => Date.parse(one.createdAt)),
      Number.POSITIVE_INFINITY,
    );
  const remove = unwanted.filter((point) => markedAt(point) <= now - request.graceMs);
  const removed = new Set(remove.map((point) => point.id));
  const there = new Set(points.map((point) => point.id));
  return {
    kept: points.filter((point) => kept.has(point.id)).map((point) => ({ point, reasons: kept.get(point.id) ?? [] })),
    tombstone: unwanted.filter((point) => markedAt(point) === Number.POSITIVE_INFINITY),
    remove: childrenFirst(remove),
    heldBack: points
      .filter((point) => redundant.has(point.id))
      .map((point) => ({ point, reason: 'minimum redundancy' })),
    spentTombstones: tombstones.filter((one) => one.pointIds.every((id) => removed.has(id) || !there.has(id))),
  };
}

/** Points beyond the rules that have to stay so that enough complete chains are left. */
function redundancy(points: readonly Manifest[], kept: Kept, minimum: number): ReadonlySet<string> {
  const byId = new Map(points.map((point) => [point.id, point]));
  const chains = new Map<string, Manifest[]>();
  for (const point of points) {
    const lineage = chainOf(point, byId);
    if (lineage !== undefined) chains.set(lineage[0]?.id ?? '', lineage);
  }
  // `points` are oldest first: the last entry of each chain is its newest point.
  const newestChains = [...chains.values()]
    .sort((a, b) => ((a.at(-1)?.createdAt ?? '') < (b.at(-1)?.createdAt ?? '') ? 1 : -1))
    .slice(0, minimum);
  const held = new Set<string>();
  for (const chain of newestChains) {
    const full = chain[0] as Manifest;
    // A chain of which some member is kept has its full point kept as well: it counts as it is.
    if (!kept.has(full.id)) held.add(full.id);
  }
  return held;
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

import type { StoredSegment } from './segment-format.ts';

/** A segment with its place in a chain. */
export interface ArchivedSegment extends StoredSegment {
  /** Digest of the segment before it, whatever has taken its place since; null for the first one of an epoch. */
  readonly previous: string | null;
}

/** Digest of the segment that one names as the one before it. */
export type PreviousOf = (segment: StoredSegment) => Promise<string | null>;

interface Link {
  readonly segment: ArchivedSegment;
  readonly before: Link | undefined;
  /** Commits of the chain up to here that lie in merged segments. */
  readonly mergedCommits: number;
}

/**
 * The chain of segments from commit 1 on. Each one names the digest of the one before it, and that decides: two archivers
 * (one was suspended until the other had its lease) may have stored commits with the same numbers, in segments of other
 * lengths. Headers are read only where numbers alone leave a choice; whoever reads a segment compares what it names. The
 * longest chain wins, and in it single commits rather than merged ones.
 */
export async function chainOf(
  segments: readonly StoredSegment[],
  previousOf: PreviousOf,
): Promise<readonly ArchivedSegment[]> {
  const sorted = [...segments].sort(
    (a, b) => a.firstTx - b.firstTx || a.lastTx - b.lastTx || (a.digest < b.digest ? -1 : 1),
  );
  /** By the last commit: the ends that a next segment can follow, by the digest that it has to name. */
  const ends = new Map<number, Map<string | null, Link | undefined>>([[0, new Map([[null, undefined]])]]);
  for (const segment of sorted) {
    const candidates = ends.get(segment.firstTx - 1);
    if (candidates === undefined || segment.lastTx < segment.firstTx) continue;
    const [only = null] = candidates.keys();
    const previous = candidates.size === 1 ? only : await previousOf(segment);
    if (!candidates.has(previous)) continue;
    const before = candidates.get(previous);
    const commits = segment.merged === null ? 0 : segment.lastTx - segment.firstTx + 1;
    const link = { segment: { ...segment, previous }, before, mergedCommits: (before?.mergedCommits ?? 0) + commits };
    const same = ends.get(segment.lastTx) ?? new Map<string | null, Link | undefined>();
    const digest = segment.merged ?? segment.digest;
    if (isFiner(link, same.get(digest))) same.set(digest, link);
    ends.set(segment.lastTx, same);
  }
  const longest = ends.get(Math.max(...ends.keys()));
  const finest = [...(longest?.values() ?? [])].reduce((a, b) => (b !== undefined && isFiner(b, a) ? b : a), undefined);
  const chain: ArchivedSegment[] = [];
  for (let link = finest; link !== undefined; link = link.before) chain.push(link.segment);
  return chain.reverse();
}

function isFiner(a: Link, b: Link | undefined): boolean {
  return b === undefined || a.mergedCommits < b.mergedCommits;
}

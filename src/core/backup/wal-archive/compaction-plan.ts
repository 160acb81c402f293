import type { ArchivedSegment } from './chain.ts';
import type { RestorableCommit } from './segment-reading.ts';

/** A segment that may be merged, with its commits. */
export interface OldSegment {
  readonly segment: ArchivedSegment;
  readonly commits: readonly RestorableCommit[];
}

/** Neighbours that become one segment, and the commits that can be restored from it. */
export interface MergePlan {
  readonly segments: readonly ArchivedSegment[];
  /** Oldest first; the last commit is always one of them. */
  readonly states: readonly RestorableCommit[];
  readonly commits: number;
}

export interface MergeRules {
  /** Commits that are kept: of marks, and those that restore points are the state of. */
  readonly wanted: ReadonlySet<number>;
  /** The last commit of each such time is kept (milliseconds). */
  readonly cellMs: number;
}

/** A merged segment is read whole: it is made of at most so many bytes, though its grain becomes finer thereby. */
const mostSourceBytes = 256 * 1024 * 1024;
/** Fewer bytes than these are merged over several cells. */
const usualSourceBytes = 16 * 1024 * 1024;

/** Cuts old segments into groups to merge. Groups in which no commit would go are left out. Pure. */
export function planMerges(old: readonly OldSegment[], rules: MergeRules): readonly MergePlan[] {
  const cellOf = (commit: RestorableCommit | undefined) => Math.floor((commit?.notAfter ?? 0) / rules.cellMs);
  const groups: OldSegment[][] = [];
  let group: OldSegment[] = [];
  let bytes = 0;
  for (const one of old) {
    const last = group.at(-1);
    const isNewCell = last !== undefined && cellOf(one.commits[0]) > cellOf(last.commits.at(-1));
    const isAdjacent = last === undefined || last.segment.lastTx + 1 === one.segment.firstTx;
    const isFull = bytes + one.segment.sizeBytes > mostSourceBytes || (isNewCell && bytes >= usualSourceBytes);
    if (!isAdjacent || isFull) {
      groups.push(group);
      group = [];
      bytes = 0;
    }
    group.push(one);
    bytes += one.segment.sizeBytes;
  }
  if (group.length > 0) groups.push(group);
  return groups.flatMap((segments) => {
    const commits = segments.flatMap((one) => one.commits);
    const states = commits.filter((commit, index) => {
      const next = commits[index + 1];
      return next === undefined || rules.wanted.has(commit.tx) || cellOf(next) > cellOf(commit);
    });
    if (states.length === commits.length) return [];
    return [{ segments: segments.map(({ segment }) => segment), states, commits: commits.length }];
  });
}

/** Where the time of single commits begins: the newest end of such a time that lies so long ago. */
export function startOfCommits(now: number, { commitWindowMs, cellMs }: { commitWindowMs: number; cellMs: number }) {
  return Math.floor((now - commitWindowMs) / cellMs) * cellMs;
}

/**
 * Counts commits and WAL restarts from the header of the WAL-index. Pure: fed with one header per look. The change
 * counter moves with every commit, so commits between two looks are counted too.
 */

export interface IndexFacts {
  readonly changeCounter: number;
  readonly salt1: number;
  readonly salt2: number;
  readonly maxFrame: number;
  readonly backfilledFrames: number;
  /** Inode of the `-shm` file: a new one has new counters. */
  readonly inode: number;
}

export interface CommitCount {
  readonly generation: number;
  readonly commits: number;
  readonly resets: number;
  readonly frames: number;
  readonly checkpointedFrames: number;
  readonly checkpoints: number;
  readonly last: IndexFacts | undefined;
}

export const noCommits: CommitCount = {
  generation: 1,
  commits: 0,
  resets: 0,
  frames: 0,
  checkpointedFrames: 0,
  checkpoints: 0,
  last: undefined,
};

/** More restarts than this between two looks mean that the salts are of another WAL. */
const mostResets = 1_000_000;
/** A step back of the change counter shows as a step forward of nearly 2^32. */
const mostCommits = 2 ** 31;

export function countCommits(count: CommitCount, now: IndexFacts): CommitCount {
  const { last } = count;
  if (last === undefined) return { ...count, last: now };
  const commits = (now.changeCounter - last.changeCounter) >>> 0;
  // The first salt goes up by one with each restart of the WAL.
  const resets = (now.salt1 - last.salt1) >>> 0;
  if (now.inode !== last.inode || resets > mostResets || commits > mostCommits) return restart(count, now);
  const restarted = resets > 0 || now.salt2 !== last.salt2;
  const frames = restarted ? now.maxFrame : Math.max(0, now.maxFrame - last.maxFrame);
  // What a restart threw away had been copied before: all of it counts as checkpointed.
  const copied = restarted
    ? last.maxFrame - last.backfilledFrames + now.backfilledFrames
    : Math.max(0, now.backfilledFrames - last.backfilledFrames);
  return {
    generation: count.generation,
    commits: count.commits + commits,
    resets: count.resets + resets,
    frames: count.frames + frames,
    checkpointedFrames: count.checkpointedFrames + copied,
    checkpoints: count.checkpoints + (copied > 0 ? 1 : 0),
    last: now,
  };
}

/** The index was rebuilt: its counter began at 0 again, and what came between the two looks is lost. */
function restart(count: CommitCount, now: IndexFacts): CommitCount {
  return {
    ...count,
    generation: count.generation + 1,
    commits: count.commits + now.changeCounter,
    frames: count.frames + now.maxFrame,
    last: now,
  };
}

/** The index has gone (the last connection closed): the next one starts a new generation. */
export function endOfIndex(count: CommitCount): CommitCount {
  return count.last === undefined ? count : { ...count, generation: count.generation + 1, last: undefined };
}

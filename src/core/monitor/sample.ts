/** What one look at a database tells. Counters count since the sampler started. */

export interface LockHolder {
  readonly pid: number;
  /** Clock ticks since boot: with the pid it names one process for ever. */
  readonly startTime: string;
  /** Text of a stranger: print it through a filter. */
  readonly command: string;
  /** Names of the lock bytes, such as `WRITE`, `READ1`, `DMS`. */
  readonly bytes: readonly string[];
  /** The locks have no time: it holds its bytes at least since we first saw them. */
  readonly heldAtLeastMs: number;
  /** What it does under a lease of ours, such as `backup create`. */
  readonly ownLease?: string;
}

/** A read mark that stands still while the WAL grows: the checkpoint cannot go beyond it. */
export interface PinnedReader {
  readonly slot: number;
  readonly mark: number;
  readonly lagFrames: number;
  readonly heldAtLeastMs: number;
  readonly holders: readonly LockHolder[];
}

/** What was written to one table or index. */
export interface ObjectWrites {
  readonly object: string;
  readonly kind: 'table' | 'index';
  /** The table an index belongs to. */
  readonly table: string;
  /** Pages of its b-tree; overflow pages are not among them. */
  readonly pages: number;
  /** WAL frames written since the sampler started. */
  readonly frames: number;
  /** Some commits were missed and are taken to be like those that were seen. */
  readonly estimated: boolean;
}

export type JournalMode = 'wal' | 'rollback' | 'exclusive' | 'absent';

export interface Sample {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly monotonicMs: number;
  /** Moves when the counters had to start again: file replaced, WAL-index rebuilt. Commits may be missing then. */
  readonly generation: number;
  readonly mode: JournalMode;
  /** `outside-namespace`: it is in use, but its processes cannot be seen from here. */
  readonly holders: 'visible' | 'none' | 'outside-namespace';
  readonly commits: number;
  readonly walResets: number;
  /** Frames written; frames between two resets within one sample are missed. */
  readonly frames: number;
  readonly checkpointedFrames: number;
  /** Times that a checkpoint made progress. */
  readonly checkpoints: number;
  readonly mxFrame: number;
  readonly backfilled: number;
  readonly backlogBytes: number;
  readonly walFileBytes: number;
  readonly databaseBytes: number;
  readonly pageSizeBytes: number;
  readonly pageCount: number;
  readonly freePages: number;
  readonly connectedProcesses: number;
  readonly locks: readonly LockHolder[];
  readonly pinned: readonly PinnedReader[];
  /** Share of the last looks at the lock table in which somebody held the write lock. */
  readonly writeLockBusyRatio: number;
  readonly diskFreeBytes: number;
  /** What the kernel holds of the database and its WAL in memory; null where that cannot be known. */
  readonly cachedBytes: number | null;
  /** The most written and the largest objects; empty without attribution. */
  readonly objects: readonly ObjectWrites[];
  /** Share of the commits whose frames were seen. */
  readonly coverage: number;
  /** Frames whose object is not known: overflow pages, pointer maps, and what the map does not have yet. */
  readonly unknownFrames: number;
  readonly tornReads: number;
  readonly lateTicks: number;
  /** Time of this look. */
  readonly tickMs: number;
}

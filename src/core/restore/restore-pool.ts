import type { ChunkOutcome, ChunkTask } from '../backup/chunk/chunk-task.ts';
import { ThreadPool } from '../backup/chunk/thread-pool.ts';
import { childEntry } from '../file-access/child-entry.ts';
import type { SegmentTask } from './segment-writing.ts';

/** Threads that check what was read of a repository, chunks and segments, and write its pages. */
export class RestorePool extends ThreadPool {
  constructor(size: number) {
    super(childEntry('./restore-thread-main', import.meta.url), size);
  }

  chunk(task: ChunkTask): Promise<ChunkOutcome> {
    return this.send(task);
  }

  segment(task: SegmentTask): Promise<void> {
    return this.send(task);
  }
}

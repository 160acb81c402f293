import { childEntry } from '../../file-access/child-entry.ts';
import type { ChunkOutcome, ChunkTask } from './chunk-task.ts';
import { ThreadPool } from './thread-pool.ts';

/** Threads that check chunks. */
export class ChunkPool extends ThreadPool {
  constructor(size: number) {
    super(childEntry('./chunk-thread-main', import.meta.url), size);
  }

  run(task: ChunkTask): Promise<ChunkOutcome> {
    return this.send(task);
  }
}

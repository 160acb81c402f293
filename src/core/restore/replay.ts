import { writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Repository } from '../backup/repository/repository.ts';
import { readPages } from '../backup/wal-archive/segment-reading.ts';
import type { OperationContext } from '../context.ts';
import { throwIfCancelled } from '../error.ts';
import { fromStorage } from '../storage/storage-error.ts';
import type { ReplayRoute } from './point-in-time.ts';

export interface Replayed {
  readonly bytesRead: number;
  readonly commits: number;
  readonly pageCount: number;
}

/**
 * Writes the commits of a route over a file that holds the state of its base. Every frame must continue the checksum
 * chain of its WAL, every segment the one before it.
 */
export async function replay(
  repository: Repository,
  databaseId: string,
  { file, route }: { file: string; route: ReplayRoute },
  context: OperationContext,
): Promise<Replayed> {
  const total = route.segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  const task = context.progress.start({ id: 'replay', label: 'replaying commits', unit: 'bytes', total });
  const handle = await open(file, 'r+').catch((error: unknown) => {
    throw fromStorage(error, file);
  });
  try {
    const seen = new Uint8Array(route.commit.pages + 1);
    // From the newest to the oldest: a page that was written is final, so that each is written once.
    for (const segment of [...route.segments].reverse()) {
      throwIfCancelled(context.signal);
      const place = { databaseId, epoch: route.epoch.id };
      const wanted = { after: route.baseTx, upTo: route.tx };
      const { pageSizeBytes, newest: pages } = await readPages(repository, place, segment, wanted);
      for (const page of pages.keys()) {
        if (page >= seen.length || seen[page] === 1) pages.delete(page);
        else seen[page] = 1;
      }
      writePages(handle.fd, pageSizeBytes, pages);
      task.advance(segment.sizeBytes);
    }
    const pageSizeBytes = route.lineage.at(-1)?.database.pageSizeBytes ?? 0;
    await handle.truncate(route.commit.pages * pageSizeBytes);
    await handle.sync();
    return { bytesRead: total, commits: route.tx - route.baseTx, pageCount: route.commit.pages };
  } catch (error) {
    throw fromStorage(error, file);
  } finally {
    await handle.close();
    task.done();
  }
}

/** Neighbouring pages go out in one write. */
function writePages(descriptor: number, pageSizeBytes: number, pages: ReadonlyMap<number, Uint8Array>): void {
  const numbers = [...pages.keys()].sort((a, b) => a - b);
  for (let start = 0; start < numbers.length; ) {
    let end = start + 1;
    while (end - start < pagesPerWrite && numbers[end] === (numbers[end - 1] as number) + 1) end++;
    const parts = numbers.slice(start, end).map((page) => pages.get(page) as Uint8Array);
    const bytes = parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
    const offset = ((numbers[start] as number) - 1) * pageSizeBytes;
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(descriptor, bytes, done, bytes.length - done, offset + done);
    }
    start = end;
  }
}

const pagesPerWrite = 256;

import { type FileHandle, open } from 'node:fs/promises';
import type { Repository } from '../backup/repository/repository.ts';
import { readSegment } from '../backup/wal-archive/epoch.ts';
import { brokenArchive, newestPages } from '../backup/wal-archive/segment-frames.ts';
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
    let previous: string | null | undefined;
    for (const segment of route.segments) {
      throwIfCancelled(context.signal);
      const { header, blocks } = await readSegment(repository, { databaseId, epoch: route.epoch.id }, segment);
      if (header.epoch !== route.epoch.id || header.firstTx !== segment.firstTx)
        throw brokenArchive('a segment is misplaced');
      if (previous !== undefined && header.previous !== previous)
        throw brokenArchive('a segment does not follow the one before');
      previous = segment.digest;
      await writePages(handle, header.pageSizeBytes, newestPages({ header, blocks }, route.baseTx, route.tx));
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

async function writePages(handle: FileHandle, pageSizeBytes: number, pages: Map<number, Uint8Array>): Promise<void> {
  for (const page of [...pages.keys()].sort((a, b) => a - b)) {
    const bytes = pages.get(page) as Uint8Array;
    const offset = (page - 1) * pageSizeBytes;
    for (let done = 0; done < bytes.length; ) {
      done += (await handle.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
    }
  }
}

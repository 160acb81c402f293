import { open } from 'node:fs/promises';
import { chunkProblemText } from '../backup/chunk/chunk-task.ts';
import { InFlight } from '../backup/chunk/in-flight.ts';
import { type ChunkEntry, pageAt, pageCountOf } from '../backup/chunk/pack-format.ts';
import { type PageIndex, stateDigest } from '../backup/chunk/page-index.ts';
import type { Manifest } from '../backup/manifest/manifest.ts';
import { packKey } from '../backup/repository/object-name.ts';
import type { Repository } from '../backup/repository/repository.ts';
import type { OperationContext } from '../context.ts';
import { TradedbError, throwIfCancelled } from '../error.ts';
import { fingerprintBytes } from '../file-format/page-fingerprint.ts';
import { fromStorage } from '../storage/storage-error.ts';
import { type LocatedPack, type PageMap, readPageMap } from './page-map.ts';
import { RestorePool } from './restore-pool.ts';

export interface ApplyRequest {
  readonly repository: Repository;
  /** The full point first, the wanted one last. */
  readonly lineage: readonly Manifest[];
  /** New file; it must not exist. */
  readonly file: string;
  readonly workers: number;
  /** Only these pages are written; the others stay holes in the file. */
  readonly pages?: { has(page: number): boolean };
}

/** A file that exists in its size, and the threads that write into it. */
interface Target {
  readonly pool: RestorePool;
  /** Its pages are there already. */
  readonly over?: { has(page: number): boolean };
}

export interface Applied {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly digest: string;
  readonly index: PageIndex;
}

/**
 * Writes the state of a point into a new file, each page once. Stored bytes, contents and the fingerprint of every page
 * are checked before they are written; the file is flushed at the end.
 */
export async function applyPoint(request: ApplyRequest, context: OperationContext): Promise<Applied> {
  const { pageSizeBytes, pageCount } = (request.lineage.at(-1) as Manifest).database;
  await createSized(request.file, pageCount * pageSizeBytes);
  const pool = new RestorePool(request.workers);
  try {
    const applied = await applyInto(request, { pool }, context);
    await flush(request.file);
    return applied;
  } finally {
    await pool.close();
  }
}

/** The same into a file that exists; nothing is flushed. */
export async function applyInto(
  request: ApplyRequest,
  { pool, over }: Target,
  context: OperationContext,
): Promise<Applied> {
  const { repository, lineage } = request;
  const point = lineage.at(-1) as Manifest;
  const index = await repository.pageIndex(lineage);
  const { pageSizeBytes, pageCount } = point.database;
  if (index.pageCount !== pageCount || index.pageSizeBytes !== pageSizeBytes || stateDigest(index) !== point.digest) {
    throw new TradedbError('checksum_mismatch', `the page index of backup ${point.id} differs from its manifest`);
  }
  const map = await readPageMap(repository, lineage, pageCount);
  const bytesWritten = pageCount * pageSizeBytes;
  const isWanted = (page: number): boolean => request.pages?.has(page) !== false && over?.has(page) !== true;
  const task = context.progress.start({ id: 'restore', label: 'restoring', unit: 'bytes', total: bytesWritten });
  const inFlight = new InFlight(pool.size * 2);
  let bytesRead = 0;
  try {
    for (const located of map.packs) {
      for (const [number, chunk] of located.footer.chunks.entries()) {
        throwIfCancelled(context.signal);
        const selected = newestOf(chunk, located.member, map, isWanted);
        if (selected.length === 0) continue;
        await inFlight.add(async () => {
          await applyChunk({ ...request, index, pool }, located, { number, chunk, selected });
          bytesRead += chunk.storedBytes;
          task.advance(selected.length * pageSizeBytes);
        });
      }
    }
    await inFlight.finish();
  } finally {
    await inFlight.settle();
    task.done();
  }
  return { bytesRead, bytesWritten, digest: point.digest, index };
}

async function applyChunk(
  request: ApplyRequest & { index: PageIndex; pool: RestorePool },
  { point, pack }: LocatedPack,
  { number, chunk, selected }: { number: number; chunk: ChunkEntry; selected: readonly number[] },
): Promise<void> {
  const key = packKey(point.database.id, point.id, pack.name);
  const range = { offset: chunk.offset, length: chunk.storedBytes };
  const stored = await request.repository.storage.read(key, range);
  const content = {
    pages: chunk.pages,
    pageSizeBytes: point.database.pageSizeBytes,
    selected,
    expected: fingerprintsFor(chunk, selected, request.index),
    writeTo: request.file,
  };
  const outcome = await request.pool.chunk({ ...chunk, stored, content });
  if (outcome === null) return;
  throw new TradedbError('checksum_mismatch', `${key} chunk ${number}: ${chunkProblemText[outcome.problem]}`, {
    hint: 'nothing was changed; restore another backup (tradedb backup list), and see: tradedb backup verify',
    details: { key, chunk: number },
  });
}

/** Indexes of the pages of a chunk that no later member of the lineage replaces. */
function newestOf(
  chunk: ChunkEntry,
  member: number,
  { newest }: PageMap,
  isWanted: (page: number) => boolean,
): number[] {
  const selected: number[] = [];
  for (let index = 0; index < pageCountOf(chunk.pages); index++) {
    const page = pageAt(chunk.pages, index);
    if (newest[page - 1] === member && isWanted(page)) selected.push(index);
  }
  return selected;
}

function fingerprintsFor(chunk: ChunkEntry, selected: readonly number[], index: PageIndex): Uint8Array {
  const expected = new Uint8Array(selected.length * fingerprintBytes);
  for (const [slot, position] of selected.entries()) {
    const start = (pageAt(chunk.pages, position) - 1) * fingerprintBytes;
    expected.set(index.fingerprints.subarray(start, start + fingerprintBytes), slot * fingerprintBytes);
  }
  return expected;
}

export async function createSized(file: string, sizeBytes: number): Promise<void> {
  try {
    const handle = await open(file, 'wx');
    try {
      await handle.truncate(sizeBytes);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fromStorage(error, file);
  }
}

export async function flush(file: string): Promise<void> {
  try {
    const handle = await open(file, 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fromStorage(error, file);
  }
}

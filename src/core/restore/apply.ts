import { open } from 'node:fs/promises';
import { ChunkPool } from '../backup/chunk/chunk-pool.ts';
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

export interface ApplyRequest {
  readonly repository: Repository;
  /** The full point first, the wanted one last. */
  readonly lineage: readonly Manifest[];
  /** New file; it must not exist. */
  readonly file: string;
  readonly workers: number;
  /** Only these pages are written; the others stay holes in the file. */
  readonly pages?: ReadonlySet<number>;
}

export interface Applied {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly digest: string;
}

/**
 * Writes the state of a point into a new file, each page once. Stored bytes, contents and the fingerprint of every page
 * are checked before they are written; the file is flushed at the end.
 */
export async function applyPoint(request: ApplyRequest, context: OperationContext): Promise<Applied> {
  const { repository, lineage, file } = request;
  const point = lineage.at(-1) as Manifest;
  const index = await repository.pageIndex(lineage);
  const { pageSizeBytes, pageCount } = point.database;
  if (index.pageCount !== pageCount || index.pageSizeBytes !== pageSizeBytes || stateDigest(index) !== point.digest) {
    throw new TradedbError('checksum_mismatch', `the page index of backup ${point.id} differs from its manifest`);
  }
  const map = await readPageMap(repository, lineage, pageCount);
  const bytesWritten = pageCount * pageSizeBytes;
  await createSized(file, bytesWritten);
  const task = context.progress.start({ id: 'restore', label: 'restoring', unit: 'bytes', total: bytesWritten });
  const pool = new ChunkPool(request.workers);
  const inFlight = new InFlight(pool.size * 2);
  let bytesRead = 0;
  try {
    for (const located of map.packs) {
      for (const [number, chunk] of located.footer.chunks.entries()) {
        throwIfCancelled(context.signal);
        const selected = newestOf(chunk, located.member, map, request.pages);
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
    await pool.close();
    task.done();
  }
  await flush(file);
  return { bytesRead, bytesWritten, digest: point.digest };
}

async function applyChunk(
  request: ApplyRequest & { index: PageIndex; pool: ChunkPool },
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
  const outcome = await request.pool.run({ ...chunk, stored, content });
  if (outcome === null) return;
  throw new TradedbError('checksum_mismatch', `${key} chunk ${number}: ${chunkProblemText[outcome.problem]}`, {
    hint: 'nothing was changed; restore another backup (tradedb backup list), and see: tradedb backup verify',
    details: { key, chunk: number },
  });
}

/** Indexes of the pages of a chunk that no later member of the lineage replaces. */
function newestOf(chunk: ChunkEntry, member: number, { newest }: PageMap, wanted?: ReadonlySet<number>): number[] {
  const selected: number[] = [];
  for (let index = 0; index < pageCountOf(chunk.pages); index++) {
    const page = pageAt(chunk.pages, index);
    if (newest[page - 1] === member && wanted?.has(page) !== false) selected.push(index);
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

async function createSized(file: string, sizeBytes: number): Promise<void> {
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

async function flush(file: string): Promise<void> {
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

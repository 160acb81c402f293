import { closeSync, fstatSync, openSync, readdirSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TradedbError } from '../../error.ts';
import { readFully } from '../../file-access/live-files.ts';
import type { PageSource } from '../../file-access/page-source.ts';
import type { SnapshotView } from '../../file-access/snapshot-view.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Codec } from '../chunk/codec.ts';
import { decodeFooter, hex, type PackFooter, packTrailerBytes, sha256 } from '../chunk/pack-format.ts';
import type { FinishedPack } from '../chunk/pack-writer.ts';
import { pagesPerChunk } from '../chunk/page-index.ts';

/** Packs that an interrupted full backup has finished: their pages need not be compressed and written again. */

/** Saves the finished packs of attempts that died; they lie in a folder that is not cleared before they are used. */
export async function keepFinishedPacks(storage: Storage, databaseId: string): Promise<readonly string[]> {
  const kept = await storage.stagingFolder(`${databaseId}-resume`);
  const fresh = await storage.stagingFolder(databaseId);
  const files: string[] = [];
  for (const group of [dirname(fresh), dirname(kept)]) {
    for (const attempt of namesIn(group)) {
      const folder = join(group, attempt);
      if (folder === kept || folder === fresh) continue;
      for (const name of namesIn(folder).filter((one) => one.endsWith('.pack'))) {
        const file = join(kept, `${files.length}.pack`);
        await mkdir(kept, { recursive: true });
        await rename(join(folder, name), file);
        files.push(file);
      }
    }
  }
  return files;
}

/** What was kept and not used goes. */
export function dropKeptPacks(storage: Storage, databaseId: string): Promise<void> {
  return storage.removeUnfinished(`${databaseId}-resume`);
}

/**
 * The packs of which every page is as it was: each chunk is read and compared with its sha256. Marks their chunks in
 * `reused`, one byte for each. Must run under the pin of the snapshot.
 */
export function reusablePacks(
  files: readonly string[],
  { view, source, codec }: { view: SnapshotView; source: PageSource; codec: Codec },
  reused: Uint8Array,
): FinishedPack[] {
  const packs: FinishedPack[] = [];
  const buffer = new Uint8Array(pagesPerChunk * view.pageSizeBytes);
  for (const file of files) {
    const pack = readFooter(file);
    if (pack === undefined) continue;
    const chunks: number[] = [];
    let pages = 0;
    const same = pack.footer.chunks.every((chunk) => {
      if (!('firstPage' in chunk.pages) || (chunk.codec !== codec.name && chunk.codec !== 'none')) return false;
      const { firstPage, count } = chunk.pages;
      const number = (firstPage - 1) / pagesPerChunk;
      const whole = Math.min(pagesPerChunk, view.pageCount - firstPage + 1);
      const plain = buffer.subarray(0, count * view.pageSizeBytes);
      if (!Number.isInteger(number) || count !== whole || plain.length !== chunk.plainBytes) return false;
      if (reused[number] === 1) return false;
      source.read(firstPage, count, plain);
      if (Buffer.compare(sha256(plain), chunk.sha256Plain) !== 0) return false;
      chunks.push(number);
      pages += count;
      return true;
    });
    if (!same) continue;
    for (const number of chunks) reused[number] = 1;
    packs.push({ file, name: pack.name, sizeBytes: pack.sizeBytes, chunks: chunks.length, pages });
  }
  return packs;
}

/** Undefined for a file that is no whole pack: the one that was being written. */
function readFooter(file: string): { footer: PackFooter; name: string; sizeBytes: number } | undefined {
  const descriptor = openSync(file, 'r');
  try {
    const sizeBytes = fstatSync(descriptor).size;
    if (sizeBytes < packTrailerBytes) return undefined;
    const trailer = readFully(descriptor, new Uint8Array(packTrailerBytes), sizeBytes - packTrailerBytes);
    const length = Buffer.from(trailer).readUInt32LE(0);
    if (length > sizeBytes - packTrailerBytes) return undefined;
    const body = readFully(descriptor, new Uint8Array(length), sizeBytes - packTrailerBytes - length);
    const name = hex(trailer.subarray(4, 36));
    return { footer: decodeFooter(body, name, sizeBytes), name, sizeBytes };
  } catch (error) {
    if (error instanceof TradedbError || error instanceof RangeError) return undefined;
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

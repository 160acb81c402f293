import { PageSource } from '../../file-access/page-source.ts';
import { fingerprintBytes, sameFingerprint, writeFingerprints } from '../../file-format/page-fingerprint.ts';
import type { ChunkEntry } from '../chunk/pack-format.ts';
import { sha256 } from '../chunk/pack-format.ts';
import { PackWriter } from '../chunk/pack-writer.ts';
import { chunkCount, pagesPerChunk } from '../chunk/page-index.ts';
import { slot, type ThreadJob, type ThreadResult } from './pack-job.ts';

const digestBytes = 32;

/** Takes chunk after chunk until none is left: read, fingerprint, hash, compress, append to the thread's own packs. */
export function packChunks(job: ThreadJob, newSalt: () => Uint8Array): ThreadResult {
  const { view, state } = job;
  const source = new PageSource(view, { path: job.path, ...job.descriptors }, state.subarray(slot.generationGone, 1));
  const writer = new PackWriter(job.stagingFolder, `thread-${job.thread}`, newSalt);
  const buffer = new Uint8Array(pagesPerChunk * view.pageSizeBytes);
  const total = chunkCount(view.pageCount);
  let storedPages = 0;
  let storedBytes = 0;

  for (;;) {
    const chunk = Atomics.add(state, slot.nextChunk, 1);
    if (chunk >= total || Atomics.load(state, slot.stop) === 1) break;
    const firstPage = chunk * pagesPerChunk + 1;
    const count = Math.min(pagesPerChunk, view.pageCount - firstPage + 1);
    const plain = buffer.subarray(0, count * view.pageSizeBytes);
    source.read(firstPage, count, plain);
    const digest = sha256(plain);
    job.chunkDigests.set(digest, chunk * digestBytes);
    writeFingerprints(plain, view.pageSizeBytes, job.fingerprints, (firstPage - 1) * fingerprintBytes);
    const pages = job.reused[chunk] === 1 ? undefined : pagesToStore(job, chunk, count, digest);
    if (pages !== undefined) {
      const body = Array.isArray(pages) ? gather(plain, pages as number[], firstPage, view.pageSizeBytes) : plain;
      const stored = writer.store({ pages, body, digest: body === plain ? digest : sha256(body) }, job.codec);
      storedPages += Array.isArray(pages) ? pages.length : count;
      storedBytes += stored;
      Atomics.add(state, slot.storedKiB, Math.round(stored / 1024));
    }
    Atomics.add(state, slot.pagesRead, count);
  }
  writer.finish();
  return { packs: writer.finished, storedPages, storedBytes };
}

/** Undefined: nothing of the chunk changed since the base. Equal sha256 is proof; fingerprints only pick the pages. */
function pagesToStore(
  job: ThreadJob,
  chunk: number,
  count: number,
  digest: Uint8Array,
): ChunkEntry['pages'] | undefined {
  const firstPage = chunk * pagesPerChunk + 1;
  const whole = { firstPage, count };
  const { base } = job;
  if (base === null) return whole;
  const sameLength = firstPage + count - 1 === Math.min(firstPage + pagesPerChunk - 1, base.pageCount);
  const before = base.chunkDigests.subarray(chunk * digestBytes, (chunk + 1) * digestBytes);
  if (sameLength && Buffer.compare(before, digest) === 0) return undefined;
  const changed: number[] = [];
  for (let page = firstPage; page < firstPage + count; page++) {
    const same = page <= base.pageCount && sameFingerprint(base.fingerprints, page - 1, job.fingerprints, page - 1);
    if (!same) changed.push(page);
  }
  // A chunk that was changed through archived commits has no digest: its fingerprints have to do.
  if (changed.length === 0 && sameLength && before.every((byte) => byte === 0)) return undefined;
  // Pages that only went away at the end change the digest too; the page count of the point says so.
  if (changed.length === 0 && !sameLength && base.pageCount > firstPage + count - 1) return undefined;
  return changed.length === 0 || changed.length === count ? whole : changed;
}

function gather(plain: Uint8Array, pages: readonly number[], firstPage: number, pageSizeBytes: number): Uint8Array {
  const body = new Uint8Array(pages.length * pageSizeBytes);
  for (const [index, page] of pages.entries()) {
    const start = (page - firstPage) * pageSizeBytes;
    body.set(plain.subarray(start, start + pageSizeBytes), index * pageSizeBytes);
  }
  return body;
}

import { writeSync } from 'node:fs';
import type { OutputFiles } from '../backup/chunk/check-chunk.ts';
import type { ArchivedSegment } from '../backup/wal-archive/chain.ts';
import { brokenArchive } from '../backup/wal-archive/segment-frames.ts';
import { pagesOf, type SegmentPlace, type WantedCommits } from '../backup/wal-archive/segment-reading.ts';
import { fingerprintBytes, writeFingerprints } from '../file-format/page-fingerprint.ts';

/** A segment whose pages are written where no newer one has written them; several threads do this at a time. */
export interface SegmentTask {
  readonly stored: Uint8Array;
  readonly place: SegmentPlace;
  readonly segment: ArchivedSegment;
  readonly wanted: WantedCommits;
  /** 1 is the newest segment of the route. */
  readonly rank: number;
  readonly pageSizeBytes: number;
  readonly file: string;
  /** Shared. For page n at n: the rank of the segment whose version is in the file, 0 for none. Its length limits the pages. */
  readonly ranks: Int32Array;
  /** Shared: fingerprints of the pages that were written. */
  readonly fingerprints: Uint8Array;
}

const pagesPerWrite = 256;
/** Added to the rank while a page is being written. */
const writing = 1 << 30;

/** Every frame is checked before the first page is written. */
export function writeSegment(task: SegmentTask, files: OutputFiles): void {
  const { newest: pages, pageSizeBytes } = pagesOf(task.stored, task.place, task.segment, task.wanted);
  if (pageSizeBytes !== task.pageSizeBytes) throw brokenArchive('a segment has another page size');
  const numbers = [...pages.keys()].filter((page) => page < task.ranks.length).sort((a, b) => a - b);
  const run = Buffer.allocUnsafeSlow(Math.max(1, Math.min(pagesPerWrite, numbers.length)) * task.pageSizeBytes);
  const descriptor = files.descriptor(task.file);
  let first = 0;
  let count = 0;
  const flush = (): void => {
    if (count > 0) writeRun(task, descriptor, first, run.subarray(0, count * task.pageSizeBytes));
    count = 0;
  };
  for (const page of numbers) {
    if (count === pagesPerWrite || page !== first + count) flush();
    if (!claim(task.ranks, page, task.rank)) {
      flush();
      continue;
    }
    if (count === 0) first = page;
    run.set(pages.get(page) as Uint8Array, count * task.pageSizeBytes);
    count += 1;
  }
  flush();
}

/** Pages are claimed in ascending order and given back after each write, so no two threads wait for each other. */
function claim(ranks: Int32Array, page: number, rank: number): boolean {
  for (;;) {
    const now = Atomics.load(ranks, page);
    if (now >= writing) {
      Atomics.wait(ranks, page, now, 100);
      continue;
    }
    if (now !== 0 && now < rank) return false;
    if (Atomics.compareExchange(ranks, page, now, rank + writing) === now) return true;
  }
}

/** Neighbouring pages go out in one write. */
function writeRun(
  { ranks, rank, pageSizeBytes, fingerprints }: SegmentTask,
  descriptor: number,
  first: number,
  bytes: Uint8Array,
): void {
  const offset = (first - 1) * pageSizeBytes;
  try {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(descriptor, bytes, done, bytes.length - done, offset + done);
    }
    writeFingerprints(bytes, pageSizeBytes, fingerprints, (first - 1) * fingerprintBytes);
  } finally {
    // Also when the disk is full: nobody may wait for a page for ever.
    for (let page = first; page < first + bytes.length / pageSizeBytes; page++) {
      Atomics.store(ranks, page, rank);
      Atomics.notify(ranks, page);
    }
  }
}

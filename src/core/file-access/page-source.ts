import { TradedbError } from '../error.ts';
import { lockBytePage } from '../file-format/database-header.ts';
import { walFrameHeaderBytes, walFrameOffset } from '../file-format/wal-frame.ts';
import { readFully } from './live-files.ts';
import type { SnapshotView } from './snapshot-view.ts';

/** Shared between the threads that read one snapshot: slot 0 becomes 1 when the WAL generation is gone. */
export type SnapshotState = Int32Array;

export interface PageSourceFiles {
  readonly path: string;
  readonly database: number;
  readonly wal: number | undefined;
}

/**
 * Reads pages of a snapshot: the file, and over it the newest frames of the WAL. When a writer restarts the WAL
 * meanwhile, everything of the snapshot is in the file already (otherwise the pin would have stopped it), so the frames
 * are not needed any more.
 */
export class PageSource {
  readonly #view: SnapshotView;
  readonly #files: PageSourceFiles;
  readonly #state: SnapshotState;
  readonly #salts = new Uint8Array(8);
  readonly #lockPage: number;

  constructor(view: SnapshotView, files: PageSourceFiles, state: SnapshotState) {
    this.#view = view;
    this.#files = files;
    this.#state = state;
    this.#lockPage = lockBytePage(view.pageSizeBytes);
  }

  /** Fills `target` with `count` pages from `firstPage` (from 1). */
  read(firstPage: number, count: number, target: Uint8Array): void {
    if (this.#generationIsGone()) {
      this.#readFile(firstPage, count, target, () => false);
      return;
    }
    const { overlayPages, overlayFrames, pageSizeBytes } = this.#view;
    const start = lowerBound(overlayPages, firstPage);
    let end = start;
    while (end < overlayPages.length && (overlayPages[end] as number) < firstPage + count) end++;
    const covered = new Set(overlayPages.subarray(start, end));
    this.#readFile(firstPage, count, target, (page) => covered.has(page));
    for (let slot = start; slot < end; slot++) {
      const offset = ((overlayPages[slot] as number) - firstPage) * pageSizeBytes;
      this.#readFrame(overlayFrames[slot] as number, target.subarray(offset, offset + pageSizeBytes));
    }
    if (end > start && !this.#saltsAreSame()) {
      Atomics.store(this.#state, 0, 1);
      this.#readFile(firstPage, count, target, () => false);
    }
  }

  #generationIsGone(): boolean {
    return Atomics.load(this.#state, 0) === 1;
  }

  #readFrame(frame: number, page: Uint8Array): void {
    const offset = walFrameOffset(frame, this.#view.pageSizeBytes) + walFrameHeaderBytes;
    // A frame that is not there any more belongs to a WAL that was restarted; the salts tell, and the file is read.
    readFully(this.#files.wal as number, page, offset);
  }

  /** A restart writes the header before its first frame: equal salts after reading prove the frames that were read. */
  #saltsAreSame(): boolean {
    if (readFully(this.#files.wal as number, this.#salts, 16).length < 8) return false;
    const salts = new DataView(this.#salts.buffer);
    const position = this.#view.position;
    return salts.getUint32(0) === position?.salt1 && salts.getUint32(4) === position.salt2;
  }

  #readFile(firstPage: number, count: number, target: Uint8Array, covered: (page: number) => boolean): void {
    const { pageSizeBytes } = this.#view;
    const there = readFully(this.#files.database, target, (firstPage - 1) * pageSizeBytes).length;
    if (there < target.length) this.#fillMissing(firstPage, count, target, { there, covered });
    // SQLite never reads or writes the page of the lock bytes.
    if (this.#lockPage >= firstPage && this.#lockPage < firstPage + count) {
      const offset = (this.#lockPage - firstPage) * pageSizeBytes;
      target.fill(0, offset, offset + pageSizeBytes);
    }
  }

  /**
   * Behind the end of the file lie pages that are in the WAL only, and pages that were allocated and never written
   * (zeros for SQLite). A page that the header counts and no frame holds is lost.
   */
  #fillMissing(
    firstPage: number,
    count: number,
    target: Uint8Array,
    { there, covered }: { there: number; covered: (page: number) => boolean },
  ): void {
    const { header, pageSizeBytes } = this.#view;
    const countedPages = header.pageCountValid ? header.pageCount : 0;
    for (let page = firstPage + Math.floor(there / pageSizeBytes); page < firstPage + count; page++) {
      if (page > countedPages || covered(page) || page === this.#lockPage) continue;
      throw new TradedbError(
        'database_corrupt',
        `${JSON.stringify(this.#files.path)} is cut off: page ${page} of ${countedPages} is missing`,
        { hint: 'see: tradedb health --full, or restore the newest backup: tradedb restore --replace' },
      );
    }
    target.fill(0, there);
  }
}

/** First index whose value is not below `wanted`. */
function lowerBound(values: Uint32Array, wanted: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] as number) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

import type { LiveFiles } from '../../file-access/live-files.ts';
import {
  parseWalFrameHeader,
  walFrameBytes,
  walFrameHeaderBytes,
  walFrameOffset,
} from '../../file-format/wal-frame.ts';
import type { WalIndexHeader } from '../../file-format/wal-index-header.ts';

interface FrameSink {
  /** `page` is empty where only the number is known. */
  frame(pageNumber: number, isCommit: boolean, page: Uint8Array): void;
  /** Frames since the last commit frame belong to nothing: the generation ended before they were committed. */
  discard(): void;
}

/** Where the frames that were written since the last look come from. */
export interface FrameSource {
  /** The first look only takes the position. Returns how many of the new commits it saw. */
  read(index: WalIndexHeader, sink: FrameSink, newCommits: number): number;
}

interface Position {
  readonly salt1: number;
  readonly salt2: number;
  readonly frame: number;
}

const framesPerRead = 64;
/** More new frames than this in one look are skipped, oldest first: they cost more than they tell. */
const mostFrames = 4000;

/**
 * Reads the frames that were written since the last look. After a restart of the WAL the rest of the old generation is
 * still there, behind the new frames, until it is overwritten.
 */
export class FrameReader implements FrameSource {
  readonly #files: LiveFiles;
  #position: Position | undefined;

  constructor(files: LiveFiles) {
    this.#files = files;
  }

  read(index: WalIndexHeader, sink: FrameSink): number {
    const { salt1, salt2, maxFrame, pageSizeBytes } = index;
    const known = this.#position;
    this.#position = { salt1, salt2, frame: maxFrame };
    if (known === undefined || pageSizeBytes === 0) return 0;
    this.#files.refresh('wal');
    const same = known.salt1 === salt1 && known.salt2 === salt2;
    if (same) return this.#range(index, known.frame + 1, maxFrame, sink);
    const old = { ...known, pageSizeBytes };
    const rest = this.#range(old, known.frame + 1, known.frame + mostFrames, sink);
    sink.discard();
    return rest + this.#range(index, 1, maxFrame, sink);
  }

  /** Frames of one generation; ends at the first one of another. */
  #range(
    wal: { readonly salt1: number; readonly salt2: number; readonly pageSizeBytes: number },
    first: number,
    last: number,
    sink: FrameSink,
  ): number {
    const size = walFrameBytes(wal.pageSizeBytes);
    let commits = 0;
    for (let frame = Math.max(first, last - mostFrames + 1); frame <= last; frame += framesPerRead) {
      const count = Math.min(framesPerRead, last - frame + 1);
      const bytes = this.#files.read('wal', walFrameOffset(frame, wal.pageSizeBytes), count * size);
      for (let at = 0; at + size <= bytes.length; at += size) {
        const header = parseWalFrameHeader(bytes, at);
        if (header.salt1 !== wal.salt1 || header.salt2 !== wal.salt2) return commits;
        const isCommit = header.pagesAfterCommit > 0;
        if (isCommit) commits += 1;
        sink.frame(header.pageNumber, isCommit, bytes.subarray(at + walFrameHeaderBytes, at + size));
      }
      if (bytes.length < count * size) return commits;
    }
    return commits;
  }
}

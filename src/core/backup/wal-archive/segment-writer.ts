import { rmSync } from 'node:fs';
import type { WalPosition } from '../../file-access/snapshot-view.ts';
import type { WalChainPosition } from '../../file-format/wal-frame.ts';
import { BlockFile } from './block-file.ts';
import {
  encodeSegmentFooter,
  encodeSegmentHeader,
  type SegmentCommit,
  type SegmentHeader,
  type SegmentName,
} from './segment-format.ts';

/** A segment that lies finished and flushed in the staging folder. */
export interface FinishedSegment extends SegmentName {
  readonly file: string;
  readonly sizeBytes: number;
  readonly frames: number;
  readonly lastNotAfter: number;
  /** Digest of the segment before; null for the first one of an epoch. */
  readonly previous: string | null;
  /** Where the next segment goes on. */
  readonly end: WalPosition;
}

const blockBytes = 1024 * 1024;
/** A segment of a quiet second fits; a larger one gets the whole block. */
const firstBlockBytes = 128 * 1024;
/** The fastest: it must keep up with the writers. */
const compressionLevel = 1;

/** Writes one segment as its frames come in; memory stays at one block, however large a transaction is. */
export class SegmentWriter {
  readonly header: SegmentHeader;
  readonly #file: BlockFile;
  readonly #commits: SegmentCommit[] = [];
  #block: Uint8Array;
  /** Off while the writers are faster than the compression: what counts then is that the WAL does not grow. */
  compress = true;
  #filled = 0;
  #position: WalChainPosition;

  constructor(file: string, header: SegmentHeader) {
    this.header = header;
    this.#position = { frame: header.firstFrame - 1, checksum1: header.seed1, checksum2: header.seed2 };
    this.#block = new Uint8Array(Math.max(firstBlockBytes, header.pageSizeBytes + 24));
    this.#file = new BlockFile(file);
    this.#file.write(encodeSegmentHeader(header));
  }

  get plainBytes(): number {
    return (this.#position.frame - this.header.firstFrame + 1) * (this.header.pageSizeBytes + 24);
  }

  get lastTx(): number {
    return this.header.firstTx + this.#commits.length - 1;
  }

  /** Takes the next frame; `commit` when it ends a transaction. */
  append(frame: Uint8Array, position: WalChainPosition, commit: SegmentCommit | undefined): void {
    if (this.#filled + frame.length > this.#block.length) this.#makeRoom();
    this.#block.set(frame, this.#filled);
    this.#filled += frame.length;
    this.#position = position;
    if (commit !== undefined) this.#commits.push(commit);
  }

  /** Ends the segment and flushes it; only behind a commit. */
  finish(): FinishedSegment {
    this.#writeBlock();
    const { frame, checksum1, checksum2 } = this.#position;
    this.#file.write(
      encodeSegmentFooter({
        lastTx: this.lastTx,
        lastFrame: frame,
        checksum1,
        checksum2,
        blockBytes: this.#file.blocksBytes,
        commits: this.#commits,
      }),
    );
    const { digest, sizeBytes } = this.#file.finish();
    return {
      file: this.#file.path,
      firstTx: this.header.firstTx,
      lastTx: this.lastTx,
      digest,
      merged: null,
      sizeBytes,
      frames: frame - this.header.firstFrame + 1,
      lastNotAfter: this.#commits.at(-1)?.notAfter ?? 0,
      previous: this.header.previous,
      end: { salt1: this.header.salt1, salt2: this.header.salt2, frame, checksum1, checksum2 },
    };
  }

  /** Throws the unfinished segment away. */
  discard(): void {
    this.#file.close();
    rmSync(this.#file.path, { force: true });
  }

  #makeRoom(): void {
    if (this.#block.length >= blockBytes) {
      this.#writeBlock();
      return;
    }
    const larger = new Uint8Array(Math.max(blockBytes, this.header.pageSizeBytes + 24));
    larger.set(this.#block.subarray(0, this.#filled));
    this.#block = larger;
    if (this.#filled + this.header.pageSizeBytes + 24 > larger.length) this.#writeBlock();
  }

  #writeBlock(): void {
    this.#file.writeBlock(this.#block.subarray(0, this.#filled), this.compress ? compressionLevel : null);
    this.#filled = 0;
  }
}

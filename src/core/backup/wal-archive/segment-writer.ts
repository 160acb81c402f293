import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { constants, zstdCompressSync } from 'node:zlib';
import type { WalPosition } from '../../file-access/snapshot-view.ts';
import type { WalChainPosition } from '../../file-format/wal-frame.ts';
import { fromStorage } from '../../storage/storage-error.ts';
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

/** Writes one segment as its frames come in; memory stays at one block, however large a transaction is. */
export class SegmentWriter {
  readonly header: SegmentHeader;
  readonly #file: string;
  readonly #descriptor: number;
  readonly #hash = createHash('sha256');
  readonly #commits: SegmentCommit[] = [];
  #block: Uint8Array;
  /** Off while the writers are faster than the compression: what counts then is that the WAL does not grow. */
  compress = true;
  #filled = 0;
  #blocksBytes = 0;
  #size = 0;
  #position: WalChainPosition;

  constructor(file: string, header: SegmentHeader) {
    this.header = header;
    this.#file = file;
    this.#position = { frame: header.firstFrame - 1, checksum1: header.seed1, checksum2: header.seed2 };
    this.#block = new Uint8Array(Math.max(firstBlockBytes, header.pageSizeBytes + 24));
    this.#descriptor = this.#guard(() => openSync(file, 'wx'));
    this.#write(encodeSegmentHeader(header));
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
    this.#write(
      encodeSegmentFooter({
        lastTx: this.lastTx,
        lastFrame: frame,
        checksum1,
        checksum2,
        blockBytes: this.#blocksBytes,
        commits: this.#commits,
      }),
    );
    this.#guard(() => {
      fsyncSync(this.#descriptor);
      closeSync(this.#descriptor);
    });
    return {
      file: this.#file,
      firstTx: this.header.firstTx,
      lastTx: this.lastTx,
      digest: this.#hash.digest('hex'),
      merged: null,
      sizeBytes: this.#size,
      frames: frame - this.header.firstFrame + 1,
      lastNotAfter: this.#commits.at(-1)?.notAfter ?? 0,
      previous: this.header.previous,
      end: { salt1: this.header.salt1, salt2: this.header.salt2, frame, checksum1, checksum2 },
    };
  }

  /** Throws the unfinished segment away. */
  discard(): void {
    closeSync(this.#descriptor);
    rmSync(this.#file, { force: true });
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
    if (this.#filled === 0) return;
    const plain = this.#block.subarray(0, this.#filled);
    const packed = this.compress
      ? zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: 1 } })
      : plain;
    const stored = packed.length < plain.length ? packed : plain;
    const head = Buffer.alloc(9);
    head.writeUInt32LE(stored.length, 0);
    head.writeUInt32LE(plain.length, 4);
    head.writeUInt8(stored === plain ? 0 : 1, 8);
    this.#write(head);
    this.#write(stored);
    this.#blocksBytes += head.length + stored.length;
    this.#filled = 0;
  }

  #write(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#guard(() => {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#descriptor, bytes, done, bytes.length - done, this.#size + done);
      }
    });
    this.#size += bytes.length;
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw fromStorage(error, this.#file);
    }
  }
}

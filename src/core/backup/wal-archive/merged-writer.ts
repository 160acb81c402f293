import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { constants, zstdCompressSync } from 'node:zlib';
import { fromStorage } from '../../storage/storage-error.ts';
import { encodeMergedFooter, encodeMergedHeader, type MergedHeader, type MergedState } from './merged-format.ts';

const blockBytes = 1024 * 1024;

/** Writes a segment of merged commits, the pages of the newest state first; memory stays at one block. */
export class MergedWriter {
  readonly #file: string;
  readonly #descriptor: number;
  readonly #hash = createHash('sha256');
  readonly #recordBytes: number;
  readonly #block: Uint8Array;
  #filled = 0;
  #blocksBytes = 0;
  #size = 0;

  constructor(file: string, header: MergedHeader) {
    this.#file = file;
    this.#recordBytes = header.pageSizeBytes + 4;
    this.#block = new Uint8Array(Math.max(1, Math.floor(blockBytes / this.#recordBytes)) * this.#recordBytes);
    this.#descriptor = this.#guard(() => openSync(file, 'wx'));
    this.#write(encodeMergedHeader(header));
  }

  add(pageNumber: number, page: Uint8Array): void {
    if (this.#filled === this.#block.length) this.#writeBlock();
    new DataView(this.#block.buffer).setUint32(this.#filled, pageNumber, true);
    this.#block.set(page, this.#filled + 4);
    this.#filled += this.#recordBytes;
  }

  /** Ends and flushes the file. `states` are in order, with the numbers of pages that were added for each. */
  finish(states: MergedState[]): { readonly digest: string; readonly sizeBytes: number } {
    this.#writeBlock();
    this.#write(encodeMergedFooter({ lastTx: states.at(-1)?.tx ?? 0, blockBytes: this.#blocksBytes, states }));
    this.#guard(() => fsyncSync(this.#descriptor));
    this.close();
    return { digest: this.#hash.digest('hex'), sizeBytes: this.#size };
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #writeBlock(): void {
    if (this.#filled === 0) return;
    const plain = this.#block.subarray(0, this.#filled);
    const packed = zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: 3 } });
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

import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { constants, zstdCompressSync } from 'node:zlib';
import { fromStorage } from '../../storage/storage-error.ts';

/** A new file of a header, blocks, and a footer, as segments of either form are; its digest is known at its end. */
export class BlockFile {
  readonly path: string;
  readonly #descriptor: number;
  readonly #hash = createHash('sha256');
  #blocksBytes = 0;
  #size = 0;

  /** Refuses a path that exists. */
  constructor(path: string) {
    this.path = path;
    this.#descriptor = this.#guard(() => openSync(path, 'wx'));
  }

  /** Bytes of all blocks with their heads. */
  get blocksBytes(): number {
    return this.#blocksBytes;
  }

  /** Bytes as they are: header and footer. */
  write(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#guard(() => {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#descriptor, bytes, done, bytes.length - done, this.#size + done);
      }
    });
    this.#size += bytes.length;
  }

  /** One block behind its head, compressed at this level of zstd where that makes it smaller; null: as it is. */
  writeBlock(plain: Uint8Array, level: number | null): void {
    if (plain.length === 0) return;
    const packed =
      level === null ? plain : zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: level } });
    const stored = packed.length < plain.length ? packed : plain;
    const head = Buffer.alloc(9);
    head.writeUInt32LE(stored.length, 0);
    head.writeUInt32LE(plain.length, 4);
    head.writeUInt8(stored === plain ? 0 : 1, 8);
    this.write(head);
    this.write(stored);
    this.#blocksBytes += head.length + stored.length;
  }

  /** Makes it durable and closes it. */
  finish(): { readonly digest: string; readonly sizeBytes: number } {
    this.#guard(() => fsyncSync(this.#descriptor));
    this.#guard(() => closeSync(this.#descriptor));
    return { digest: this.#hash.digest('hex'), sizeBytes: this.#size };
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw fromStorage(error, this.path);
    }
  }
}

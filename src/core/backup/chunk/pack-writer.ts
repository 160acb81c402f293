import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fromStorage } from '../../storage/storage-error.ts';
import { type Codec, encode } from './codec.ts';
import { type ChunkEntry, encodeFooter, packHeader, pageCountOf, sha256 } from './pack-format.ts';

/** A pack that lies finished and flushed in the staging folder. */
export interface FinishedPack {
  readonly file: string;
  /** Digest of the footer: the name of the object without its extension. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly chunks: number;
  readonly pages: number;
}

const largestPackBytes = 64 * 1024 * 1024;

/** Writes chunks into packs of at most 64 MiB (one larger chunk makes a larger pack). */
export class PackWriter {
  readonly finished: FinishedPack[] = [];
  readonly #folder: string;
  readonly #prefix: string;
  readonly #newSalt: () => Uint8Array;
  #open:
    | { file: string; descriptor: number; salt: Uint8Array; chunks: ChunkEntry[]; bytes: number; pages: number }
    | undefined;
  #count = 0;

  constructor(folder: string, prefix: string, newSalt: () => Uint8Array) {
    this.#folder = folder;
    this.#prefix = prefix;
    this.#newSalt = newSalt;
  }

  /** Compresses a chunk and appends it; returns its stored length. `digest` is the sha256 of the plain bytes. */
  store(chunk: { pages: ChunkEntry['pages']; body: Uint8Array; digest: Uint8Array }, wanted: Codec): number {
    const { pages, body, digest } = chunk;
    const { codec, stored } = encode(body, wanted);
    const sha256Stored = stored === body ? digest : sha256(stored);
    this.#add({ pages, plainBytes: body.length, codec, sha256Stored, sha256Plain: digest }, stored, pageCountOf(pages));
    return stored.length;
  }

  #add(chunk: Omit<ChunkEntry, 'offset' | 'storedBytes'>, stored: Uint8Array, pages: number): void {
    if (this.#open !== undefined && this.#open.bytes + stored.length > largestPackBytes) this.finish();
    const pack = this.#open ?? this.#start();
    pack.chunks.push({ ...chunk, offset: pack.bytes, storedBytes: stored.length });
    this.#append(stored);
    pack.pages += pages;
  }

  /** Ends the pack that is open, if one is. */
  finish(): void {
    const pack = this.#open;
    if (pack === undefined) return;
    const footer = encodeFooter(pack);
    this.#append(footer.bytes);
    this.#guard(pack.file, () => {
      fsyncSync(pack.descriptor);
      closeSync(pack.descriptor);
    });
    this.#open = undefined;
    this.finished.push({
      file: pack.file,
      name: footer.name,
      sizeBytes: pack.bytes,
      chunks: pack.chunks.length,
      pages: pack.pages,
    });
  }

  #start() {
    const file = join(this.#folder, `${this.#prefix}-${this.#count++}.pack`);
    const descriptor = this.#guard(file, () => openSync(file, 'wx'));
    const pack = { file, descriptor, salt: this.#newSalt(), chunks: [], bytes: 0, pages: 0 };
    this.#open = pack;
    this.#append(packHeader(pack.salt));
    return pack;
  }

  #append(bytes: Uint8Array): void {
    const pack = this.#open;
    if (pack === undefined) return;
    this.#guard(pack.file, () => {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(pack.descriptor, bytes, done, bytes.length - done, pack.bytes + done);
      }
    });
    pack.bytes += bytes.length;
  }

  #guard<T>(file: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw fromStorage(error, file);
    }
  }
}

import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { readPart, withFile } from '../../storage/file-part.ts';
import { Spool } from '../../storage/spool.ts';
import type { ByteRange, ObjectInfo, Storage } from '../../storage/storage.ts';
import { fromStorage } from '../../storage/storage-error.ts';
import type { MasterKey } from './master-key.ts';
import {
  decodeSealHeader,
  encodeSealHeader,
  FrameCipher,
  frameBytes,
  plainBytesOf,
  requireStored,
  type SealHeader,
  seal,
  sealedFrameBytes,
  sealHeaderBytes,
  unseal,
} from './sealed-object.ts';

/** Objects whose content follows from pages. The others say who, when and how much, and stay readable without a key. */
const sealedKinds = /\.(pack|pages|wseg)$/;

/** Headers that are remembered, so that reading a pack chunk by chunk asks for its header once. */
const mostHeaders = 256;
const framesAtATime = 128;

export interface EncryptionPorts {
  readonly random: Random;
  readonly stateDirectory: string;
}

/**
 * A storage whose packs, page indexes and segments are encrypted. Sizes and ranges are those of the content, so nobody
 * above has to know. Without a key these objects can be listed, checked against their sha256 and deleted, not read.
 */
export class EncryptedStorage implements Storage {
  readonly kind: Storage['kind'];
  readonly location: string;
  readonly leaseFolder: string | undefined;
  readonly spoolFolder: string | undefined;
  readonly #inner: Storage;
  readonly #master: MasterKey | undefined;
  readonly #ports: EncryptionPorts;
  /** Plain parts are prepared in the state directory, never beside the encrypted ones. */
  readonly #spool: Spool;
  readonly #headers = new Map<string, SealHeader>();

  constructor(inner: Storage, master: MasterKey | undefined, ports: EncryptionPorts) {
    this.kind = inner.kind;
    this.location = inner.location;
    this.leaseFolder = inner.leaseFolder;
    this.spoolFolder = inner.spoolFolder;
    this.#inner = inner;
    this.#master = master;
    this.#ports = ports;
    const unique = Buffer.from(ports.random.bytes(6)).toString('hex');
    this.#spool = new Spool(ports.stateDirectory, `plain ${inner.location}`, unique);
  }

  get isLocked(): boolean {
    return this.#master === undefined;
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    for await (const object of this.#inner.list(prefix)) {
      yield sealedKinds.test(object.key) ? { ...object, sizeBytes: plainBytesOf(object.sizeBytes) } : object;
    }
  }

  async read(key: string, range?: ByteRange): Promise<Uint8Array> {
    if (!sealedKinds.test(key)) return this.#inner.read(key, range);
    const master = this.#key();
    if (range === undefined) return unseal(master, key, await this.#inner.read(key));
    return this.#readRange(master, key, range);
  }

  async write(key: string, body: Uint8Array, options: { ifAbsent?: boolean } = {}): Promise<boolean> {
    if (!sealedKinds.test(key)) return this.#inner.write(key, body, options);
    return this.#inner.write(key, seal(this.#key(), key, body, this.#ports.random.bytes(32)), options);
  }

  async adopt(key: string, file: string): Promise<void> {
    if (!sealedKinds.test(key)) return this.#inner.adopt(key, file);
    const database = key.split('/')[1] ?? '';
    const folder = await this.#inner.stagingFolder(key.endsWith('.wseg') ? `${database}-wal` : database);
    try {
      const sealed = join(folder, 'sealed');
      await this.#sealFile(key, file, sealed);
      await this.#inner.adopt(key, sealed);
      await rm(file, { force: true });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  delete(key: string): Promise<void> {
    this.#headers.delete(key);
    return this.#inner.delete(key);
  }

  stagingFolder(group: string): Promise<string> {
    return this.#spool.folder(group);
  }

  async removeUnfinished(group: string): Promise<void> {
    await this.#spool.clear(group);
    await this.#inner.removeUnfinished(group);
  }

  exclusiveCreate(): Promise<boolean> {
    return this.#inner.exclusiveCreate();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  requireKey(): void {
    this.#key();
  }

  /** Checks every stored byte of an object against its sha256; needs no key. */
  async requireStored(key: string): Promise<void> {
    requireStored(key, await this.#inner.read(key));
  }

  async #readRange(master: MasterKey, key: string, { offset, length }: ByteRange): Promise<Uint8Array> {
    if (length === 0) return new Uint8Array(0);
    const header = await this.#header(key);
    if (offset + length > header.plainBytes) {
      throw new TradedbError('io_error', `${JSON.stringify(key)} in ${this.location} is shorter than expected`);
    }
    const cipher = new FrameCipher(master, header, key);
    const first = Math.floor(offset / frameBytes);
    const last = Math.floor((offset + length - 1) / frameBytes);
    const start = sealHeaderBytes + first * sealedFrameBytes;
    const end = sealHeaderBytes + last * sealedFrameBytes + cipher.plainBytes(last) + sealedFrameBytes - frameBytes;
    const sealed = await this.#inner.read(key, { offset: start, length: end - start });
    const plain = new Uint8Array(length);
    for (let number = first; number <= last; number++) {
      const at = (number - first) * sealedFrameBytes;
      const frame = cipher.open(number, sealed.subarray(at, Math.min(at + sealedFrameBytes, sealed.length)));
      const place = number * frameBytes - offset;
      const from = Math.max(0, -place);
      plain.set(frame.subarray(from, Math.min(frame.length, length - place)), Math.max(0, place));
    }
    return plain;
  }

  async #header(key: string): Promise<SealHeader> {
    const known = this.#headers.get(key);
    if (known !== undefined) return known;
    const bytes = await this.#inner.read(key, { offset: 0, length: sealHeaderBytes });
    const header = decodeSealHeader(bytes, key);
    if (this.#headers.size >= mostHeaders) this.#headers.delete(this.#headers.keys().next().value as string);
    this.#headers.set(key, header);
    return header;
  }

  /** The encrypted form is flushed: whoever adopts it takes it as finished. */
  async #sealFile(key: string, file: string, sealed: string): Promise<void> {
    const master = this.#key();
    await withFile(file, async (source, plainBytes) => {
      const header = encodeSealHeader(this.#ports.random.bytes(32), plainBytes);
      const cipher = new FrameCipher(master, header, key);
      const hash = createHash('sha256');
      const target = await open(sealed, 'wx').catch((error: unknown) => {
        throw fromStorage(error, sealed);
      });
      try {
        const write = async (bytes: Uint8Array): Promise<void> => {
          hash.update(bytes);
          await target.writeFile(bytes);
        };
        await write(header.bytes);
        for (let number = 0; number < cipher.count; number += framesAtATime) {
          const offset = number * frameBytes;
          const piece = await readPart(source, offset, Math.min(framesAtATime * frameBytes, plainBytes - offset));
          const frames: Uint8Array[] = [];
          for (let index = 0; index < Math.max(1, Math.ceil(piece.length / frameBytes)); index++) {
            frames.push(cipher.seal(number + index, piece.subarray(index * frameBytes, (index + 1) * frameBytes)));
          }
          await write(Buffer.concat(frames));
        }
        await target.writeFile(hash.digest());
        await target.sync();
      } catch (error) {
        throw fromStorage(error, sealed);
      } finally {
        await target.close();
      }
    });
  }

  #key(): MasterKey {
    if (this.#master !== undefined) return this.#master;
    throw new TradedbError('key_required', `${this.location} is encrypted, and no key was given`, {
      hint: 'set TRADEDB_BACKUP_IDENTITY or TRADEDB_BACKUP_PASSPHRASE, or backup.encryption.identityFile',
    });
  }
}

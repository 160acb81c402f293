import type { ByteRange, ObjectInfo, Storage } from '../../src/core/storage/storage.ts';

export interface StorageWatch {
  /** Before the storage is asked. */
  readonly before?: (call: 'write' | 'adopt' | 'delete' | 'read', key: string) => Promise<void> | void;
  /** After an object was written. */
  readonly written?: (key: string) => Promise<void> | void;
  /** As a server: no folder for lease files, and perhaps no exclusive names. */
  readonly server?: { readonly exclusive: boolean };
}

/** A storage in which a test does something at a chosen moment of somebody else's work. */
export class WatchedStorage implements Storage {
  readonly kind: Storage['kind'];
  readonly location: string;
  readonly leaseFolder: string | undefined;
  readonly spoolFolder = undefined;
  readonly #inner: Storage;
  readonly #watch: StorageWatch;

  constructor(inner: Storage, watch: StorageWatch) {
    this.#inner = inner;
    this.#watch = watch;
    this.kind = inner.kind;
    this.location = inner.location;
    this.leaseFolder = watch.server === undefined ? inner.leaseFolder : undefined;
  }

  list(prefix: string): AsyncIterable<ObjectInfo> {
    return this.#inner.list(prefix);
  }

  async read(key: string, range?: ByteRange): Promise<Uint8Array> {
    await this.#watch.before?.('read', key);
    return this.#inner.read(key, range);
  }

  async write(key: string, body: Uint8Array, options?: { ifAbsent?: boolean }): Promise<boolean> {
    await this.#watch.before?.('write', key);
    const written = await this.#inner.write(key, body, options);
    await this.#watch.written?.(key);
    return written;
  }

  async adopt(key: string, file: string): Promise<void> {
    await this.#watch.before?.('adopt', key);
    await this.#inner.adopt(key, file);
    await this.#watch.written?.(key);
  }

  async delete(key: string): Promise<void> {
    await this.#watch.before?.('delete', key);
    await this.#inner.delete(key);
  }

  stagingFolder(group: string): Promise<string> {
    return this.#inner.stagingFolder(group);
  }

  removeUnfinished(group: string): Promise<void> {
    return this.#inner.removeUnfinished(group);
  }

  async exclusiveCreate(): Promise<boolean> {
    return this.#watch.server?.exclusive ?? this.#inner.exclusiveCreate();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

import type { Clock, Random } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import type { LeaseOwner } from '../../lease.ts';
import { readIfThere } from '../../storage/read-if-there.ts';
import type { Storage } from '../../storage/storage.ts';
import { isUnreachable } from '../../storage/storage-error.ts';
import { decodeFooter, footerBytesOf, hex, type PackFooter, packTrailerBytes, sha256 } from '../chunk/pack-format.ts';
import { decodePageIndex, needsParent, type PageIndex } from '../chunk/page-index.ts';
import type { Keyring } from '../encryption/keyring.ts';
import { makeEncrypted, openEncryption, type RepositoryEncryption } from '../encryption/repository-encryption.ts';
import { decodeManifest, encodeManifest, type Manifest } from '../manifest/manifest.ts';
import { decodeFormat, encodeFormat, newFormat, type RepositoryFormat, recordMacsFeature } from './format-version.ts';
import { databaseKey, formatKey, manifestKey, packKey, pageIndexKey, parseManifestKey } from './object-name.ts';
import { Records } from './records.ts';
import { acquireRepositoryLease, type LeaseTimes } from './repository-lease.ts';

/** A restore point whose manifest could not be read. */
export interface DamagedPoint {
  readonly databaseId: string;
  readonly id: string;
  readonly key: string;
  readonly error: unknown;
}

export interface PointList {
  /** Oldest first. */
  readonly points: readonly Manifest[];
  readonly damaged: readonly DamagedPoint[];
}

export type StoredPack = Manifest['packs'][number];

/** What opens an encrypted repository. */
export interface RepositoryKeys {
  readonly random: Random;
  readonly keyring: Keyring;
}

/** What it takes to make a repository. */
export interface RepositoryMaker {
  readonly clock: Clock;
  readonly random: Random;
  readonly owner: LeaseOwner;
  readonly leases?: LeaseTimes;
  /** Without one, a new repository is not encrypted. */
  readonly keyring?: Keyring;
}

/** The objects of a repository as they are meant; knows names and digests, not how they are stored. */
export class Repository {
  readonly storage: Storage;
  readonly name: string;
  readonly format: RepositoryFormat;
  readonly records: Records;
  readonly #encryption: RepositoryEncryption | undefined;
  /** The name of a manifest carries the digest of its stored form. */
  readonly #manifestKeys = new Map<string, string>();

  private constructor(
    storage: Storage,
    name: string,
    format: RepositoryFormat,
    encryption: RepositoryEncryption | undefined,
  ) {
    this.storage = encryption?.storage ?? storage;
    this.name = name;
    this.format = format;
    this.records = new Records({
      macOf: (record) => encryption?.recordMac(record),
      macsRequired: format.required.includes(recordMacsFeature),
      requireKey: () => this.requireKey(),
    });
    this.#encryption = encryption;
  }

  /**
   * Opens a repository; throws `backup_not_found` when there is none. An encrypted one is unlocked where the keyring has a
   * secret, and stays locked otherwise: then only what needs no key works.
   */
  static async open(storage: Storage, name: string, keys?: RepositoryKeys): Promise<Repository> {
    const bytes = await storage.read(formatKey).catch((error: unknown) => {
      if (error instanceof TradedbError && error.code === 'file_not_found') return undefined;
      throw error;
    });
    if (bytes === undefined) {
      throw new TradedbError(
        'backup_not_found',
        `there is no backup repository at ${JSON.stringify(storage.location)}`,
        {
          hint: 'make the first backup with: tradedb backup create',
        },
      );
    }
    const format = decodeFormat(bytes, storage.location);
    return new Repository(storage, name, format, await openEncryption(storage, format, keys));
  }

  /**
   * Opens a repository for writing, or makes one in an empty place. A place that holds other things is refused, and so is
   * one that is not encrypted although it shall be. The key slots of an encrypted one follow the keyring.
   */
  static async openOrCreate(storage: Storage, name: string, maker: RepositoryMaker): Promise<Repository> {
    const { keyring, random } = maker;
    const keys = keyring === undefined ? undefined : { keyring, random };
    const repository =
      (await openIfThere(storage, name, keys)) ?? (await Repository.#createAlone(storage, name, maker, keys));
    if (repository.#encryption === undefined) {
      if (keyring?.isWanted === true) throw notEncrypted(storage);
      return repository;
    }
    if (keyring !== undefined) await repository.#encryption.follow(storage, keyring);
    return repository;
  }

  static async #createAlone(
    storage: Storage,
    name: string,
    maker: RepositoryMaker,
    keys: RepositoryKeys | undefined,
  ): Promise<Repository> {
    const { owner, leases } = maker;
    const request = { name: 'repository', purpose: 'making a repository', owner, leases };
    const lease = await acquireRepositoryLease(storage, request, maker);
    try {
      // Somebody may have made it while we waited for the lease.
      const there = await openIfThere(storage, name, keys);
      if (there !== undefined) return there;
      await requireEmpty(storage);
      const plain = newFormat(maker.random);
      const format = keys?.keyring.isWanted === true ? await makeEncrypted(storage, plain, keys) : plain;
      await storage.write(formatKey, encodeFormat(format), { ifAbsent: true });
      return await Repository.open(storage, name, keys);
    } finally {
      await lease.release();
    }
  }

  /** How the content is protected; null where it is not. */
  get encryption(): { readonly cipher: 'aes-256-gcm'; readonly keySlots: number } | null {
    return this.#encryption === undefined ? null : { cipher: 'aes-256-gcm', keySlots: this.#encryption.keySlots };
  }

  /** It is encrypted, and no key was given. */
  get isLocked(): boolean {
    return this.#encryption?.storage.isLocked === true;
  }

  /** Throws `key_required` for one that is locked. */
  requireKey(): void {
    this.#encryption?.storage.requireKey();
  }

  /** The FORMAT that it gets when everything is as a new repository would have it; undefined when it is. */
  get newerFormat(): RepositoryFormat | undefined {
    return this.#encryption?.newerFormat(this.format);
  }

  /** Checks the stored bytes of an encrypted object without a key. */
  async requireStored(key: string): Promise<void> {
    await this.#encryption?.storage.requireStored(key);
  }

  manifestKeyOf(point: Manifest): string {
    const known = this.#manifestKeys.get(`${point.database.id}/${point.id}`);
    return known ?? manifestKey(point.database.id, point.id, encodeManifest(point).digest);
  }

  /** Folder names of all databases, also of one that has no restore point yet. */
  async databaseIds(): Promise<readonly string[]> {
    const ids = new Set<string>();
    for await (const { key } of this.storage.list('db')) ids.add(key.split('/')[1] ?? '');
    return [...ids];
  }

  /** Restore points of one database, or of all. */
  async points(databaseId?: string): Promise<PointList> {
    const points: Manifest[] = [];
    const damaged: DamagedPoint[] = [];
    for await (const { key } of this.storage.list(databaseId === undefined ? 'db' : `db/${databaseId}/points`)) {
      const name = parseManifestKey(key);
      if (name === undefined) continue;
      try {
        const bytes = await readIfThere(this.storage, key);
        if (bytes !== undefined) points.push(this.#decode(bytes, key, name));
      } catch (error) {
        if (isUnreachable(error)) throw error;
        damaged.push({ databaseId: name.databaseId, id: name.pointId, key, error });
      }
    }
    points.sort((a, b) => (a.createdAt === b.createdAt ? (a.id < b.id ? -1 : 1) : a.createdAt < b.createdAt ? -1 : 1));
    return { points, damaged };
  }

  /** Writes what is known of a database once. */
  async describeDatabase(databaseId: string, facts: Readonly<Record<string, unknown>>): Promise<void> {
    const key = databaseKey(databaseId);
    await this.storage.write(key, this.records.seal(key, facts), { ifAbsent: true });
  }

  async writeManifest(manifest: Manifest): Promise<string> {
    const bytes = this.#encryption?.sealManifest(manifest) ?? encodeManifest(manifest).bytes;
    const key = manifestKey(manifest.database.id, manifest.id, hex(sha256(bytes)));
    await this.storage.write(key, bytes);
    this.#manifestKeys.set(`${manifest.database.id}/${manifest.id}`, key);
    return key;
  }

  #decode(bytes: Uint8Array, key: string, name: NonNullable<ReturnType<typeof parseManifestKey>>): Manifest {
    const stored = decodeManifest(bytes, name.digest);
    if (stored.database.id !== name.databaseId || stored.id !== name.pointId) {
      throw new TradedbError('checksum_mismatch', `the manifest is of another place: backup ${stored.id}`);
    }
    this.#manifestKeys.set(`${stored.database.id}/${stored.id}`, key);
    return this.#encryption?.unsealManifest(stored, bytes) ?? stored;
  }

  /** Fingerprints of the last point of a lineage (the full point first); its object may build on those before it. */
  async pageIndex(lineage: readonly Manifest[]): Promise<PageIndex> {
    const objects: { key: string; name: string; bytes: Uint8Array }[] = [];
    for (const point of [...lineage].reverse()) {
      const { name } = point.pageIndex;
      const key = pageIndexKey(point.database.id, point.id, name);
      const bytes = await this.storage.read(key);
      objects.unshift({ key, name, bytes });
      if (!needsParent(bytes)) break;
    }
    let index: PageIndex | undefined;
    for (const { key, name, bytes } of objects) {
      const parent = index;
      index = await named(key, async () => decodePageIndex(bytes, name, parent));
    }
    return index as PageIndex;
  }

  /** The table of chunks of a pack, checked against its name and size. */
  async packFooter(point: Manifest, pack: StoredPack): Promise<PackFooter> {
    const key = packKey(point.database.id, point.id, pack.name);
    return named(key, async () => {
      const trailerAt = pack.sizeBytes - packTrailerBytes;
      const trailer = await this.storage.read(key, { offset: trailerAt, length: packTrailerBytes });
      const length = footerBytesOf(trailer, pack.name);
      const body = await this.storage.read(key, { offset: trailerAt - length, length });
      return decodeFooter(body, pack.name, pack.sizeBytes);
    });
  }
}

async function openIfThere(
  storage: Storage,
  name: string,
  keys: RepositoryKeys | undefined,
): Promise<Repository | undefined> {
  try {
    return await Repository.open(storage, name, keys);
  } catch (error) {
    if (error instanceof TradedbError && error.code === 'backup_not_found') return undefined;
    throw error;
  }
}

async function requireEmpty(storage: Storage): Promise<void> {
  for await (const { key } of storage.list('')) {
    // Keys without a FORMAT are of a repository whose making was interrupted: nothing was stored with them.
    if (key === formatKey || key.startsWith('leases/') || key.startsWith('keys/')) continue;
    throw new TradedbError(
      'repository_invalid',
      `${JSON.stringify(storage.location)} is not empty and no backup repository`,
      { hint: 'give an empty or new folder, or check backup.repositories' },
    );
  }
}

function notEncrypted(storage: Storage): TradedbError {
  return new TradedbError(
    'config_invalid',
    `the repository ${JSON.stringify(storage.location)} is not encrypted, but backup.encryption asks for it`,
    { hint: 'begin a new repository in another place; an existing one cannot be encrypted afterwards' },
  );
}

/** Puts the key into the message of an error that knows only the content. */
async function named<T>(key: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TradedbError && error.code === 'checksum_mismatch') {
      throw new TradedbError('checksum_mismatch', `${key}: ${error.message}`, { cause: error, details: { key } });
    }
    throw error;
  }
}

import type { Clock, Random } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import type { LeaseOwner } from '../../lease.ts';
import type { Storage } from '../../storage/storage.ts';
import { decodeFooter, footerBytesOf, hex, type PackFooter, packTrailerBytes, sha256 } from '../chunk/pack-format.ts';
import { decodePageIndex, needsParent, type PageIndex } from '../chunk/page-index.ts';
import { decodeManifest, encodeManifest, type Manifest } from '../manifest/manifest.ts';
import { decodeFormat, encodeFormat, newFormat, type RepositoryFormat } from './format-version.ts';
import { databaseKey, formatKey, manifestKey, packKey, pageIndexKey, parseManifestKey } from './object-name.ts';
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

/** What it takes to make a repository. */
export interface RepositoryMaker {
  readonly clock: Clock;
  readonly random: Random;
  readonly owner: LeaseOwner;
  readonly leases?: LeaseTimes;
}

/** The objects of a repository as they are meant; knows names and digests, not how they are stored. */
export class Repository {
  readonly storage: Storage;
  readonly name: string;
  readonly format: RepositoryFormat;

  private constructor(storage: Storage, name: string, format: RepositoryFormat) {
    this.storage = storage;
    this.name = name;
    this.format = format;
  }

  /** Opens a repository; throws `backup_not_found` when there is none. */
  static async open(storage: Storage, name: string): Promise<Repository> {
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
    return new Repository(storage, name, decodeFormat(bytes, storage.location));
  }

  /** Opens a repository, or makes one in an empty place. A place that holds other things is refused. */
  static async openOrCreate(storage: Storage, name: string, maker: RepositoryMaker): Promise<Repository> {
    const there = await openIfThere(storage, name);
    if (there !== undefined) return there;
    const { owner, leases } = maker;
    const request = { name: 'repository', purpose: 'making a repository', owner, leases };
    const lease = await acquireRepositoryLease(storage, request, maker);
    try {
      // Somebody may have made it while we waited for the lease.
      return (await openIfThere(storage, name)) ?? (await Repository.#create(storage, name, maker.random));
    } finally {
      await lease.release();
    }
  }

  static async #create(storage: Storage, name: string, random: Random): Promise<Repository> {
    for await (const object of storage.list('')) {
      if (object.key === formatKey || object.key.startsWith('leases/')) continue;
      throw new TradedbError(
        'repository_invalid',
        `${JSON.stringify(storage.location)} is not empty and no backup repository`,
        { hint: 'give an empty or new folder, or check backup.repositories' },
      );
    }
    await storage.write(formatKey, encodeFormat(newFormat(random)), { ifAbsent: true });
    return Repository.open(storage, name);
  }

  /** Restore points of one database, or of all. */
  async points(databaseId?: string): Promise<PointList> {
    const points: Manifest[] = [];
    const damaged: DamagedPoint[] = [];
    for await (const { key } of this.storage.list(databaseId === undefined ? 'db' : `db/${databaseId}/points`)) {
      const name = parseManifestKey(key);
      if (name === undefined) continue;
      try {
        points.push(decodeManifest(await this.storage.read(key), name.digest));
      } catch (error) {
        damaged.push({ databaseId: name.databaseId, id: name.pointId, key, error });
      }
    }
    points.sort((a, b) => (a.createdAt === b.createdAt ? (a.id < b.id ? -1 : 1) : a.createdAt < b.createdAt ? -1 : 1));
    return { points, damaged };
  }

  /** Writes what is known of a database once. */
  async describeDatabase(databaseId: string, facts: Readonly<Record<string, unknown>>): Promise<void> {
    const body = JSON.stringify(facts);
    const bytes = Buffer.from(`${JSON.stringify({ ...facts, sha256: hex(sha256(Buffer.from(body))) })}\n`);
    await this.storage.write(databaseKey(databaseId), bytes, { ifAbsent: true });
  }

  async writeManifest(manifest: Manifest): Promise<string> {
    const { bytes, digest } = encodeManifest(manifest);
    const key = manifestKey(manifest.database.id, manifest.id, digest);
    await this.storage.write(key, bytes);
    return key;
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

async function openIfThere(storage: Storage, name: string): Promise<Repository | undefined> {
  try {
    return await Repository.open(storage, name);
  } catch (error) {
    if (error instanceof TradedbError && error.code === 'backup_not_found') return undefined;
    throw error;
  }
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

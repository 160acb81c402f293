import { parseManifestKey } from '../repository/object-name.ts';
import type { Repository } from '../repository/repository.ts';
import { epochKey } from '../wal-archive/epoch.ts';
import type { RetentionFacts } from './facts.ts';
import type { Tombstone } from './tombstone.ts';

/** Objects that nothing names: packs of a backup that was killed before its manifest, segments of an epoch without a base. */
export interface Orphan {
  readonly kind: 'point' | 'epoch';
  readonly id: string;
  readonly bytes: number;
}

export interface Orphans {
  /** Found now, and older than the grace time. */
  readonly mark: readonly Orphan[];
  /** Marked longer than the grace time ago, and still named by nothing. */
  readonly remove: readonly Orphan[];
}

interface Folder {
  bytes: number;
  /** By the clock of the storage. */
  newestMs: number;
  /** It has the object that makes it what it is: a manifest, the record of an epoch. */
  isNamed: boolean;
}

/**
 * Looks for them under the lease of the database: no backup is at work then, or it has lost its lease and makes no manifest
 * any more. Ages are those of the storage, so that no wrong clock of a machine makes anything old.
 */
export async function findOrphans(
  { repository, databaseId }: { readonly repository: Repository; readonly databaseId: string },
  facts: RetentionFacts,
  { now, graceMs }: { readonly now: number; readonly graceMs: number },
): Promise<Orphans> {
  const isPoint = (key: string) => parseManifestKey(key) !== undefined;
  const points = await folders(repository, `db/${databaseId}/points`, isPoint);
  const epochs = await folders(repository, `db/${databaseId}/wal`, (key) => {
    return key === epochKey(databaseId, key.split('/')[3] ?? '');
  });
  const found: (Orphan & { newestMs: number })[] = [];
  for (const [id, folder] of points) if (!folder.isNamed) found.push({ kind: 'point', id, ...folder });
  for (const [id, folder] of epochs) {
    if (!folder.isNamed || isWithoutBase(id, facts, points)) found.push({ kind: 'epoch', id, ...folder });
  }
  const begun = (orphan: Orphan) => facts.tombstones.some((one) => one.deleting && names(one, orphan));
  const markedMs = (orphan: Orphan) =>
    Math.min(...facts.tombstones.filter((one) => names(one, orphan)).map((one) => one.writtenMs));
  const left = found.filter((orphan) => !begun(orphan));
  const old = left.filter(({ newestMs }) => newestMs <= now - graceMs);
  return {
    mark: old.filter((orphan) => markedMs(orphan) === Number.POSITIVE_INFINITY),
    remove: old.filter((orphan) => markedMs(orphan) <= now - graceMs),
  };
}

function names(tombstone: Tombstone, { kind, id }: Orphan): boolean {
  return (kind === 'point' ? tombstone.pointIds : tombstone.epochs).includes(id);
}

/**
 * What earlier releases left when they were killed: an older epoch, the base of which is not there, and no other backup was
 * made while it was the newest one.
 */
function isWithoutBase(id: string, { epochs, points }: RetentionFacts, folders: ReadonlyMap<string, Folder>): boolean {
  const index = epochs.findIndex((epoch) => epoch.id === id);
  const [epoch, next] = [epochs[index], epochs[index + 1]];
  if (epoch === undefined || next === undefined || folders.get(epoch.base.pointId)?.isNamed === true) return false;
  return !points.some((point) => {
    return point.archived?.epoch === id || (point.createdAt >= epoch.createdAt && point.createdAt <= next.createdAt);
  });
}

async function folders(
  repository: Repository,
  prefix: string,
  isNaming: (key: string) => boolean,
): Promise<ReadonlyMap<string, Folder>> {
  const found = new Map<string, Folder>();
  for await (const { key, sizeBytes, modifiedMs } of repository.storage.list(prefix)) {
    const id = key.split('/')[3] ?? '';
    const folder = found.get(id) ?? { bytes: 0, newestMs: 0, isNamed: false };
    folder.bytes += sizeBytes;
    folder.newestMs = Math.max(folder.newestMs, modifiedMs);
    folder.isNamed ||= isNaming(key);
    found.set(id, folder);
  }
  return found;
}

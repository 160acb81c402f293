import { lineageOf } from '../backup/manifest/lineage.ts';
import type { Manifest } from '../backup/manifest/manifest.ts';
import { pointFolder } from '../backup/repository/object-name.ts';
import type { Repository } from '../backup/repository/repository.ts';
import { epochKey } from '../backup/wal-archive/epoch.ts';
import { segmentKey } from '../backup/wal-archive/segment-format.ts';
import { TradedbError } from '../error.ts';
import { isUnreachable } from '../storage/storage-error.ts';
import { otherRoutes } from './point-in-time.ts';

/**
 * Points of `wanted` whose state can be had although objects are damaged: by another backup and archived commits behind it.
 * Needs the key of an encrypted repository.
 */
export async function withOtherRoute(
  repository: Repository,
  {
    points,
    wanted,
    damaged,
  }: { points: readonly Manifest[]; wanted: ReadonlySet<string>; damaged: ReadonlySet<string> },
): Promise<ReadonlySet<string>> {
  const byId = new Map(points.map((point) => [point.id, point]));
  const found = new Set<string>();
  for (const point of points.filter(({ id }) => wanted.has(id))) {
    if (await hasWholeRoute(repository, point, { byId, damaged })) found.add(point.id);
  }
  return found;
}

async function hasWholeRoute(
  repository: Repository,
  point: Manifest,
  { byId, damaged }: { byId: ReadonlyMap<string, Manifest>; damaged: ReadonlySet<string> },
): Promise<boolean> {
  const databaseId = point.database.id;
  const isWhole = (one: Manifest): boolean => {
    const folder = `${pointFolder(databaseId, one.id)}/`;
    return ![...damaged].some((key) => key.startsWith(folder));
  };
  try {
    const lineage = lineageOf(point, byId);
    for await (const { lineage: other, epoch, segments } of otherRoutes(repository, { lineage, route: undefined })) {
      const keys = [epochKey(databaseId, epoch.id), ...segments.map((one) => segmentKey(databaseId, epoch.id, one))];
      if (other.every(isWhole) && !keys.some((key) => damaged.has(key))) return true;
    }
  } catch (error) {
    // What cannot be read on the way is no way.
    if (!(error instanceof TradedbError) || isUnreachable(error)) throw error;
  }
  return false;
}

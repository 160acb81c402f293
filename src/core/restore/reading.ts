import type { Manifest } from '../backup/manifest/manifest.ts';
import { type ReadingRequest, type ReadObjects, whileReading } from '../backup/repository/reader-lease.ts';
import type { Repository } from '../backup/repository/repository.ts';
import { Tombstones } from '../backup/retention/tombstone.ts';
import { readEpochs } from '../backup/wal-archive/epoch.ts';
import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { readIfThere } from '../storage/read-if-there.ts';
import { type ReplayRoute, segmentsOfRoute } from './point-in-time.ts';

/** A way to a state: restore points, the full one first, and perhaps commits after the last of them. */
export interface Way {
  readonly lineage: readonly Manifest[];
  readonly route: ReplayRoute | undefined;
}

/**
 * Runs `work` while prune leaves alone what the way needs. With the lease in place, the tombstones, manifests and segments
 * are looked at once more: `work` gets the way as it is now. Throws `file_not_found` when it is being deleted.
 */
export async function whileReadingWay<T>(
  request: Omit<ReadingRequest, 'databaseId' | 'reads'> & Way,
  context: OperationContext,
  work: (route: ReplayRoute | undefined) => Promise<T>,
): Promise<T> {
  const { repository } = request;
  const databaseId = (request.lineage.at(-1) as Manifest).database.id;
  const reads = () => objectsOf(request);
  return whileReading({ ...request, databaseId, reads }, context, async () => {
    return work(await asItIsNow(repository, databaseId, request));
  });
}

function objectsOf({ lineage, route }: Way): ReadObjects {
  const points = lineage.map((point) => point.id);
  if (route === undefined) return { points, commits: [] };
  return { points, commits: [{ epoch: route.epoch.id, fromTx: route.baseTx + 1, toTx: route.tx }] };
}

async function asItIsNow(
  repository: Repository,
  databaseId: string,
  { lineage, route }: Way,
): Promise<ReplayRoute | undefined> {
  const tombstones = await Tombstones.read(repository, databaseId);
  for (const point of lineage) {
    const isThere = (await readIfThere(repository.storage, repository.manifestKeyOf(point))) !== undefined;
    if (tombstones.isGoing(point.id) || !isThere) throw beingDeleted(`backup ${point.id}`);
  }
  if (route === undefined) return undefined;
  const epoch = (await readEpochs(repository, databaseId)).find((one) => one.id === route.epoch.id);
  if (epoch === undefined) throw beingDeleted(`epoch ${route.epoch.id}`);
  return { ...route, epoch, segments: segmentsOfRoute(epoch, route.baseTx, route.tx) };
}

function beingDeleted(what: string): TradedbError {
  return new TradedbError('file_not_found', `${what} is being deleted by prune`, {
    hint: 'restore another state: tradedb backup list',
  });
}

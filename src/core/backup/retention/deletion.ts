import type { OperationContext } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import type { ObjectInfo } from '../../storage/storage.ts';
import { parseManifestKey, pointFolder, tombstoneKey } from '../repository/object-name.ts';
import { epochFolder } from '../wal-archive/epoch.ts';
import { parseSegmentKey, type SegmentName } from '../wal-archive/segment-format.ts';
import type { Doomed, RemovalPlace } from './doomed.ts';
import { isWithin, type MergedRange, Tombstones } from './tombstone.ts';

/** Between two looks whether the lease is still ours. */
const objectsPerLook = 100;

/** Segments that merged ones have taken the place of. */
export interface SegmentsGone {
  readonly segments: number;
  readonly bytes: number;
}

/** Deletes what a tombstone names. */
export async function deleteAll(place: RemovalPlace, doomed: Doomed, context: OperationContext): Promise<SegmentsGone> {
  const { databaseId } = place;
  const total = doomed.pointIds.length + doomed.epochs.length + doomed.merged.length;
  const task = context.progress.start({ id: 'prune', label: 'deleting', unit: 'steps', total });
  for (const id of doomed.pointIds) {
    // The manifest goes first: from then on the point does not exist, whatever of its objects is still there.
    const isLate = (key: string) => parseManifestKey(key) === undefined;
    await deleteFolder(place, pointFolder(databaseId, id), { isLate }, context);
    task.advance(1);
  }
  for (const epoch of doomed.epochs) {
    // The record goes last: segments without one would be taken for damage.
    const isLate = (key: string) => key.endsWith('/epoch.json');
    await deleteFolder(place, epochFolder(databaseId, epoch), { isLate }, context);
    task.advance(1);
  }
  const gone: ObjectInfo[] = [];
  for (const range of doomed.merged) {
    const isToGo = (key: string) => {
      const name = parseSegmentKey(key);
      return name !== undefined && isWithin(range, name);
    };
    gone.push(...(await deleteFolder(place, epochFolder(databaseId, range.epoch), { isToGo }, context)));
    task.advance(1);
  }
  task.done();
  return { segments: gone.length, bytes: gone.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
}

interface Choice {
  readonly isLate?: (key: string) => boolean;
  readonly isToGo?: (key: string) => boolean;
}

async function deleteFolder(
  { repository, fence }: RemovalPlace,
  folder: string,
  { isLate = () => false, isToGo = () => true }: Choice,
  context: OperationContext,
): Promise<readonly ObjectInfo[]> {
  const objects: ObjectInfo[] = [];
  for await (const object of repository.storage.list(folder)) if (isToGo(object.key)) objects.push(object);
  objects.sort((a, b) => Number(isLate(a.key)) - Number(isLate(b.key)));
  for (const [index, { key }] of objects.entries()) {
    throwIfCancelled(context.signal);
    if (index % objectsPerLook === 0) await fence.check();
    await repository.storage.delete(key);
  }
  return objects;
}

/** Removes the tombstones of which nothing is left. Those of orphans stay for `graceMs`: a late manifest is nothing then. */
export async function removeSpent(
  { repository, databaseId, fence }: RemovalPlace,
  graceMs: number,
  context: OperationContext,
): Promise<void> {
  const { all } = await Tombstones.read(repository, databaseId);
  if (all.length === 0) return;
  const there = new Set<string>();
  const segments: ({ epoch: string } & SegmentName)[] = [];
  for (const folder of ['points', 'wal']) {
    for await (const { key } of repository.storage.list(`db/${databaseId}/${folder}`)) {
      there.add(key.split('/')[3] ?? '');
      const segment = parseSegmentKey(key);
      if (segment !== undefined) segments.push(segment);
    }
  }
  const isLeft = (id: string): boolean => there.has(id);
  const isRangeLeft = (range: MergedRange): boolean =>
    segments.some((segment) => segment.epoch === range.epoch && isWithin(range, segment));
  for (const tombstone of all) {
    const { pointIds, epochs, orphans, merged, deleting, createdAt } = tombstone;
    if (pointIds.some(isLeft) || epochs.some(isLeft) || merged.some(isRangeLeft)) continue;
    if (deleting && orphans.length > 0 && Date.parse(createdAt) > context.clock.wallTime() - graceMs) continue;
    await fence.check();
    await repository.storage.delete(tombstoneKey(databaseId, tombstone.id));
  }
}

import type { OperationContext } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import { readMarks } from '../mark.ts';
import { parseManifestKey, pointFolder, tombstoneKey } from '../repository/object-name.ts';
import { ReadersAtWork } from '../repository/reader-lease.ts';
import type { Repository } from '../repository/repository.ts';
import type { Fence } from '../repository/repository-lease.ts';
import { epochFolder, readEpochs } from '../wal-archive/epoch.ts';
import { type TombstoneRecord, Tombstones, writeTombstone } from './tombstone.ts';

/** What is to go. */
export interface Doomed {
  readonly pointIds: readonly string[];
  readonly epochs: readonly string[];
  /** Those of the points that have no manifest. */
  readonly orphans: readonly string[];
  /** What each one builds on: a point on its parent, an epoch on its base. */
  readonly buildsOn: ReadonlyMap<string, string>;
}

export interface RemovalPlace {
  readonly repository: Repository;
  readonly databaseId: string;
  readonly fence: Fence;
  /** Time of the storage. */
  readonly now: number;
}

export interface Removed {
  readonly pointIds: readonly string[];
  /** Points that were left, with the reason. */
  readonly left: ReadonlyMap<string, string>;
  readonly bytes: number;
}

/** Between two looks whether the lease is still ours. */
const objectsPerLook = 100;

/**
 * Second phase: writes down what goes, looks once more who needs it, and deletes the rest. Killed at any place, the
 * tombstone stays, and the next prune goes on.
 */
export async function remove(place: RemovalPlace, doomed: Doomed, context: OperationContext): Promise<Removed> {
  const first = await readersOf(place);
  const wanted = without(doomed, whoNeeds(doomed, first));
  if (isEmpty(wanted)) return { pointIds: [], left: whoNeeds(doomed, first), bytes: 0 };
  const { repository, databaseId, fence } = place;
  const tombstone: TombstoneRecord = {
    format: 2,
    id: Buffer.from(context.random.bytes(4)).toString('hex'),
    createdAt: new Date(context.clock.wallTime()).toISOString(),
    merged: [],
    ...listOf(wanted),
    deleting: true,
  };
  await fence.check();
  await writeTombstone(repository, databaseId, tombstone);
  // Whoever begins to use something of it from now on sees the tombstone; whoever was quicker is seen here.
  const needed = await neededMeanwhile(place, wanted);
  const goes = without(wanted, needed);
  if (needed.size > 0) {
    await (isEmpty(goes)
      ? repository.storage.delete(tombstoneKey(databaseId, tombstone.id))
      : writeTombstone(repository, databaseId, { ...tombstone, ...listOf(goes) }));
  }
  const bytes = await deleteAll(place, goes, context);
  const left = new Map([...whoNeeds(doomed, first), ...needed]);
  return { pointIds: goes.pointIds, left, bytes };
}

/** Why parts of it have to stay for now. */
export function whoNeeds(doomed: Doomed, readers: ReadersAtWork): Map<string, string> {
  const needed = new Map<string, string>();
  for (const id of doomed.pointIds) {
    const reader = readers.ofPoint(id);
    if (reader !== undefined) needed.set(id, reader);
  }
  for (const epoch of doomed.epochs) {
    const reader = readers.ofEpoch(epoch);
    if (reader !== undefined) needed.set(epoch, reader);
  }
  return withWhatTheyBuildOn(needed, doomed);
}

/** What has to stay keeps what it builds on. */
function withWhatTheyBuildOn(needed: ReadonlyMap<string, string>, { buildsOn }: Doomed): Map<string, string> {
  const all = new Map(needed);
  for (const [id, reason] of needed) {
    for (let below = buildsOn.get(id); below !== undefined && !all.has(below); below = buildsOn.get(below)) {
      all.set(below, reason);
    }
  }
  return all;
}

export function readersOf({ repository, databaseId, now }: RemovalPlace): Promise<ReadersAtWork> {
  return ReadersAtWork.read(repository.storage, databaseId, { now, remove: true });
}

/** Leases, marks, epochs and points that name something of it and were not there when it was decided. */
async function neededMeanwhile(place: RemovalPlace, doomed: Doomed): Promise<Map<string, string>> {
  const { repository, databaseId } = place;
  const needed = whoNeeds(doomed, await readersOf(place));
  const marks = await readMarks(repository, databaseId);
  for (const mark of marks) {
    if (mark.keep && doomed.epochs.includes(mark.epoch)) needed.set(mark.epoch, `the mark ${mark.name} needs it`);
  }
  for (const epoch of await readEpochs(repository, databaseId)) {
    if (doomed.pointIds.includes(epoch.base.pointId)) needed.set(epoch.base.pointId, `epoch ${epoch.id} builds on it`);
  }
  const { points } = await repository.points(databaseId);
  for (const point of points) {
    const { parentId } = point;
    if (doomed.orphans.includes(point.id)) needed.set(point.id, 'it has a manifest by now');
    if (parentId === null || doomed.pointIds.includes(point.id)) continue;
    if (doomed.pointIds.includes(parentId)) needed.set(parentId, `backup ${point.id} builds on it`);
  }
  return withWhatTheyBuildOn(needed, doomed);
}

function without(doomed: Doomed, needed: ReadonlyMap<string, string>): Doomed {
  const rest = (ids: readonly string[]) => ids.filter((id) => !needed.has(id));
  return {
    ...doomed,
    pointIds: rest(doomed.pointIds),
    epochs: rest(doomed.epochs),
    orphans: rest(doomed.orphans),
  };
}

function listOf({ pointIds, epochs, orphans }: Doomed): Pick<TombstoneRecord, 'pointIds' | 'epochs' | 'orphans'> {
  return { pointIds, epochs, orphans };
}

function isEmpty({ pointIds, epochs }: Doomed): boolean {
  return pointIds.length === 0 && epochs.length === 0;
}

async function deleteAll(place: RemovalPlace, doomed: Doomed, context: OperationContext): Promise<number> {
  const { databaseId } = place;
  const total = doomed.pointIds.length + doomed.epochs.length;
  const task = context.progress.start({ id: 'prune', label: 'deleting', unit: 'steps', total });
  let bytes = 0;
  for (const id of doomed.pointIds) {
    // The manifest goes first: from then on the point does not exist, whatever of its objects is still there.
    const isLate = (key: string) => parseManifestKey(key) === undefined;
    bytes += await deleteFolder(place, pointFolder(databaseId, id), isLate, context);
    task.advance(1);
  }
  for (const epoch of doomed.epochs) {
    // The record goes last: segments without one would be taken for damage.
    bytes += await deleteFolder(place, epochFolder(databaseId, epoch), (key) => key.endsWith('/epoch.json'), context);
    task.advance(1);
  }
  task.done();
  return bytes;
}

async function deleteFolder(
  { repository, fence }: RemovalPlace,
  folder: string,
  isLate: (key: string) => boolean,
  context: OperationContext,
): Promise<number> {
  const objects: { key: string; sizeBytes: number }[] = [];
  for await (const object of repository.storage.list(folder)) objects.push(object);
  objects.sort((a, b) => Number(isLate(a.key)) - Number(isLate(b.key)));
  let bytes = 0;
  for (const [index, { key, sizeBytes }] of objects.entries()) {
    throwIfCancelled(context.signal);
    if (index % objectsPerLook === 0) await fence.check();
    await repository.storage.delete(key);
    bytes += sizeBytes;
  }
  return bytes;
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
  for (const folder of ['points', 'wal']) {
    for await (const { key } of repository.storage.list(`db/${databaseId}/${folder}`))
      there.add(key.split('/')[3] ?? '');
  }
  const isLeft = (id: string): boolean => there.has(id);
  for (const tombstone of all) {
    const { pointIds, epochs, orphans, deleting, createdAt } = tombstone;
    if (pointIds.some(isLeft) || epochs.some(isLeft)) continue;
    if (deleting && orphans.length > 0 && Date.parse(createdAt) > context.clock.wallTime() - graceMs) continue;
    await fence.check();
    await repository.storage.delete(tombstoneKey(databaseId, tombstone.id));
  }
}

import type { OperationContext } from '../../context.ts';
import { type Mark, readMarks } from '../mark.ts';
import { tombstoneKey } from '../repository/object-name.ts';
import { ReadersAtWork } from '../repository/reader-lease.ts';
import { readEpochs } from '../wal-archive/epoch.ts';
import { deleteAll, type SegmentsGone } from './deletion.ts';
import type { Doomed, RemovalPlace } from './doomed.ts';
import { type MergedRange, type TombstoneRecord, writeTombstone } from './tombstone.ts';

export interface Removed {
  readonly pointIds: readonly string[];
  /** What was left, with the reason. */
  readonly left: ReadonlyMap<string, string>;
  readonly merged: SegmentsGone;
}

/**
 * Second phase: writes down what goes, looks once more who needs it, and deletes the rest. Killed at any place, the
 * tombstone stays, and the next prune goes on.
 */
export async function remove(place: RemovalPlace, doomed: Doomed, context: OperationContext): Promise<Removed> {
  const first = whoNeeds(doomed, await readersOf(place));
  const wanted = without(doomed, first);
  if (isEmpty(wanted)) return { pointIds: [], left: first, merged: { segments: 0, bytes: 0 } };
  const { repository, databaseId, fence } = place;
  const tombstone: TombstoneRecord = {
    format: 2,
    id: Buffer.from(context.random.bytes(4)).toString('hex'),
    createdAt: new Date(context.clock.wallTime()).toISOString(),
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
  const merged = await deleteAll(place, goes, context);
  return { pointIds: goes.pointIds, left: new Map([...first, ...needed]), merged };
}

/** Tells a mark from one that was set anew under its name. */
export function wordsOf({ name, epoch, tx }: Mark): string {
  return `${name} ${epoch} ${tx}`;
}

/** Why parts of it have to stay for now. */
export function whoNeeds(doomed: Doomed, readers: ReadersAtWork): Map<string, string> {
  const needed = new Map<string, string>();
  const note = (name: string, reader: string | undefined): void => {
    if (reader !== undefined) needed.set(name, reader);
  };
  for (const id of doomed.pointIds) note(id, readers.ofPoint(id));
  for (const epoch of doomed.epochs) note(epoch, readers.ofEpoch(epoch));
  for (const range of doomed.merged) {
    note(nameOf(range), readers.ofCommits({ epoch: range.epoch, fromTx: range.firstTx, toTx: range.lastTx }));
  }
  return withWhatTheyBuildOn(needed, doomed);
}

function nameOf({ epoch, firstTx, lastTx }: MergedRange): string {
  return `${epoch}/${firstTx}-${lastTx}`;
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

function readersOf({ repository, databaseId, now }: RemovalPlace): Promise<ReadersAtWork> {
  return ReadersAtWork.read(repository.storage, databaseId, { now, remove: true });
}

/** Leases, marks, epochs and points that name something of it and were not there when it was decided. */
async function neededMeanwhile(place: RemovalPlace, doomed: Doomed): Promise<Map<string, string>> {
  const { repository, databaseId } = place;
  const needed = whoNeeds(doomed, await readersOf(place));
  for (const mark of await readMarks(repository, databaseId)) {
    if (mark.keep && doomed.epochs.includes(mark.epoch)) needed.set(mark.epoch, `the mark ${mark.name} needs it`);
    if (place.knownMarks.has(wordsOf(mark))) continue;
    const range = doomed.merged.find(({ epoch, firstTx, lastTx }) => {
      return epoch === mark.epoch && firstTx <= mark.tx && mark.tx <= lastTx;
    });
    if (range !== undefined) needed.set(nameOf(range), `the mark ${mark.name} may need it`);
  }
  const epochs = await readEpochs(repository, databaseId);
  for (const range of doomed.merged) {
    const segments = epochs.find((epoch) => epoch.id === range.epoch)?.segments ?? [];
    const isReplaced = segments.some(({ merged, firstTx, lastTx }) => {
      return merged !== null && firstTx === range.firstTx && lastTx === range.lastTx;
    });
    if (!isReplaced) needed.set(nameOf(range), 'the merged commits do not stand in its place');
  }
  for (const epoch of epochs) {
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
    merged: doomed.merged.filter((range) => !needed.has(nameOf(range))),
  };
}

function listOf(doomed: Doomed): Pick<TombstoneRecord, 'pointIds' | 'epochs' | 'orphans' | 'merged'> {
  const { pointIds, epochs, orphans } = doomed;
  const merged = doomed.merged.map(({ epoch, firstTx, lastTx }) => ({ epoch, firstTx, lastTx }));
  return { pointIds, epochs, orphans, merged };
}

function isEmpty({ pointIds, epochs, merged }: Doomed): boolean {
  return pointIds.length + epochs.length + merged.length === 0;
}

import * as v from 'valibot';
import { TradedbError } from '../../error.ts';
import { readIfThere } from '../../storage/read-if-there.ts';
import { tombstoneKey } from '../repository/object-name.ts';
import type { Repository } from '../repository/repository.ts';
import type { SegmentName } from '../wal-archive/segment-format.ts';

/**
 * First phase of a deletion: an object that lists what will go. Deleting it takes the decision back. A second one, with
 * `deleting`, is written before the first object goes: from then on nobody begins to read what it names, and a prune that
 * was killed is completed by the next.
 */

const tombstoneSchema = v.object({
  /** 2: carries its own digest. */
  format: v.picklist([1, 2]),
  id: v.string(),
  createdAt: v.string(),
  /** Points, and folders of points that have no manifest. */
  pointIds: v.pipe(v.array(v.string()), v.readonly()),
  /** Archived commits that go with the point they build on. */
  epochs: v.optional(v.pipe(v.array(v.string()), v.readonly()), []),
  /** Those of the points that had no manifest when this was written. */
  orphans: v.optional(v.pipe(v.array(v.string()), v.readonly()), []),
  /** Segments whose commits were merged: those within these ranges go, the merged ones stay. */
  merged: v.optional(
    v.pipe(v.array(v.object({ epoch: v.string(), firstTx: v.number(), lastTx: v.number() })), v.readonly()),
    [],
  ),
  deleting: v.optional(v.boolean(), false),
});

export type TombstoneRecord = Readonly<v.InferOutput<typeof tombstoneSchema>>;

export interface Tombstone extends TombstoneRecord {
  /** When it was stored, by the clock of the storage; milliseconds since 1970 UTC. */
  readonly writtenMs: number;
}

/** Undefined when it is damaged; `repository.records` then knows why. */
export function decodeTombstone(repository: Repository, key: string, bytes: Uint8Array): TombstoneRecord | undefined {
  const record = repository.records.open(key, bytes);
  if (record === undefined) return undefined;
  const parsed = v.safeParse(tombstoneSchema, record);
  if (!parsed.success) return repository.records.refuse(key, parsed.issues[0].message);
  if (!key.endsWith(`/${parsed.output.id}.json`)) return repository.records.refuse(key, 'it is of another prune');
  return parsed.output;
}

export type MergedRange = TombstoneRecord['merged'][number];

/** Whether a segment is one of those whose commits were merged. */
export function isWithin(range: Pick<MergedRange, 'firstTx' | 'lastTx'>, segment: SegmentName): boolean {
  return segment.merged === null && range.firstTx <= segment.firstTx && segment.lastTx <= range.lastTx;
}

/** All tombstones of one database. */
export class Tombstones {
  /** Oldest first. */
  readonly all: readonly Tombstone[];
  readonly #pointIds: ReadonlySet<string>;
  readonly #goingPoints: ReadonlySet<string>;
  readonly #goingEpochs: ReadonlySet<string>;
  readonly #goingRanges: readonly MergedRange[];

  constructor(all: readonly Tombstone[]) {
    this.all = all;
    const deleting = all.filter((tombstone) => tombstone.deleting);
    this.#pointIds = new Set(all.flatMap((tombstone) => tombstone.pointIds));
    this.#goingPoints = new Set(deleting.flatMap((tombstone) => tombstone.pointIds));
    this.#goingEpochs = new Set(deleting.flatMap((tombstone) => tombstone.epochs));
    this.#goingRanges = deleting.flatMap((tombstone) => tombstone.merged);
  }

  static async read(repository: Repository, databaseId: string): Promise<Tombstones> {
    const all: Tombstone[] = [];
    for await (const { key, modifiedMs } of repository.storage.list(`db/${databaseId}/tombstones`)) {
      const bytes = await readIfThere(repository.storage, key);
      // A tombstone that cannot be read condemns nothing.
      const tombstone = bytes === undefined ? undefined : decodeTombstone(repository, key, bytes);
      if (tombstone !== undefined) all.push({ ...tombstone, writtenMs: modifiedMs });
    }
    return new Tombstones(all.sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1)));
  }

  /** Marked, or on its way out. */
  has(pointId: string): boolean {
    return this.#pointIds.has(pointId);
  }

  /** Some of its objects may be gone. */
  isGoing(pointId: string): boolean {
    return this.#goingPoints.has(pointId);
  }

  isEpochGoing(epoch: string): boolean {
    return this.#goingEpochs.has(epoch);
  }

  /** Merged commits have taken its place, and it may be gone. */
  isMergedAway(epoch: string, segment: SegmentName): boolean {
    return this.#goingRanges.some((range) => range.epoch === epoch && isWithin(range, segment));
  }
}

export async function writeTombstone(
  repository: Repository,
  databaseId: string,
  tombstone: TombstoneRecord,
): Promise<void> {
  const key = tombstoneKey(databaseId, tombstone.id);
  await repository.storage.write(key, repository.records.seal(key, tombstone));
}

/** Takes a deletion back; throws `backup_not_found` for an unknown one, and `usage` for one that has begun. */
export async function removeTombstone(repository: Repository, databaseId: string, id: string): Promise<Tombstone> {
  const { all } = await Tombstones.read(repository, databaseId);
  const tombstone = all.find((candidate) => candidate.id === id);
  if (tombstone === undefined) {
    throw new TradedbError('backup_not_found', `there is no prune ${JSON.stringify(id)} to take back`, {
      hint: all.length === 0 ? 'nothing is marked for deletion' : `known: ${all.map((one) => one.id).join(', ')}`,
    });
  }
  if (tombstone.deleting) {
    throw new TradedbError('usage', `the deletion ${JSON.stringify(id)} has begun and cannot be taken back`);
  }
  await repository.storage.delete(tombstoneKey(databaseId, id));
  return tombstone;
}

import * as v from 'valibot';
import { TradedbError } from '../../error.ts';
import { readIfThere } from '../../storage/read-if-there.ts';
import { tombstoneKey } from '../repository/object-name.ts';
import type { Repository } from '../repository/repository.ts';

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
  deleting: v.optional(v.boolean(), false),
});

export type Tombstone = Readonly<v.InferOutput<typeof tombstoneSchema>>;

/** Undefined when it is damaged; `repository.records` then knows why. */
export function decodeTombstone(repository: Repository, key: string, bytes: Uint8Array): Tombstone | undefined {
  const record = repository.records.open(key, bytes);
  if (record === undefined) return undefined;
  const parsed = v.safeParse(tombstoneSchema, record);
  if (!parsed.success) return repository.records.refuse(key, parsed.issues[0].message);
  if (!key.endsWith(`/${parsed.output.id}.json`)) return repository.records.refuse(key, 'it is of another prune');
  return parsed.output;
}

/** All tombstones of one database. */
export class Tombstones {
  /** Oldest first. */
  readonly all: readonly Tombstone[];
  readonly #pointIds: ReadonlySet<string>;
  readonly #goingPoints: ReadonlySet<string>;
  readonly #goingEpochs: ReadonlySet<string>;

  constructor(all: readonly Tombstone[]) {
    this.all = all;
    const deleting = all.filter((tombstone) => tombstone.deleting);
    this.#pointIds = new Set(all.flatMap((tombstone) => tombstone.pointIds));
    this.#goingPoints = new Set(deleting.flatMap((tombstone) => tombstone.pointIds));
    this.#goingEpochs = new Set(deleting.flatMap((tombstone) => tombstone.epochs));
  }

  static async read(repository: Repository, databaseId: string): Promise<Tombstones> {
    const all: Tombstone[] = [];
    for await (const { key } of repository.storage.list(`db/${databaseId}/tombstones`)) {
      const bytes = await readIfThere(repository.storage, key);
      // A tombstone that cannot be read condemns nothing.
      const tombstone = bytes === undefined ? undefined : decodeTombstone(repository, key, bytes);
      if (tombstone !== undefined) all.push(tombstone);
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
}

export async function writeTombstone(repository: Repository, databaseId: string, tombstone: Tombstone): Promise<void> {
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

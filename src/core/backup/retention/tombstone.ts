import * as v from 'valibot';
import { TradedbError } from '../../error.ts';
import { tombstoneKey } from '../repository/object-name.ts';
import type { Repository } from '../repository/repository.ts';

/** First phase of a deletion: an object that lists what will go. Deleting it takes the decision back. */

const tombstoneSchema = v.object({
  /** 2: carries its own digest. */
  format: v.picklist([1, 2]),
  id: v.string(),
  createdAt: v.string(),
  pointIds: v.array(v.string()),
});

export type Tombstone = v.InferOutput<typeof tombstoneSchema>;

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
  readonly all: readonly Tombstone[];
  readonly #pointIds: ReadonlySet<string>;

  constructor(all: readonly Tombstone[]) {
    this.all = all;
    this.#pointIds = new Set(all.flatMap((tombstone) => tombstone.pointIds));
  }

  static async read(repository: Repository, databaseId: string): Promise<Tombstones> {
    const all: Tombstone[] = [];
    for await (const { key } of repository.storage.list(`db/${databaseId}/tombstones`)) {
      // A tombstone that cannot be read condemns nothing.
      const tombstone = decodeTombstone(repository, key, await repository.storage.read(key));
      if (tombstone !== undefined) all.push(tombstone);
    }
    return new Tombstones(all.sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1)));
  }

  has(pointId: string): boolean {
    return this.#pointIds.has(pointId);
  }
}

export async function writeTombstone(repository: Repository, databaseId: string, tombstone: Tombstone): Promise<void> {
  const key = tombstoneKey(databaseId, tombstone.id);
  await repository.storage.write(key, repository.records.seal(key, tombstone));
}

/** Takes a deletion back; throws `backup_not_found` for an unknown one. */
export async function removeTombstone(repository: Repository, databaseId: string, id: string): Promise<Tombstone> {
  const { all } = await Tombstones.read(repository, databaseId);
  const tombstone = all.find((candidate) => candidate.id === id);
  if (tombstone === undefined) {
    throw new TradedbError('backup_not_found', `there is no prune ${JSON.stringify(id)} to take back`, {
      hint: all.length === 0 ? 'nothing is marked for deletion' : `known: ${all.map((one) => one.id).join(', ')}`,
    });
  }
  await repository.storage.delete(tombstoneKey(databaseId, id));
  return tombstone;
}

import * as v from 'valibot';
import { readIfThere } from '../../storage/read-if-there.ts';
import type { Repository } from '../repository/repository.ts';
import type { Fence } from '../repository/repository-lease.ts';
import { Tombstones } from '../retention/tombstone.ts';
import { type ArchivedSegment, chainOf } from './chain.ts';
import { parseSegmentKey, type StoredSegment } from './segment-format.ts';
import { previousOf } from './segment-reading.ts';

/**
 * An epoch is an unbroken chain of archived commits with numbers from 1. A break (the archiver was not there, the file
 * was replaced) begins a new one; what may be missing in between is written down with it.
 */

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const epochSchema = v.object({
  /** 2: carries its own digest. */
  format: v.picklist([1, 2]),
  id: v.pipe(v.string(), v.regex(/^[0-9a-f]{8}$/)),
  createdAt: v.string(),
  /** Restore point whose state is that after commit `tx`. */
  base: v.object({ pointId: v.string(), tx: count }),
  parent: v.nullable(v.object({ id: v.string(), lastTx: count })),
  /** Why a new epoch began. */
  reason: v.string(),
  /** Commits between these moments may be missing (ISO 8601); null at the very first epoch. */
  missing: v.nullable(v.object({ from: v.string(), to: v.string() })),
});

export type EpochRecord = v.InferOutput<typeof epochSchema>;

export interface Epoch extends EpochRecord {
  /** The chain from commit 1 on; without what lies behind a missing segment. */
  readonly segments: readonly ArchivedSegment[];
  /** What is stored and not in the chain: merged segments beside those they stand for, another history. */
  readonly unused: readonly StoredSegment[];
}

export function epochFolder(databaseId: string, epoch: string): string {
  return `db/${databaseId}/wal/${epoch}`;
}

export function epochKey(databaseId: string, epoch: string): string {
  return `${epochFolder(databaseId, epoch)}/epoch.json`;
}

/** Whoever was suspended here until another archiver had gone on leaves no epoch that would pass for the newest one. */
export async function writeEpoch(
  repository: Repository,
  databaseId: string,
  epoch: EpochRecord,
  fence: Fence,
): Promise<void> {
  const key = epochKey(databaseId, epoch.id);
  await fence.check();
  await repository.storage.write(key, repository.records.seal(key, epoch), { ifAbsent: true });
  try {
    await fence.check();
  } catch (error) {
    await repository.storage.delete(key);
    throw error;
  }
}

/** Undefined when the record is damaged; `repository.records` then knows why. */
export function decodeEpoch(repository: Repository, key: string, bytes: Uint8Array): EpochRecord | undefined {
  const record = repository.records.open(key, bytes);
  if (record === undefined) return undefined;
  const parsed = v.safeParse(epochSchema, record);
  if (!parsed.success) return repository.records.refuse(key, parsed.issues[0].message);
  if (!key.endsWith(`/${parsed.output.id}/epoch.json`)) return repository.records.refuse(key, 'it is of another epoch');
  return parsed.output;
}

/** All epochs of a database, oldest first. One without a readable record is left out, and so is one that is being deleted. */
export async function readEpochs(repository: Repository, databaseId: string): Promise<readonly Epoch[]> {
  const segments = new Map<string, StoredSegment[]>();
  const records: EpochRecord[] = [];
  for await (const { key, sizeBytes, modifiedMs } of repository.storage.list(`db/${databaseId}/wal`)) {
    const name = parseSegmentKey(key);
    if (name !== undefined) {
      const ofEpoch = segments.get(name.epoch) ?? [];
      segments.set(name.epoch, ofEpoch);
      ofEpoch.push({ ...name, sizeBytes, modifiedMs });
    } else if (key.endsWith('/epoch.json')) {
      const bytes = await readIfThere(repository.storage, key);
      const record = bytes === undefined ? undefined : decodeEpoch(repository, key, bytes);
      if (record !== undefined) records.push(record);
    }
  }
  // Read last: a deletion of which the listing saw something was written down before.
  const tombstones = await Tombstones.read(repository, databaseId);
  const epochs: Epoch[] = [];
  for (const record of records.sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1))) {
    if (tombstones.isEpochGoing(record.id)) continue;
    const stored = (segments.get(record.id) ?? []).filter((segment) => !tombstones.isMergedAway(record.id, segment));
    const place = { databaseId, epoch: record.id };
    const chain = await chainOf(stored, (segment) => previousOf(repository, place, segment));
    const used = new Set(chain.map((segment) => segment.digest));
    epochs.push({ ...record, segments: chain, unused: stored.filter((segment) => !used.has(segment.digest)) });
  }
  return epochs;
}

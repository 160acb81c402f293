import type { OperationContext } from '../../context.ts';
import { TradedbError, throwIfCancelled } from '../../error.ts';
import type { LeaseOwner } from '../../lease.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { pointFolder, tombstoneKey } from '../repository/object-name.ts';
import type { Repository } from '../repository/repository.ts';
import { acquireRepositoryLease, type LeaseTimes } from '../repository/repository-lease.ts';
import { readEpochs } from '../wal-archive/epoch.ts';
import { type ArchiveWindows, gapsOf } from '../wal-archive/windows.ts';
import { planRetention, type RetentionSettings, readRetentionFacts } from './facts.ts';
import type { PrunePlan } from './prune-plan.ts';
import { writeTombstone } from './tombstone.ts';

export interface PruneOptions extends RetentionSettings {
  readonly repository: Repository;
  readonly databaseId: string;
  readonly owner: LeaseOwner;
  readonly leases?: LeaseTimes;
  readonly dryRun: boolean;
}

export interface Pruned {
  readonly plan: PrunePlan;
  /** Name of the tombstone that was written; null when nothing was marked. */
  readonly pruneId: string | null;
  /** Where commits may be missing in the archive. */
  readonly gaps: ArchiveWindows['gaps'];
}

/** Marks what the rules do not keep, and deletes what was marked long enough ago and is still not kept. */
export async function prune(options: PruneOptions, context: OperationContext): Promise<Pruned> {
  const { repository, databaseId } = options;
  const { owner, leases } = options;
  if (!options.dryRun) repository.records.requireKey();
  const lease = options.dryRun
    ? undefined
    : await acquireRepositoryLease(
        repository.storage,
        { name: databaseId, purpose: 'backup prune', owner, leases },
        context,
      );
  try {
    const { points } = await repository.points(databaseId);
    const facts = await readRetentionFacts(repository, databaseId, points);
    refuseUnreadable(repository);
    const plan = planRetention(facts, options, context.clock.wallTime());
    const gaps = gapsOf(facts.epochs);
    if (options.dryRun) return { plan, pruneId: null, gaps };
    const pruneId = await mark(options, plan, context);
    await removeMarked(options, plan, context);
    return { plan, pruneId, gaps };
  } finally {
    await lease?.release();
  }
}

/** What a damaged record would keep is not known, so nothing may go. Others cannot condemn anything. */
function refuseUnreadable({ records }: Repository): void {
  const problem = records.problems.find(({ key }) => /^db\/[^/]+\/(marks|wal)\//.test(key));
  if (problem === undefined) return;
  throw new TradedbError(
    'checksum_mismatch',
    `nothing was removed: ${problem.key} says what to keep, but ${problem.message}`,
    {
      hint: 'tradedb backup verify names all of them; put the object back from a copy, or remove it when nothing needs it',
    },
  );
}

async function mark(options: PruneOptions, plan: PrunePlan, context: OperationContext): Promise<string | null> {
  if (plan.tombstone.length === 0) return null;
  const id = Buffer.from(context.random.bytes(4)).toString('hex');
  await writeTombstone(options.repository, options.databaseId, {
    format: 2,
    id,
    createdAt: new Date(context.clock.wallTime()).toISOString(),
    pointIds: plan.tombstone.map((point) => point.id),
  });
  return id;
}

async function removeMarked(options: PruneOptions, plan: PrunePlan, context: OperationContext): Promise<void> {
  const { repository, databaseId } = options;
  const task = context.progress.start({ id: 'prune', label: 'deleting', unit: 'steps', total: plan.remove.length });
  for (const point of plan.remove) {
    throwIfCancelled(context.signal);
    await removePoint(repository, point);
    await removeEpochsOn(repository, point);
    task.advance(1);
  }
  task.done();
  for (const { id } of plan.spentTombstones) await repository.storage.delete(tombstoneKey(databaseId, id));
}

/** The manifest goes first: from then on the point does not exist, whatever of its objects is still there. */
async function removePoint(repository: Repository, point: Manifest): Promise<void> {
  const { database, id } = point;
  await repository.storage.delete(repository.manifestKeyOf(point));
  const keys: string[] = [];
  for await (const { key } of repository.storage.list(pointFolder(database.id, id))) keys.push(key);
  for (const key of keys) await repository.storage.delete(key);
}

/** Archived commits are of no use without the point that they build on. */
async function removeEpochsOn(repository: Repository, point: Manifest): Promise<void> {
  const databaseId = point.database.id;
  for (const epoch of await readEpochs(repository, databaseId)) {
    if (epoch.base.pointId !== point.id) continue;
    const keys: string[] = [];
    for await (const { key } of repository.storage.list(`db/${databaseId}/wal/${epoch.id}`)) keys.push(key);
    // The record goes last: segments without one would be taken for damage.
    keys.sort((a, b) => Number(a.endsWith('epoch.json')) - Number(b.endsWith('epoch.json')));
    for (const key of keys) await repository.storage.delete(key);
  }
}

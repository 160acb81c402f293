import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import type { LeaseOwner } from '../../lease.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { ReadersAtWork, timeOf } from '../repository/reader-lease.ts';
import type { Repository } from '../repository/repository.ts';
import { acquireRepositoryLease, type Fence, type LeaseTimes } from '../repository/repository-lease.ts';
import { readEpochs } from '../wal-archive/epoch.ts';
import { type ArchiveWindows, gapsOf } from '../wal-archive/windows.ts';
import { type CompactionResult, compact, findMergedAway, type MergedAway, plannedResult } from './compact.ts';
import { type CompactionSettings, planCompaction } from './compaction.ts';
import { removeSpent, type SegmentsGone } from './deletion.ts';
import type { Doomed } from './doomed.ts';
import { planRetention, type RetentionFacts, type RetentionSettings, readRetentionFacts } from './facts.ts';
import { findOrphans, type Orphan, type Orphans } from './orphans.ts';
import type { PrunePlan } from './prune-plan.ts';
import { remove, whoNeeds, wordsOf } from './removal.ts';
import { type MergedRange, Tombstones, writeTombstone } from './tombstone.ts';

export interface PruneOptions extends RetentionSettings {
  readonly repository: Repository;
  readonly databaseId: string;
  readonly owner: LeaseOwner;
  readonly leases?: LeaseTimes;
  readonly dryRun: boolean;
  /** Merges old archived commits; undefined: not this time. */
  readonly compaction?: CompactionSettings;
}

export interface Pruned {
  readonly plan: PrunePlan;
  /** Name of the tombstone that was written; null when nothing was marked. */
  readonly pruneId: string | null;
  /** Where commits may be missing in the archive. */
  readonly gaps: ArchiveWindows['gaps'];
  /** Backups that are gone, or would be. */
  readonly removed: readonly Manifest[];
  /** What no backup names: found now, and deleted (or what would be). */
  readonly orphans: Orphans;
  /** What was merged by this run, or would be; null when it was not asked for. */
  readonly compaction: CompactionResult | null;
  /** Segments that merged ones have taken the place of, deleted by this run. */
  readonly mergedAway: SegmentsGone;
  /** Backups that were to go and are left for now, with the reason: somebody reads them. */
  readonly inUse: readonly { readonly id: string; readonly reason: string }[];
}

/** Marks what the rules do not keep, and deletes what was marked long enough ago and is still not kept. */
export async function prune(options: PruneOptions, context: OperationContext): Promise<Pruned> {
  const { repository, databaseId, owner, leases } = options;
  if (options.dryRun) return preview(options, await survey(options, context), context);
  repository.records.requireKey();
  const lease = await acquireRepositoryLease(
    repository.storage,
    { name: databaseId, purpose: 'backup prune', owner, leases },
    context,
  );
  try {
    return await carryOut({ ...options, fence: lease }, await survey(options, context), context);
  } finally {
    await lease.release();
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

interface Survey {
  readonly facts: RetentionFacts;
  readonly plan: PrunePlan;
  readonly orphans: Orphans;
  readonly mergedAway: MergedAway;
  /** Time of the storage; of this machine where nothing may be written. */
  readonly now: number;
  /** What a prune that was killed has begun to delete. */
  readonly begun: Omit<Doomed, 'buildsOn'>;
}

async function survey(options: PruneOptions, context: OperationContext): Promise<Survey> {
  const { repository, databaseId } = options;
  const { points } = await repository.points(databaseId);
  const facts = await readRetentionFacts(repository, databaseId, points);
  const now = options.dryRun ? context.clock.wallTime() : await timeOf(repository.storage, context);
  refuseUnreadable(repository);
  const tombstones = new Tombstones(facts.tombstones);
  const whole = points.filter((point) => !tombstones.isGoing(point.id));
  const plan = planRetention({ ...facts, points: whole }, options, context.clock.wallTime());
  const begun = tombstones.all.filter((one) => one.deleting);
  return {
    facts,
    now,
    orphans: await findOrphans(options, facts, { now, graceMs: options.graceMs }),
    mergedAway: await findMergedAway(options, facts, { now, graceMs: options.graceMs }),
    plan: { ...plan, remove: [...points.filter((point) => tombstones.isGoing(point.id)), ...plan.remove] },
    begun: {
      pointIds: begun.flatMap((one) => one.pointIds),
      epochs: begun.flatMap((one) => one.epochs),
      orphans: begun.flatMap((one) => one.orphans),
      merged: begun.flatMap((one) => one.merged),
    },
  };
}

/** Archived commits are of no use without the point that they build on. */
function doomedBy({ plan, facts: { epochs }, orphans, mergedAway, begun }: Survey): Doomed {
  const idsOf = (kind: Orphan['kind']) => orphans.remove.filter((one) => one.kind === kind).map((one) => one.id);
  const pointIds = [...new Set([...begun.pointIds, ...plan.remove.map((point) => point.id), ...idsOf('point')])];
  const onThem = epochs.filter((epoch) => pointIds.includes(epoch.base.pointId)).map((epoch) => epoch.id);
  const buildsOn = new Map([
    ...plan.remove.flatMap(({ id, parentId }) => (parentId === null ? [] : [[id, parentId] as const])),
    ...epochs.map((epoch) => [epoch.id, epoch.base.pointId] as const),
  ]);
  return {
    pointIds,
    epochs: [...new Set([...begun.epochs, ...onThem, ...idsOf('epoch')])],
    orphans: [...begun.orphans, ...idsOf('point')],
    merged: [...begun.merged, ...mergedAway.remove],
    buildsOn,
  };
}

async function preview(options: PruneOptions, found: Survey, context: OperationContext): Promise<Pruned> {
  const at = { now: found.now, remove: false };
  const readers = await ReadersAtWork.read(options.repository.storage, options.databaseId, at);
  const { compaction } = options;
  const plans =
    compaction === undefined
      ? null
      : await planCompaction(options, found.facts, { ...compaction, now: found.now }, context);
  return {
    ...outcome(found, whoNeeds(doomedBy(found), readers), null),
    compaction: plans === null ? null : plannedResult(plans),
    mergedAway: { segments: 0, bytes: 0 },
  };
}

async function carryOut(
  options: PruneOptions & { readonly fence: Fence },
  found: Survey,
  context: OperationContext,
): Promise<Pruned> {
  const { repository, databaseId, fence, graceMs } = options;
  const { facts, now } = found;
  const merged = await mergeOld(options, found, context);
  const pruneId = await mark(options, { ...found, mergedAway: { ...found.mergedAway, mark: merged.mark } }, context);
  const knownMarks = new Set(facts.marks.map(wordsOf));
  const place = { repository, databaseId, fence, now, knownMarks };
  const removed = await remove(place, doomedBy(found), context);
  await removeSpent(place, graceMs, context);
  return { ...outcome(found, removed.left, pruneId), compaction: merged.compaction, mergedAway: removed.merged };
}

/** Merges what is old enough, and gives everything that has been merged and is to be marked. */
async function mergeOld(
  options: PruneOptions & { readonly fence: Fence },
  { facts, now, mergedAway }: Survey,
  context: OperationContext,
): Promise<{ readonly mark: readonly MergedRange[]; readonly compaction: CompactionResult | null }> {
  const { repository, databaseId, fence, compaction, graceMs } = options;
  for (const key of mergedAway.useless) {
    await fence.check();
    await repository.storage.delete(key);
  }
  if (compaction === undefined) return { mark: mergedAway.mark, compaction: null };
  // Without the useless ones, whose segments are merged anew.
  const before = { ...facts, epochs: await readEpochs(repository, databaseId) };
  const result = await compact(options, before, { ...compaction, now }, context);
  const after = { ...facts, epochs: await readEpochs(repository, databaseId) };
  return { mark: (await findMergedAway(options, after, { now, graceMs })).mark, compaction: result };
}

function outcome(
  { plan, facts, orphans }: Survey,
  left: ReadonlyMap<string, string>,
  pruneId: string | null,
): Omit<Pruned, 'compaction' | 'mergedAway'> {
  const inUse = plan.remove.flatMap(({ id }) => {
    const reason = left.get(id);
    return reason === undefined ? [] : [{ id, reason }];
  });
  return {
    plan,
    pruneId,
    gaps: gapsOf(facts.epochs),
    removed: plan.remove.filter(({ id }) => !left.has(id)),
    orphans: { ...orphans, remove: orphans.remove.filter(({ id }) => !left.has(id)) },
    inUse,
  };
}

async function mark(
  { repository, databaseId, fence }: PruneOptions & { readonly fence: Fence },
  { plan, orphans, mergedAway }: Survey,
  context: OperationContext,
): Promise<string | null> {
  if (plan.tombstone.length + orphans.mark.length + mergedAway.mark.length === 0) return null;
  const idsOf = (kind: Orphan['kind']) => orphans.mark.filter((one) => one.kind === kind).map((one) => one.id);
  const id = Buffer.from(context.random.bytes(4)).toString('hex');
  await fence.check();
  await writeTombstone(repository, databaseId, {
    format: 2,
    id,
    createdAt: new Date(context.clock.wallTime()).toISOString(),
    pointIds: [...plan.tombstone.map((point) => point.id), ...idsOf('point')],
    epochs: idsOf('epoch'),
    orphans: idsOf('point'),
    merged: mergedAway.mark,
    deleting: false,
  });
  return id;
}

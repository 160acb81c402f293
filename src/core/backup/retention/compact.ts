import type { OperationContext } from '../../context.ts';
import { TradedbError, throwIfCancelled } from '../../error.ts';
import type { Fence } from '../repository/repository-lease.ts';
import { merge, mergeGroup } from '../wal-archive/merge.ts';
import { segmentKey } from '../wal-archive/segment-format.ts';
import {
  type CompactionPlace,
  type CompactionSettings,
  mergedPairs,
  type PlannedMerge,
  planCompaction,
  whyNot,
} from './compaction.ts';
import type { RetentionFacts } from './facts.ts';
import type { MergedRange } from './tombstone.ts';

export interface CompactionResult {
  /** Segments that were merged by this run (or would be), and those that stand for them. */
  readonly segmentsBefore: number;
  readonly segmentsAfter: number;
  /** Commits in them that could be restored, and can be. */
  readonly commitsBefore: number;
  readonly commitsAfter: number;
  readonly bytesBefore: number;
  /** Null in a dry run: that is known only afterwards. */
  readonly bytesAfter: number | null;
  /** Segments that could not be merged, with the reason. */
  readonly problems: readonly { readonly epoch: string; readonly fromTx: number; readonly message: string }[];
}

/** What a compaction would do. */
export function plannedResult(plans: readonly PlannedMerge[]): CompactionResult {
  const sum = (of: (plan: PlannedMerge) => number) => plans.reduce((total, plan) => total + of(plan), 0);
  return {
    segmentsBefore: sum((plan) => plan.segments.length),
    segmentsAfter: plans.length,
    commitsBefore: sum((plan) => plan.commits),
    commitsAfter: sum((plan) => plan.states.length),
    bytesBefore: sum((plan) => plan.segments.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0)),
    bytesAfter: null,
    problems: [],
  };
}

const damage: ReadonlySet<string> = new Set(['checksum_mismatch', 'file_not_found']);

/** Writes merged segments beside those they are made of. Damaged ones are left as they are, and said. */
export async function compact(
  place: CompactionPlace & { readonly fence: Fence },
  facts: RetentionFacts,
  settings: CompactionSettings & { readonly now: number },
  context: OperationContext,
): Promise<CompactionResult> {
  const { repository, databaseId, fence } = place;
  await repository.storage.removeUnfinished(mergeGroup(databaseId));
  const plans = await planCompaction(place, facts, settings, context);
  const done: PlannedMerge[] = [];
  const problems: CompactionResult['problems'][number][] = [];
  let bytesAfter = 0;
  const task = context.progress.start({ id: 'compact', label: 'merging', unit: 'steps', total: plans.length });
  for (const plan of plans) {
    throwIfCancelled(context.signal);
    await fence.check();
    try {
      const { sizeBytes } = await merge(repository, { databaseId, epoch: plan.epoch }, plan, context);
      bytesAfter += sizeBytes;
      done.push(plan);
    } catch (error) {
      if (!(error instanceof TradedbError) || !damage.has(error.code)) throw error;
      problems.push({ epoch: plan.epoch, fromTx: plan.segments[0]?.firstTx ?? 0, message: error.message });
    }
    task.advance(1);
  }
  task.done();
  return { ...plannedResult(done), bytesAfter, problems };
}

export interface MergedAway {
  /** What was merged and is not marked yet. */
  readonly mark: readonly MergedRange[];
  /** What was marked longer than the grace time ago. */
  readonly remove: readonly MergedRange[];
  /** Merged segments that cannot take the place of others: damaged, or without a commit that is wanted by now. */
  readonly useless: readonly string[];
}

/** What has been merged, and may be marked or go. */
export async function findMergedAway(
  place: CompactionPlace,
  facts: RetentionFacts,
  { now, graceMs }: { readonly now: number; readonly graceMs: number },
): Promise<MergedAway> {
  const found = { mark: [] as MergedRange[], remove: [] as MergedRange[], useless: [] as string[] };
  for (const pair of mergedPairs(facts.epochs)) {
    const { epoch, firstTx, lastTx, merged } = pair;
    const range = { epoch, firstTx, lastTx };
    if ((await whyNot(place, facts, pair)) !== undefined) {
      found.useless.push(segmentKey(place.databaseId, epoch, merged));
      continue;
    }
    const naming = facts.tombstones.filter((tombstone) => tombstone.merged.some((other) => isSame(other, range)));
    const markedMs = Math.min(...naming.map((tombstone) => tombstone.writtenMs));
    if (markedMs === Number.POSITIVE_INFINITY) found.mark.push(range);
    // The grace time of one that was made anew begins anew.
    else if (Math.max(markedMs, merged.modifiedMs) <= now - graceMs) found.remove.push(range);
  }
  return found;
}

function isSame(a: MergedRange, b: MergedRange): boolean {
  return a.epoch === b.epoch && a.firstTx === b.firstTx && a.lastTx === b.lastTx;
}

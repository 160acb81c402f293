import type { OperationContext } from '../../context.ts';
import { TradedbError, throwIfCancelled } from '../../error.ts';
import { isUnreachable } from '../../storage/storage-error.ts';
import type { Repository } from '../repository/repository.ts';
import { txOfPoint } from '../wal-archive/archived-place.ts';
import type { ArchivedSegment } from '../wal-archive/chain.ts';
import { type MergePlan, type OldSegment, planMerges, startOfCommits } from '../wal-archive/compaction-plan.ts';
import type { Epoch } from '../wal-archive/epoch.ts';
import type { StoredSegment } from '../wal-archive/segment-format.ts';
import { readCommits, readMerged } from '../wal-archive/segment-reading.ts';
import type { RetentionFacts } from './facts.ts';
import { isWithin, type MergedRange } from './tombstone.ts';

/** Old archived commits are merged: `merge` writes segments beside those they are made of, which go by a tombstone later. */

export interface CompactionSettings {
  /** Younger commits stay single. */
  readonly commitWindowMs: number;
  /** Of older ones, the last of each such time can be restored. */
  readonly cellMs: number;
}

export interface CompactionPlace {
  readonly repository: Repository;
  readonly databaseId: string;
}

/** Segments that a merged one stands for, both of which are in the repository. */
export interface MergedPair extends MergedRange {
  readonly merged: StoredSegment;
  readonly segments: readonly ArchivedSegment[];
}

/** What merges of earlier runs have written and what they stand for. */
export function mergedPairs(epochs: readonly Epoch[]): readonly MergedPair[] {
  return epochs.flatMap((epoch) =>
    epoch.unused.flatMap((merged) => {
      const segments = epoch.segments.filter((segment) => isWithin(merged, segment));
      const [first, last] = [segments[0], segments.at(-1)];
      const isSame = first?.firstTx === merged.firstTx && last?.digest === merged.merged;
      const { firstTx, lastTx } = merged;
      return isSame ? [{ epoch: epoch.id, firstTx, lastTx, merged, segments }] : [];
    }),
  );
}

/** Why the segments of a pair have to stay; undefined: the merged one is whole and has every state that is wanted. */
export async function whyNot(
  { repository, databaseId }: CompactionPlace,
  facts: RetentionFacts,
  pair: MergedPair,
): Promise<string | undefined> {
  const epoch = facts.epochs.find((one) => one.id === pair.epoch);
  const previous = pair.segments[0]?.previous ?? null;
  try {
    const merged = { ...pair.merged, previous };
    const { footer } = await readMerged(repository, { databaseId, epoch: pair.epoch }, merged);
    const states = new Set(footer.states.map((state) => state.tx));
    const missing = [...knownWanted(facts, pair.epoch, epoch)].find(([tx]) => {
      return tx >= pair.firstTx && tx <= pair.lastTx && !states.has(tx);
    });
    return missing === undefined ? undefined : `${missing[1]} needs commit ${missing[0]}`;
  } catch (error) {
    if (!(error instanceof TradedbError) || isUnreachable(error)) throw error;
    return error.message;
  }
}

/** Commits that a mark or a restore point names. */
function knownWanted(facts: RetentionFacts, id: string, epoch: Epoch | undefined): ReadonlyMap<number, string> {
  const wanted = new Map<number, string>();
  if (epoch !== undefined) wanted.set(epoch.base.tx, `backup ${epoch.base.pointId}`);
  for (const point of facts.points) {
    if (point.archived?.epoch === id) wanted.set(point.archived.tx, `backup ${point.id}`);
  }
  for (const mark of facts.marks) if (mark.epoch === id) wanted.set(mark.tx, `the mark ${mark.name}`);
  return wanted;
}

export interface PlannedMerge extends MergePlan {
  readonly epoch: string;
}

/** What can be merged now, by the time of the storage. The newest segment of an epoch stays, for whoever goes on behind it. */
export async function planCompaction(
  place: CompactionPlace,
  facts: RetentionFacts,
  settings: CompactionSettings & { readonly now: number },
  context: OperationContext,
): Promise<readonly PlannedMerge[]> {
  place.repository.requireKey();
  const before = startOfCommits(settings.now, settings);
  const pairs = mergedPairs(facts.epochs);
  const plans: PlannedMerge[] = [];
  for (const epoch of facts.epochs) {
    const taken = pairs.filter((pair) => pair.epoch === epoch.id);
    const free = epoch.segments
      .slice(0, -1)
      .filter((segment) => segment.merged === null && !taken.some((pair) => isWithin(pair, segment)));
    const old = await olderThan(before, place, { epoch, free }, context);
    if (old.length === 0) continue;
    const wanted = await wantedCommits(place, facts, { epoch, old });
    const rules = { wanted, cellMs: settings.cellMs };
    plans.push(...planMerges(old, rules).map((plan) => ({ ...plan, epoch: epoch.id })));
  }
  return plans;
}

/** Segments of which every commit lies before that moment. */
async function olderThan(
  before: number,
  { repository, databaseId }: CompactionPlace,
  { epoch, free }: { epoch: Epoch; free: readonly ArchivedSegment[] },
  context: OperationContext,
): Promise<readonly OldSegment[]> {
  const old: OldSegment[] = [];
  for (const segment of free) {
    throwIfCancelled(context.signal);
    const commits = await readCommits(repository, { databaseId, epoch: epoch.id }, segment).catch((error: unknown) => {
      if (error instanceof TradedbError && error.code === 'checksum_mismatch') return undefined;
      throw error;
    });
    // Damaged ones stay as they are: verify names them.
    if (commits === undefined) continue;
    if ((commits.at(-1)?.notAfter ?? Number.POSITIVE_INFINITY) >= before) break;
    old.push({ segment, commits });
  }
  return old;
}

async function wantedCommits(
  { repository, databaseId }: CompactionPlace,
  facts: RetentionFacts,
  { epoch, old }: { epoch: Epoch; old: readonly OldSegment[] },
): Promise<ReadonlySet<number>> {
  const wanted = new Set(knownWanted(facts, epoch.id, epoch).keys());
  const commits = old.flatMap((one) => one.commits);
  const [from, to] = [commits[0]?.notBefore ?? 0, commits.at(-1)?.notAfter ?? 0];
  for (const point of facts.points) {
    const time = Date.parse(point.createdAt);
    if (point.position === null || point.archived !== undefined || time < from || time > to) continue;
    const near = async () => commits.findLast((commit) => commit.notAfter <= time)?.tx;
    const tx = await txOfPoint({ repository, databaseId }, epoch, point, near);
    if (tx !== undefined) wanted.add(tx);
  }
  return wanted;
}

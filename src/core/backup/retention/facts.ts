import type { Manifest } from '../manifest/manifest.ts';
import { type Mark, readMarks } from '../mark.ts';
import type { Repository } from '../repository/repository.ts';
import { readVerified, type VerifiedPoints } from '../verify/verified-points.ts';
import { type Epoch, readEpochs } from '../wal-archive/epoch.ts';
import { type PrunePlan, type PruneRequest, planPrune } from './prune-plan.ts';
import { type Tombstone, Tombstones } from './tombstone.ts';

/** Everything of one database that decides which of its restore points stay. */
export interface RetentionFacts {
  readonly points: readonly Manifest[];
  readonly tombstones: readonly Tombstone[];
  /** Oldest first. */
  readonly epochs: readonly Epoch[];
  readonly marks: readonly Mark[];
  readonly verified: VerifiedPoints;
}

export interface RetentionSettings extends Pick<PruneRequest, 'policy' | 'minimumRedundancy' | 'graceMs'> {
  /** Archived commits younger than this can be restored: what they build on is kept. */
  readonly recoveryWindowMs: number;
}

export async function readRetentionFacts(
  repository: Repository,
  databaseId: string,
  points: readonly Manifest[],
): Promise<RetentionFacts> {
  return {
    points: points.filter((point) => point.database.id === databaseId),
    tombstones: (await Tombstones.read(repository, databaseId)).all,
    epochs: await readEpochs(repository, databaseId),
    marks: await readMarks(repository, databaseId),
    verified: await readVerified(repository, databaseId),
  };
}

/** Which points stay, and why. Pure. */
export function planRetention(facts: RetentionFacts, settings: RetentionSettings, now: number): PrunePlan {
  const { recoveryWindowMs } = settings;
  const policy = { ...settings.policy, recoveryWindowMs };
  return planPrune({ ...settings, ...facts, policy, now, neededFor: neededFor(facts, now - recoveryWindowMs) });
}

/**
 * The words that a list of backups has for the plan: the rules that keep each point, then what holds it back. None: nothing
 * keeps it.
 */
export function keepReasons(plan: PrunePlan): ReadonlyMap<string, readonly string[]> {
  const reasons = new Map(plan.kept.map(({ point, reasons: rules }) => [point.id, rules]));
  for (const { point, reason } of plan.heldBack) reasons.set(point.id, [...(reasons.get(point.id) ?? []), reason]);
  return reasons;
}

/** The newest epoch, each one that went on into the window, and those with a mark that is to be kept. */
function neededFor({ epochs, marks }: RetentionFacts, start: number): ReadonlyMap<string, readonly string[]> {
  const reasons = new Map<string, string[]>();
  const need = (epoch: Epoch, reason: string): void => {
    const { pointId } = epoch.base;
    reasons.set(pointId, [...(reasons.get(pointId) ?? []), reason]);
  };
  for (const [index, epoch] of epochs.entries()) {
    const next = epochs[index + 1];
    if (next === undefined || Date.parse(next.createdAt) > start) need(epoch, 'archive');
  }
  for (const mark of marks) {
    const epoch = mark.keep ? epochs.find((one) => one.id === mark.epoch) : undefined;
    if (epoch !== undefined) need(epoch, `mark ${mark.name}`);
  }
  return reasons;
}

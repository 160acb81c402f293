import { lineageOf } from '../backup/manifest/lineage.ts';
import type { Manifest } from '../backup/manifest/manifest.ts';
import type { Repository } from '../backup/repository/repository.ts';
import { Tombstones } from '../backup/retention/tombstone.ts';
import { TradedbError } from '../error.ts';

/** What the operator wants back. */
export type RestoreTarget =
  | { readonly kind: 'latest' }
  | { readonly kind: 'backup'; readonly id: string }
  /** Milliseconds since 1970 UTC: the newest state not after it. */
  | { readonly kind: 'time'; readonly time: number };

export interface SelectedPoint {
  readonly point: Manifest;
  /** The full point first, the selected one last. */
  readonly lineage: readonly Manifest[];
}

/**
 * The restore point that is meant; `backup_not_found` when there is none. Without a database, a backup is looked for in
 * the whole repository, and everything else in the only database there is.
 */
export async function selectPoint(
  repository: Repository,
  databaseId: string | undefined,
  target: RestoreTarget,
): Promise<SelectedPoint> {
  const { points, damaged } = await repository.points(target.kind === 'backup' ? undefined : databaseId);
  const labels = new Map(points.map((point) => [point.database.id, point.database.label]));
  if (labels.size > 1 && target.kind !== 'backup') {
    throw new TradedbError('usage', 'the repository holds several databases', {
      hint: `name one with --database, or a backup with --backup: ${[...labels.values()].join(', ')}`,
    });
  }
  const doomed = await Promise.all([...labels.keys()].map((id) => Tombstones.read(repository, id)));
  const alive = points.filter((point) => !doomed.some((tombstones) => tombstones.has(point.id)));
  const point = pick(alive, target);
  if (point !== undefined) return { point, lineage: lineageOf(point, new Map(points.map((one) => [one.id, one]))) };
  const broken = damaged.find((one) => target.kind === 'backup' && one.id === target.id);
  if (broken !== undefined) throw broken.error;
  throw notFound(repository, points, target);
}

function pick(points: readonly Manifest[], target: RestoreTarget): Manifest | undefined {
  switch (target.kind) {
    case 'latest':
      return points.at(-1);
    case 'backup': {
      const matching = points.filter((point) => point.id === target.id || point.id.endsWith(`-${target.id}`));
      return matching.length === 1 ? matching[0] : undefined;
    }
    case 'time':
      return points.findLast((point) => Date.parse(point.createdAt) <= target.time);
  }
}

function notFound(repository: Repository, points: readonly Manifest[], target: RestoreTarget): TradedbError {
  const where = JSON.stringify(repository.storage.location);
  const first = points[0];
  if (first === undefined) {
    return new TradedbError('backup_not_found', `there is no backup of this database in ${where}`, {
      hint: 'see all of them with: tradedb backup list --all; the label comes from backup.label or the file name',
    });
  }
  if (target.kind === 'time') {
    const wanted = new Date(target.time).toISOString();
    return new TradedbError('backup_not_found', `there is no backup as old as ${wanted} in ${where}`, {
      hint: `the oldest one is of ${first.createdAt}`,
    });
  }
  const id = target.kind === 'backup' ? target.id : 'latest';
  return new TradedbError('backup_not_found', `there is no backup ${JSON.stringify(id)} in ${where}`, {
    hint: `the newest one is ${points.at(-1)?.id}; see: tradedb backup list`,
  });
}

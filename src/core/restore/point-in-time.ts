import { lineageOf } from '../backup/manifest/lineage.ts';
import type { Manifest } from '../backup/manifest/manifest.ts';
import type { Repository } from '../backup/repository/repository.ts';
import { Tombstones } from '../backup/retention/tombstone.ts';
import { txOfPoint } from '../backup/wal-archive/archived-place.ts';
import type { ArchivedSegment } from '../backup/wal-archive/chain.ts';
import { type Epoch, readEpochs } from '../backup/wal-archive/epoch.ts';
import { type RestorableCommit, readCommits } from '../backup/wal-archive/segment-reading.ts';
import { TradedbError } from '../error.ts';

/** A state between two restore points, by the archived WAL. */
export type ArchiveTarget =
  | { readonly kind: 'latest' }
  /** Milliseconds since 1970 UTC: behind the last commit not after it. */
  | { readonly kind: 'time'; readonly time: number }
  | { readonly kind: 'tx'; readonly tx: number; readonly epoch: string | null };

/** How to get to one commit: a restore point, and the commits after it. */
export interface ReplayRoute {
  readonly lineage: readonly Manifest[];
  readonly epoch: Epoch;
  /** Commit whose state the restore point is. */
  readonly baseTx: number;
  readonly tx: number;
  readonly commit: RestorableCommit;
  /** From the one with commit `baseTx + 1` to the one with commit `tx`. */
  readonly segments: readonly ArchivedSegment[];
  /** Nothing newer is archived: later commits, if there are any, are not known. */
  readonly atEnd: boolean;
}

/** Undefined: the archive has no state for it (no archive, or only older or newer ones). Throws inside a gap. */
export async function routeTo(
  repository: Repository,
  databaseId: string,
  target: ArchiveTarget,
): Promise<ReplayRoute | undefined> {
  const epochs = await readEpochs(repository, databaseId);
  const { points } = await repository.points(databaseId);
  const byId = new Map(points.map((point) => [point.id, point]));
  const epoch = chooseEpoch(epochs, byId, target);
  if (epoch === undefined) return undefined;
  const place = { databaseId, epoch: epoch.id };
  const found =
    target.kind === 'tx'
      ? await commitByNumber(repository, place, epoch, target.tx)
      : await lastCommitBefore(
          repository,
          place,
          epoch,
          target.kind === 'time' ? target.time : Number.POSITIVE_INFINITY,
        );
  if (found === undefined) return undefined;
  const base = await chooseBase(repository, { databaseId, epoch, points, byId, found });
  if (base === undefined) return undefined;
  const lastTx = epoch.segments.at(-1)?.lastTx ?? 0;
  return {
    ...base,
    epoch,
    tx: found.tx,
    commit: found.commit,
    segments: segmentsOfRoute(epoch, base.baseTx, found.tx),
    atEnd: found.tx === lastTx && epoch === epochs.at(-1),
  };
}

/** The segments with the commits behind one and up to another. */
export function segmentsOfRoute(epoch: Epoch, baseTx: number, tx: number): readonly ArchivedSegment[] {
  return epoch.segments.filter((segment) => segment.lastTx > baseTx && segment.firstTx <= tx);
}

function chooseEpoch(
  epochs: readonly Epoch[],
  byId: ReadonlyMap<string, Manifest>,
  target: ArchiveTarget,
): Epoch | undefined {
  if (target.kind === 'latest') return epochs.at(-1);
  if (target.kind === 'tx') {
    const wanted = target.epoch;
    const epoch = wanted === null ? epochs.at(-1) : epochs.findLast((one) => one.id.startsWith(wanted));
    if (epoch !== undefined) return epoch;
    throw new TradedbError('backup_not_found', 'there is no such epoch in the WAL archive', {
      hint:
        epochs.length === 0
          ? 'nothing is archived: tradedb backup archive'
          : `known: ${epochs.map((one) => one.id).join(', ')}`,
    });
  }
  for (const { missing, reason } of epochs) {
    if (missing === null || target.time <= Date.parse(missing.from) || target.time >= Date.parse(missing.to)) continue;
    throw new TradedbError(
      'backup_not_found',
      `what happened between ${missing.from} and ${missing.to} was not archived: ${reason}`,
      { hint: `restore the state of ${missing.from} or of ${missing.to}, or a backup: tradedb backup list` },
    );
  }
  return epochs.findLast((epoch) => {
    const base = byId.get(epoch.base.pointId);
    return base !== undefined && Date.parse(base.createdAt) <= target.time;
  });
}

interface Place {
  readonly databaseId: string;
  readonly epoch: string;
}

interface FoundCommit {
  readonly tx: number;
  readonly commit: RestorableCommit;
}

async function commitByNumber(repository: Repository, place: Place, epoch: Epoch, tx: number): Promise<FoundCommit> {
  const segment = epoch.segments.find((one) => one.firstTx <= tx && tx <= one.lastTx);
  const commits = segment === undefined ? [] : await readCommits(repository, place, segment);
  const commit = commits.find((one) => one.tx === tx);
  if (commit !== undefined) return { tx, commit };
  if (segment === undefined) {
    throw new TradedbError('backup_not_found', `commit ${tx} is not in epoch ${epoch.id} of the WAL archive`, {
      hint: `it holds 1 to ${epoch.segments.at(-1)?.lastTx ?? 0}`,
    });
  }
  const before = commits.findLast((one) => one.tx < tx)?.tx ?? segment.firstTx - 1;
  const after = commits.find((one) => one.tx > tx)?.tx ?? segment.lastTx;
  throw new TradedbError('backup_not_found', `commit ${tx} of epoch ${epoch.id} was merged with those around it`, {
    hint: `the nearest that can be restored: --to-tx ${before}@${epoch.id} or --to-tx ${after}@${epoch.id}`,
  });
}

/** Binary search over the segments, then over the commits of one. */
async function lastCommitBefore(
  repository: Repository,
  place: Place,
  epoch: Epoch,
  time: number,
): Promise<FoundCommit | undefined> {
  let low = 0;
  let high = epoch.segments.length;
  let found: FoundCommit | undefined;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const segment = epoch.segments[middle] as ArchivedSegment;
    const commit = (await readCommits(repository, place, segment)).findLast((one) => one.notAfter <= time);
    if (commit === undefined) {
      high = middle;
    } else {
      found = { tx: commit.tx, commit };
      low = middle + 1;
    }
  }
  return found;
}

/** Points that are looked for in the archive before the base of the epoch is taken. */
const triedPoints = 3;

async function chooseBase(
  repository: Repository,
  search: {
    readonly databaseId: string;
    readonly epoch: Epoch;
    readonly points: readonly Manifest[];
    readonly byId: ReadonlyMap<string, Manifest>;
    readonly found: FoundCommit;
  },
): Promise<{ lineage: readonly Manifest[]; baseTx: number } | undefined> {
  const { epoch, points, byId, found, databaseId } = search;
  const doomed = await Tombstones.read(repository, databaseId);
  const candidates = points
    .filter(
      (point) => (point.archived?.epoch === epoch.id || (point.position?.frame ?? 0) > 0) && !doomed.has(point.id),
    )
    .filter((point) => point.id !== epoch.base.pointId && Date.parse(point.createdAt) <= found.commit.notAfter)
    .slice(-triedPoints)
    .reverse();
  for (const point of candidates) {
    const place = { databaseId, epoch: epoch.id };
    const tx = await txOfPoint({ repository, databaseId }, epoch, point, async () => {
      return (await lastCommitBefore(repository, place, epoch, Date.parse(point.createdAt)))?.tx;
    });
    if (tx !== undefined && tx >= epoch.base.tx && tx <= found.tx)
      return { lineage: lineageOf(point, byId), baseTx: tx };
  }
  const base = byId.get(epoch.base.pointId);
  if (base === undefined || found.tx < epoch.base.tx) return undefined;
  return { lineage: lineageOf(base, byId), baseTx: epoch.base.tx };
}

/**
 * Other ways to the state of a point or a commit: restore points that are not the wanted base, with the archived commits
 * behind them. Newest base first.
 */
export async function* otherRoutes(
  repository: Repository,
  state: { readonly lineage: readonly Manifest[]; readonly route: ReplayRoute | undefined },
): AsyncGenerator<ReplayRoute> {
  const wanted = state.lineage.at(-1) as Manifest;
  const databaseId = wanted.database.id;
  const { points } = await repository.points(databaseId);
  const byId = new Map(points.map((point) => [point.id, point]));
  const doomed = await Tombstones.read(repository, databaseId);
  const epochs = await readEpochs(repository, databaseId);
  for (const epoch of epochs.filter((one) => state.route === undefined || one.id === state.route.epoch.id)) {
    const place = { databaseId, epoch: epoch.id };
    const txOf = (point: Manifest) =>
      txOfPoint({ repository, databaseId }, epoch, point, async () => {
        return (await lastCommitBefore(repository, place, epoch, Date.parse(point.createdAt)))?.tx;
      });
    const tx = state.route?.tx ?? (await txOf(wanted));
    if (tx === undefined || tx === 0) continue;
    const found = await commitByNumber(repository, place, epoch, tx);
    for (const point of [...points].reverse()) {
      if (point.id === wanted.id || doomed.has(point.id) || Date.parse(point.createdAt) > found.commit.notAfter)
        continue;
      const baseTx = await txOf(point);
      if (baseTx === undefined || baseTx > tx) continue;
      const segments = segmentsOfRoute(epoch, baseTx, tx);
      yield { lineage: lineageOf(point, byId), epoch, baseTx, ...found, segments, atEnd: state.route?.atEnd ?? false };
    }
  }
}

import type { Mark } from '../../core/backup/mark.ts';
import type { Repository } from '../../core/backup/repository/repository.ts';
import type { ArchivedSegment } from '../../core/backup/wal-archive/chain.ts';
import type { Epoch } from '../../core/backup/wal-archive/epoch.ts';
import { TradedbError } from '../../core/error.ts';
import { type BackupShowData, lineageData, nothingShown, type ShownCommit, type ShownEpoch } from './show-data.ts';

/** A database of the repository. */
export interface ShownPlace {
  readonly repository: Repository;
  readonly databaseId: string;
  readonly label: string;
}

/** An unbroken chain of archived commits. */
export async function showEpoch(place: ShownPlace, epoch: Epoch): Promise<BackupShowData> {
  const { readWindows } = await import('../../core/backup/wal-archive/windows.ts');
  const { epochKey } = await import('../../core/backup/wal-archive/epoch.ts');
  const { repository, databaseId, label } = place;
  const { windows } = await readWindows(repository, databaseId, [epoch]);
  const [window, last] = [windows[0], windows.at(-1)];
  const key = epochKey(databaseId, epoch.id);
  const record = { key, sizeBytes: (await repository.storage.read(key)).length, sha256: null };
  return {
    ...nothingShown,
    kind: 'epoch',
    database: label,
    epoch: epochData(epoch),
    objects: [record, ...(await segmentObjects(place, epoch, epoch.segments))],
    restorable:
      window === undefined || last === undefined
        ? null
        : { epoch: epoch.id, fromTx: window.fromTx, toTx: last.toTx, toTime: last.toTime },
  };
}

/** A named commit, and what a restore of it reads. */
export async function showMark(place: ShownPlace, mark: Mark, epoch: Epoch | undefined): Promise<BackupShowData> {
  const { format: _, name, epoch: id, tx, time, note, keep } = mark;
  const base = { ...nothingShown, kind: 'mark', database: place.label } as const;
  const named = { name, epoch: id, tx, time, note, keep };
  if (epoch === undefined) return { ...base, mark: named };
  const shown = { ...base, mark: named, epoch: epochData(epoch) };
  if (place.repository.isLocked) return shown;
  const { routeTo } = await import('../../core/restore/point-in-time.ts');
  const route = await routeTo(place.repository, place.databaseId, { kind: 'tx', tx, epoch: id });
  if (route === undefined) return shown;
  return {
    ...shown,
    commits: await commitsOf(place, epoch, { from: tx, to: tx }),
    lineage: lineageData(route.lineage),
    objects: await segmentObjects(place, epoch, route.segments),
    restorable: { epoch: id, fromTx: tx, toTx: tx, toTime: new Date(route.commit.notAfter).toISOString() },
  };
}

/** Single commits with their times; needs the key of an encrypted repository. */
export async function showCommits(
  place: ShownPlace,
  epoch: Epoch,
  range: { readonly from: number; readonly to: number },
): Promise<BackupShowData> {
  const commits = await commitsOf(place, epoch, range);
  const last = commits.at(-1);
  if (last === undefined) {
    throw new TradedbError('backup_not_found', `there is no commit ${range.from} in epoch ${epoch.id}`, {
      hint: `it holds 1 to ${epoch.segments.at(-1)?.lastTx ?? 0}`,
    });
  }
  return {
    ...nothingShown,
    kind: 'commits',
    database: place.label,
    epoch: epochData(epoch),
    commits,
    objects: await segmentObjects(place, epoch, segmentsIn(epoch, range)),
    restorable: { epoch: epoch.id, fromTx: range.from, toTx: last.tx, toTime: last.notAfter },
  };
}

function segmentsIn(epoch: Epoch, { from, to }: { from: number; to: number }): readonly ArchivedSegment[] {
  return epoch.segments.filter(({ firstTx, lastTx }) => lastTx >= from && firstTx <= to);
}

async function commitsOf(
  { repository, databaseId }: ShownPlace,
  epoch: Epoch,
  range: { readonly from: number; readonly to: number },
): Promise<readonly ShownCommit[]> {
  repository.requireKey();
  const { readFrameCounts } = await import('../../core/backup/wal-archive/segment-reading.ts');
  const place = { databaseId, epoch: epoch.id };
  const found: ShownCommit[] = [];
  for (const segment of segmentsIn(epoch, range)) {
    for (const commit of await readFrameCounts(repository, place, segment)) {
      const { tx, frames } = commit;
      if (tx < range.from || tx > range.to) continue;
      found.push({
        tx,
        notBefore: new Date(commit.notBefore).toISOString(),
        notAfter: new Date(commit.notAfter).toISOString(),
        frames,
        databasePages: commit.pages,
      });
    }
  }
  return found;
}

async function segmentObjects(
  { databaseId }: ShownPlace,
  epoch: Epoch,
  segments: readonly ArchivedSegment[],
): Promise<BackupShowData['objects']> {
  const { segmentKey } = await import('../../core/backup/wal-archive/segment-format.ts');
  return segments.map((segment) => ({
    key: segmentKey(databaseId, epoch.id, segment),
    sizeBytes: segment.sizeBytes,
    sha256: segment.digest,
  }));
}

function epochData({ id, createdAt, base, parent, reason, missing, segments }: Epoch): ShownEpoch {
  const storedBytes = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { id, createdAt, base, parent, reason, missing, segments: segments.length, storedBytes };
}

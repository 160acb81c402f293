import type { Repository } from '../repository/repository.ts';
import type { ArchivedSegment } from './chain.ts';
import type { Epoch } from './epoch.ts';
import { endOf, readCommits } from './segment-reading.ts';

export interface ArchiveWindow {
  readonly epoch: string;
  /** Restore point that it builds on. */
  readonly base: string;
  readonly fromTime: string;
  readonly toTime: string;
  readonly fromTx: number;
  readonly toTx: number;
  /** False where old commits were merged: then only some of them can be restored. */
  readonly perCommit: boolean;
}

export interface ArchiveWindows {
  readonly windows: readonly ArchiveWindow[];
  readonly gaps: readonly { readonly fromTime: string; readonly toTime: string; readonly reason: string }[];
}

/** The times in which commits of a database can be restored, oldest first, and the holes between them. */
export async function readWindows(
  repository: Repository,
  databaseId: string,
  epochs: readonly Epoch[],
): Promise<ArchiveWindows> {
  const windows: ArchiveWindow[] = [];
  for (const epoch of epochs) {
    const end = repository.isLocked ? storedEnd(epoch) : await endOf(repository, databaseId, epoch);
    if (end === null) continue;
    const common = { epoch: epoch.id, base: epoch.base.pointId };
    const from = { fromTime: epoch.createdAt, fromTx: epoch.base.tx };
    const to = { toTime: new Date(end.lastNotAfter).toISOString(), toTx: end.lastTx };
    const merged = epoch.segments.findLast((segment) => segment.merged !== null);
    const border = merged === undefined ? undefined : await borderBehind(repository, databaseId, epoch, merged);
    if (border === undefined) {
      windows.push({ ...common, ...from, ...to, perCommit: merged === undefined });
      continue;
    }
    windows.push({ ...common, ...from, toTime: border.time, toTx: border.tx, perCommit: false });
    if (border.tx < to.toTx)
      windows.push({ ...common, fromTime: border.time, fromTx: border.tx, ...to, perCommit: true });
  }
  return { windows, gaps: gapsOf(epochs) };
}

/** From where on every commit can be restored; undefined without the key of an encrypted repository. */
async function borderBehind(
  repository: Repository,
  databaseId: string,
  epoch: Epoch,
  merged: ArchivedSegment,
): Promise<{ readonly tx: number; readonly time: string } | undefined> {
  if (repository.isLocked) return undefined;
  const last = (await readCommits(repository, { databaseId, epoch: epoch.id }, merged)).at(-1);
  return last === undefined ? undefined : { tx: last.tx, time: new Date(last.notAfter).toISOString() };
}

/** Where commits may be missing between two epochs. */
export function gapsOf(epochs: readonly Epoch[]): ArchiveWindows['gaps'] {
  return epochs.flatMap(({ missing, reason }) =>
    missing === null ? [] : [{ fromTime: missing.from, toTime: missing.to, reason }],
  );
}

/** Without the key of an encrypted repository: when the last segment was stored, which is shortly after its last commit. */
function storedEnd({ segments }: Epoch): { lastTx: number; lastNotAfter: number } | null {
  const last = segments.at(-1);
  return last === undefined ? null : { lastTx: last.lastTx, lastNotAfter: last.modifiedMs };
}

import type { Repository } from '../repository/repository.ts';
import type { Epoch } from './epoch.ts';
import { endOf } from './segment-reading.ts';

export interface ArchiveWindow {
  readonly epoch: string;
  /** Restore point that it builds on. */
  readonly base: string;
  readonly fromTime: string;
  readonly toTime: string;
  readonly fromTx: number;
  readonly toTx: number;
  readonly perCommit: true;
}

export interface ArchiveWindows {
  readonly windows: readonly ArchiveWindow[];
  readonly gaps: readonly { readonly fromTime: string; readonly toTime: string; readonly reason: string }[];
}

/** The times in which every commit of a database can be restored, and the holes between them. */
export async function readWindows(
  repository: Repository,
  databaseId: string,
  epochs: readonly Epoch[],
): Promise<ArchiveWindows> {
  const windows: ArchiveWindow[] = [];
  for (const epoch of epochs) {
    const end = repository.isLocked ? storedEnd(epoch) : await endOf(repository, databaseId, epoch);
    if (end === null) continue;
    windows.push({
      epoch: epoch.id,
      base: epoch.base.pointId,
      fromTime: epoch.createdAt,
      toTime: new Date(end.lastNotAfter).toISOString(),
      fromTx: epoch.base.tx,
      toTx: end.lastTx,
      perCommit: true,
    });
  }
  return { windows, gaps: gapsOf(epochs) };
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

import type { Manifest } from '../../core/backup/manifest/manifest.ts';
import type { ArchiveWindow } from '../../core/backup/wal-archive/windows.ts';

/** The archived commits that go on from a point; undefined when none do. */
export function restorableFrom(point: Manifest, windows: readonly ArchiveWindow[]): ArchiveWindow | undefined {
  const found = windows.findLast(
    ({ epoch, base, fromTime, toTime }) =>
      base === point.id ||
      point.archived?.epoch === epoch ||
      (point.position !== null && point.createdAt >= fromTime && point.createdAt <= toTime),
  );
  // Old commits of its epoch may have a window of their own.
  return windows.findLast((window) => window.epoch === found?.epoch);
}

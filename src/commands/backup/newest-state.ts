import type { ArchiveStatus } from '../../core/backup/wal-archive/status-file.ts';

interface Known {
  /** ISO 8601. */
  readonly points: readonly { readonly createdAt: string }[];
  readonly windows: readonly { readonly toTime: string }[];
  readonly status: ArchiveStatus | undefined;
}

/** The moment of the newest state in the repository, in milliseconds since 1970 UTC; undefined without any. */
export function newestState({ points, windows, status }: Known): number | undefined {
  // An archiver at work that has nothing left to do knows that nothing newer was committed.
  const durable = status?.running === true ? status.durableAt : null;
  const times = [...points.map((one) => one.createdAt), ...windows.map((one) => one.toTime), durable ?? '']
    .map((time) => Date.parse(time))
    .filter((time) => !Number.isNaN(time));
  return times.length === 0 ? undefined : Math.max(...times);
}

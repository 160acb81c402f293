import type { ResolvedState } from '../../core/restore/resolve-target.ts';

export interface StateFacts {
  readonly target: {
    readonly time: string;
    readonly backup: string | null;
    /** Archived commit; null for a backup as it is. */
    readonly tx: number | null;
    readonly epoch: string | null;
    /** The commit happened within this time before `time`. */
    readonly uncertaintyMs: number | null;
  };
  /** Backups that are read, and the archived commits after them. */
  readonly route: { readonly points: readonly string[]; readonly segments: number; readonly commits: number };
  readonly bytes: { readonly read: number; readonly written: number };
}

/** What the commands of restore say about the state that they bring back. */
export function stateFacts({ lineage, route, time }: ResolvedState): StateFacts {
  const point = lineage.at(-1);
  const pages = Math.max(point?.database.pageCount ?? 0, route?.commit.pages ?? 0);
  const segments = route?.segments ?? [];
  return {
    target: {
      time,
      backup: point?.id ?? null,
      tx: route?.tx ?? null,
      epoch: route?.epoch.id ?? null,
      uncertaintyMs: route === undefined ? null : route.commit.notAfter - route.commit.notBefore,
    },
    route: {
      points: lineage.map(({ id }) => id),
      segments: segments.length,
      commits: route === undefined ? 0 : route.tx - route.baseTx,
    },
    bytes: {
      read: [...lineage.map((one) => one.storedBytes), ...segments.map((one) => one.sizeBytes)].reduce(
        (a, b) => a + b,
        0,
      ),
      written: pages * (point?.database.pageSizeBytes ?? 0),
    },
  };
}

import type { Manifest } from '../../core/backup/manifest/manifest.ts';

/** Where a backup lies among the archived commits. */
export interface PointPosition {
  /** Null until the archive reaches it. */
  readonly epoch: string | null;
  readonly tx: number | null;
  /** Generation of the WAL and last frame of the snapshot; null for one that was made of archived commits or by SQLite. */
  readonly salt1: number | null;
  readonly salt2: number | null;
  readonly frame: number | null;
}

export function pointPosition({ position, archived }: Manifest): PointPosition | null {
  if (position === null && archived === undefined) return null;
  const { salt1 = null, salt2 = null, frame = null } = position ?? {};
  return { epoch: archived?.epoch ?? null, tx: archived?.tx ?? null, salt1, salt2, frame };
}

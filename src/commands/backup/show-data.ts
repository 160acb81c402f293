import type { Manifest } from '../../core/backup/manifest/manifest.ts';
import type { Mark } from '../../core/backup/mark.ts';

/** An object of a repository with the digest that its name carries; null where the object carries its own. */
export interface ShownObject {
  readonly key: string;
  readonly sizeBytes: number;
  readonly sha256: string | null;
}

export interface ShownEpoch {
  readonly id: string;
  readonly createdAt: string;
  readonly base: { readonly pointId: string; readonly tx: number };
  readonly parent: { readonly id: string; readonly lastTx: number } | null;
  readonly reason: string;
  readonly missing: { readonly from: string; readonly to: string } | null;
  readonly segments: number;
  readonly storedBytes: number;
}

export interface ShownCommit {
  readonly tx: number;
  /** ISO 8601: it happened between these moments. */
  readonly notBefore: string;
  readonly notAfter: string;
  /** Pages that it wrote, each as often as it was written. */
  readonly frames: number;
  /** Size of the database after it. */
  readonly databasePages: number;
}

export interface BackupShowData {
  readonly kind: 'backup' | 'mark' | 'epoch' | 'commits';
  readonly database: string;
  /** Of a backup. */
  readonly manifest: Manifest | null;
  /** Of a backup: as in the list. */
  readonly verifiedLevel: number | null;
  readonly verifiedAt: string | null;
  readonly keepReasons: readonly string[];
  readonly tombstoned: boolean;
  /** Points that build on it. */
  readonly children: readonly string[];
  readonly mark: Omit<Mark, 'format'> | null;
  /** Of an epoch, of commits, and of the epoch that a mark is in. */
  readonly epoch: ShownEpoch | null;
  readonly commits: readonly ShownCommit[];
  /** Points that a restore reads, the full one first. */
  readonly lineage: readonly {
    readonly id: string;
    readonly type: string;
    readonly createdAt: string;
    readonly storedBytes: number;
  }[];
  /** Its own objects; of a mark the segments that a restore reads behind the points. */
  readonly objects: readonly ShownObject[];
  /** Commits that can be restored from here; null when there are none, or it cannot be told without the key. */
  readonly restorable: {
    readonly epoch: string;
    readonly fromTx: number;
    readonly toTx: number;
    readonly toTime: string;
  } | null;
}

export const nothingShown = {
  manifest: null,
  verifiedLevel: null,
  verifiedAt: null,
  keepReasons: [],
  tombstoned: false,
  children: [],
  mark: null,
  epoch: null,
  commits: [],
  lineage: [],
  objects: [],
  restorable: null,
} as const;

export function lineageData(lineage: readonly Manifest[]): BackupShowData['lineage'] {
  return lineage.map(({ id, type, createdAt, storedBytes }) => ({ id, type, createdAt, storedBytes }));
}

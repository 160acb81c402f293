import type { Manifest } from '../manifest/manifest.ts';
import type { Repository } from '../repository/repository.ts';

/** 1 structure, 2 stored bytes, 3 content. */
export type VerifyLevel = 1 | 2 | 3;

export interface VerifyProblem {
  readonly key: string;
  /** Number of the chunk in its pack, from 0; null when it is about the whole object. */
  readonly chunk: number | null;
  readonly kind: 'missing' | 'damaged' | 'size' | 'unreadable' | 'orphan_lineage';
  readonly message: string;
  /** Restore points that need the object, by id. */
  readonly affectedPoints: readonly string[];
}

export interface Verification {
  readonly level: VerifyLevel;
  readonly points: number;
  readonly objects: {
    readonly total: number;
    readonly checked: number;
    readonly damaged: number;
    readonly missing: number;
  };
  readonly bytesRead: number;
  readonly problems: readonly VerifyProblem[];
}

export interface VerifyRequest {
  readonly repository: Repository;
  /** Points to verify, and all points of their databases (to know what else an object serves). */
  readonly points: readonly Manifest[];
  readonly allPoints: readonly Manifest[];
  readonly level: VerifyLevel;
  /** Share of the packs that is read from level 2 on, 0 to 1. */
  readonly sample: number;
  readonly workers: number;
}

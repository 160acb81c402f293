import type { Repository } from '../repository/repository.ts';
import type { Fence } from '../repository/repository-lease.ts';
import type { MergedRange } from './tombstone.ts';

/** What is to go. */
export interface Doomed {
  readonly pointIds: readonly string[];
  readonly epochs: readonly string[];
  /** Those of the points that have no manifest. */
  readonly orphans: readonly string[];
  /** Segments whose commits were merged: the merged ones stay. */
  readonly merged: readonly MergedRange[];
  /** What each one builds on: a point on its parent, an epoch on its base. */
  readonly buildsOn: ReadonlyMap<string, string>;
}

export interface RemovalPlace {
  readonly repository: Repository;
  readonly databaseId: string;
  readonly fence: Fence;
  /** Time of the storage. */
  readonly now: number;
  /** Marks that were there when it was decided, by `wordsOf`. */
  readonly knownMarks: ReadonlySet<string>;
}

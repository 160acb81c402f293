import type { VersionState } from '../history.ts';
import type { MigrationFile } from '../migration.ts';
import { compareVersions, isRepeatable, type Version, versionKey } from '../version.ts';

export type Squashed = Pick<MigrationFile, 'version' | 'file' | 'sha256' | 'replaces'>;

/** How much of what a squashed file stands for a database has. */
export interface Coverage {
  /** `itself`: the file is recorded already; `edited`: it is, with another content. */
  readonly kind: 'none' | 'some' | 'all' | 'itself' | 'edited';
  readonly applied: number;
}

export function replacesVersion({ replaces }: Pick<MigrationFile, 'replaces'>, version: Version): boolean {
  if (replaces === undefined || isRepeatable(version)) return false;
  return compareVersions(version, replaces.first) >= 0 && compareVersions(version, replaces.last) <= 0;
}

export function coverageOf(file: Squashed, states: ReadonlyMap<string, VersionState>): Coverage {
  const applied = [...states.values()].filter(
    (state) => state.applied !== undefined && replacesVersion(file, state.version),
  );
  const own = states.get(versionKey(file.version))?.applied;
  if (own?.sha256 === file.sha256) return { kind: 'itself', applied: applied.length };
  if (applied.length === 0) return { kind: 'none', applied: 0 };
  // Alone in the range, the version can only be that of the file itself: the originals were more than one.
  if (own !== undefined && (own.event === 'squashed' || applied.length === 1)) return { kind: 'edited', applied: 1 };
  const complete = own !== undefined && file.replaces?.counts.includes(applied.length) === true;
  return { kind: complete ? 'all' : 'some', applied: applied.length };
}

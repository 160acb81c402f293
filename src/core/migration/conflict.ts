import type { Finding } from '../report.ts';
import type { VersionState } from './history.ts';
import { directionOf } from './long/progress.ts';
import type { MigrationFile } from './migration.ts';
import { coverageOf, replacesVersion, type Squashed } from './squash/coverage.ts';
import { compareVersions, isRepeatable, type Version, versionKey } from './version.ts';

export type ConflictClass = 'edited' | 'missing' | 'late' | 'duplicate' | 'interrupted';

export interface Conflict {
  readonly class: ConflictClass;
  readonly version: Version;
  readonly files: readonly string[];
  readonly detail: string;
  /** Of an interrupted version that was being taken back. */
  readonly direction?: 'down';
}

const hints: Readonly<Record<ConflictClass, string>> = {
  edited:
    'restore the file and put the change into a new one; or, when the edit changes nothing: tradedb migrate resolve <version> --accept-edit',
  missing: 'bring the file back (it may be on another branch), or: tradedb migrate resolve <version> --forget',
  late: 'tradedb migrate resolve <version> --renumber, or accept the order with --allow-out-of-order',
  duplicate: 'tradedb migrate resolve <version> --renumber --file <file>',
  interrupted: 'run tradedb migrate up, which goes on where it stopped, or: tradedb migrate resolve <version> --abort',
};

/** All differences between the folder and the history that must be settled by a person, in order of version. */
export function findConflicts(
  files: readonly MigrationFile[],
  states: ReadonlyMap<string, VersionState>,
  options: { readonly allowOutOfOrder?: boolean } = {},
): Conflict[] {
  const byKey = Map.groupBy(files, (file) => versionKey(file.version));
  const newest = newestApplied(states);
  const conflicts: Conflict[] = [];
  for (const [key, group] of byKey) {
    const file = group[0] as MigrationFile;
    if (file.kind === 'repeatable') continue;
    const state = states.get(key);
    if (group.length > 1) {
      const names = group.map((one) => one.file);
      conflicts.push({
        class: 'duplicate',
        version: file.version,
        files: names,
        detail: `${names.join(' and ')} have one version`,
      });
    } else if (file.replaces !== undefined && coverageOf(file, states).kind !== 'none') {
      const conflict = squashConflict(file, states);
      if (conflict !== undefined) conflicts.push(conflict);
    } else if (state?.applied !== undefined) {
      const { applied } = state;
      if (applied.sha256 !== null && applied.sha256 !== file.sha256) {
        conflicts.push({
          class: 'edited',
          version: file.version,
          files: [file.file],
          detail: `${file.file} was changed after it was applied on ${applied.at.slice(0, 10)}`,
        });
      }
    } else if (
      state?.row.event !== 'started' &&
      options.allowOutOfOrder !== true &&
      newest !== undefined &&
      compareVersions(file.version, newest) < 0
    ) {
      conflicts.push({
        class: 'late',
        version: file.version,
        files: [file.file],
        detail: `${file.file} is not applied, but the newer ${newest} is`,
      });
    }
  }
  const squashed = files.filter((file) => file.replaces !== undefined);
  for (const [key, state] of states) {
    if (squashed.some((file) => replacesVersion(file, state.version))) continue;
    conflicts.push(...withoutFile(state, byKey.get(key) ?? []));
  }
  return conflicts.sort((left, right) => compareVersions(left.version, right.version));
}

/** A squashed file fits on all of what it replaces or on nothing of it. */
function squashConflict(file: Squashed, states: ReadonlyMap<string, VersionState>): Conflict | undefined {
  const { replaces } = file;
  const { kind, applied } = coverageOf(file, states);
  if (replaces === undefined || kind === 'itself' || kind === 'all') return undefined;
  if (kind === 'edited') {
    const at = states.get(versionKey(file.version))?.applied?.at.slice(0, 10);
    const detail = `${file.file} was changed after it was applied on ${at}`;
    return { class: 'edited', version: file.version, files: [file.file], detail };
  }
  return {
    class: 'missing',
    version: file.version,
    files: [file.file],
    detail: `${file.file} stands for ${replaces.counts.join(' or ')} versions from ${replaces.first} to ${replaces.last}, of which ${applied} are applied: bring the original files back, apply them, and squash afterwards`,
  };
}

function withoutFile(state: VersionState, files: readonly MigrationFile[]): Conflict[] {
  const { version, row, applied } = state;
  if (row.event === 'started') {
    const down = directionOf(row.progress) === 'down';
    return [
      {
        class: 'interrupted',
        version,
        files: files.map((file) => file.file),
        detail: `${version}_${row.name} was ${down ? 'being taken back' : 'started'} on ${row.at.slice(0, 10)} and has not ended`,
        ...(down ? { direction: 'down' } : {}),
      },
    ];
  }
  // A row that another tool's table gave without a checksum promises no file.
  if (
    applied === undefined ||
    applied.kind === 'repeatable' ||
    files.length > 0 ||
    (applied.event === 'imported' && applied.sha256 === null)
  )
    return [];
  return [
    { class: 'missing', version, files: [], detail: `${version}_${applied.name} is applied, but its file is gone` },
  ];
}

export function newestApplied(states: ReadonlyMap<string, VersionState>): Version | undefined {
  let newest: Version | undefined;
  for (const state of states.values()) {
    if (state.applied === undefined || isRepeatable(state.version)) continue;
    if (newest === undefined || compareVersions(state.version, newest) > 0) newest = state.version;
  }
  return newest;
}

export function conflictFinding(conflict: Conflict): Finding {
  return {
    id: `migration.${conflict.class}`,
    severity: 'critical',
    message: conflict.detail,
    subject: conflict.version,
    hint: hints[conflict.class]
      .replace('migrate up,', `migrate ${conflict.direction ?? 'up'},`)
      .replace('<version>', conflict.version),
  };
}

/** An interrupted version is no reason to stop for the run that goes on with it. */
export function isResumable(conflict: Conflict, direction: 'up' | 'down'): boolean {
  if (conflict.class !== 'interrupted' || (conflict.direction ?? 'up') !== direction) return false;
  return direction === 'down' || conflict.files.length === 1;
}

import type { MigrationFile } from './migration.ts';
import { compareVersions, isRepeatable, versionKey } from './version.ts';

/** Why a folder does not fit on top of another state of it. */
export interface BaseProblem {
  readonly kind: 'late' | 'duplicate' | 'edited' | 'removed';
  readonly file: string;
  readonly message: string;
  readonly hint: string;
}

/**
 * Compares the folder with what it was at the base of a merge. Databases that have the base applied would refuse each
 * of these: new files older than the newest of the base, versions that the base has in another file, edits, removals.
 */
export function compareWithBase(folder: readonly MigrationFile[], base: readonly MigrationFile[]): BaseProblem[] {
  const versions = base.filter((file) => !isRepeatable(file.version));
  const byKey = new Map(versions.map((file) => [versionKey(file.version), file]));
  const newest = versions.at(-1);
  const problems: BaseProblem[] = [];
  for (const file of folder) {
    if (isRepeatable(file.version)) continue;
    const old = byKey.get(versionKey(file.version));
    const renumber = `tradedb migrate resolve ${file.version} --renumber --file ${file.file}`;
    if (old === undefined && newest !== undefined && compareVersions(file.version, newest.version) < 0) {
      problems.push({
        kind: 'late',
        file: file.file,
        message: `is new, but older than ${newest.file} of the base`,
        hint: renumber,
      });
    } else if (old !== undefined && old.file !== file.file && folder.some((one) => one.file === old.file)) {
      problems.push({
        kind: 'duplicate',
        file: file.file,
        message: `has the version of ${old.file} of the base`,
        hint: renumber,
      });
    } else if (old !== undefined && old.sha256 !== file.sha256) {
      problems.push({
        kind: 'edited',
        file: file.file,
        message: 'differs from the base, where it may be applied already',
        hint: 'put the change into a new file',
      });
    }
  }
  const here = new Set(folder.map((file) => versionKey(file.version)));
  for (const old of versions) {
    if (here.has(versionKey(old.version))) continue;
    problems.push({
      kind: 'removed',
      file: old.file,
      message: 'is in the base, but not here',
      hint: 'bring it back: databases may have it applied',
    });
  }
  return problems;
}

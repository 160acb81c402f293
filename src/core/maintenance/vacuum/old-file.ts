import { readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** The files that a compaction leaves aside: `<name>.before-vacuum-20260301T093105Z`. */

const marker = '.before-vacuum-';

export interface OldFile {
  readonly path: string;
  readonly sizeBytes: number;
}

/** Name for the file that is replaced at `wallTime` (ms since 1970). */
export function oldFileName(database: string, wallTime: number): string {
  const stamp = new Date(wallTime).toISOString().replace(/[-:]|\.\d+/g, '');
  return `${basename(database)}${marker}${stamp}`;
}

/** The old files of a database that were put aside more than `keepMs` before `wallTime`, by name. */
export function expiredOldFiles(database: string, keepMs: number, wallTime: number): OldFile[] {
  const folder = dirname(database);
  const prefix = `${basename(database)}${marker}`;
  return readdirSync(folder)
    .filter((name) => name.startsWith(prefix))
    .filter((name) => {
      const at = stampTime(name.slice(prefix.length));
      return at !== undefined && wallTime - at >= keepMs;
    })
    .sort()
    .map((name) => join(folder, name))
    .map((path) => ({ path, sizeBytes: statSync(path).size }));
}

export function removeOldFiles(files: readonly OldFile[]): void {
  for (const { path } of files) rmSync(path, { force: true });
}

/** Only names that were made here: a file that somebody named by hand is not ours to delete. */
function stampTime(stamp: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

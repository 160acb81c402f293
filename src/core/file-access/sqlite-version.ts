import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';

export interface LoadedSqlite {
  /** Such as `3.40.1`. */
  readonly version: string;
  /** The mapped file that it was found in. */
  readonly file: string;
}

/** A library of SQLite is 1 to 3 MB. What is far larger, such as a program with SQLite inside, is not searched. */
const largestFile = 24 * 1024 * 1024;

/**
 * Which SQLite a process has loaded, by the version text inside of the library or program that it has mapped. Undefined
 * where that cannot be known: another user's process, a deleted file, SQLite inside of a large program.
 */
export function loadedSqlite(pid: number, known: Map<string, string | undefined>): LoadedSqlite | undefined {
  for (const file of candidates(pid)) {
    if (!known.has(file)) known.set(file, versionInside(file));
    const version = known.get(file);
    if (version !== undefined) return { version, file };
  }
  return undefined;
}

/** Mapped libraries with SQLite in their name and add-ons of Node first, then the program itself. */
function candidates(pid: number): string[] {
  let maps: string;
  try {
    maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
  } catch {
    return [];
  }
  // address perms offset dev inode path; a path may hold spaces.
  const paths = maps.split('\n').flatMap((line) => /^\S+ r\S+ \S+ \S+ \d+ +(\/.*)$/.exec(line)?.[1] ?? []);
  const files = [...new Set(paths)];
  return [...files.filter((file) => /sqlite|\.node$/i.test(basename(file))), ...files.slice(0, 1)];
}

function versionInside(file: string): string | undefined {
  try {
    const stats = statSync(file);
    if (!stats.isFile() || stats.size > largestFile) return undefined;
    const text = readFileSync(file, 'latin1');
    // SQLITE_SOURCE_ID: only a file with SQLite itself inside has it.
    if (!/20\d\d-\d\d-\d\d \d\d:\d\d:\d\d [0-9a-f]{40}/.test(text)) return undefined;
    return /(?<![\w.])(3\.\d{1,2}\.\d{1,2}(?:\.\d{1,2})?)\u0000/.exec(text)?.[1];
  } catch {
    return undefined;
  }
}

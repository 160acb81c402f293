import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fromFileSystem } from '../error.ts';
import { makeFolder } from '../make-folder.ts';

/** What one run of maintenance gave back. */
export interface FreedEntry {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Absolute path, links resolved. */
  readonly database: string;
  readonly command: 'vacuum run' | 'vacuum archive';
  /** The way of a vacuum; the tables of an archive. */
  readonly how: string;
  readonly durationMs: number;
  readonly sizeBeforeBytes: number;
  readonly sizeAfterBytes: number;
  /** Given back to the file system. */
  readonly freedBytes: number;
  readonly rowsArchived: number;
  readonly rowsDeleted: number;
  readonly stoppedBy: string;
}

function pathOf(stateDirectory: string): string {
  return join(stateDirectory, 'maintenance-history.ndjson');
}

/** One line, with one write and a flush. */
export function noteFreed(stateDirectory: string, entry: FreedEntry): void {
  const path = pathOf(stateDirectory);
  makeFolder(stateDirectory);
  try {
    const file = openSync(path, 'a', 0o600);
    try {
      writeSync(file, `${JSON.stringify(entry)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw fromFileSystem(error, path);
  }
}

/** What is known of a database, oldest first. A line that a crash has cut does not count. */
export function readFreed(stateDirectory: string, database: string): FreedEntry[] {
  const path = pathOf(stateDirectory);
  if (!existsSync(path)) return [];
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw fromFileSystem(error, path);
  }
  return text.split('\n').flatMap((line) => {
    try {
      const entry = JSON.parse(line) as FreedEntry;
      return entry.database === database ? [entry] : [];
    } catch {
      return [];
    }
  });
}

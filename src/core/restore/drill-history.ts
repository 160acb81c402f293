import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromStorage } from '../storage/storage-error.ts';

/** One drill, as it is remembered in the state directory. */
export interface DrillEntry {
  /** ISO 8601. */
  readonly at: string;
  readonly database: string;
  readonly point: string;
  readonly rtoMs: number;
  readonly rpoMs: number;
  readonly passed: boolean;
}

function pathOf(stateDirectory: string): string {
  return join(stateDirectory, 'drills.ndjson');
}

export function appendDrill(stateDirectory: string, entry: DrillEntry): void {
  const path = pathOf(stateDirectory);
  try {
    mkdirSync(stateDirectory, { recursive: true });
    appendFileSync(path, `${JSON.stringify(entry)}\n`);
  } catch (error) {
    throw fromStorage(error, path);
  }
}

/** Drills of a database, oldest first; a line that a crash has torn is left out. */
export function readDrills(stateDirectory: string, database: string): DrillEntry[] {
  let text: string;
  try {
    text = readFileSync(pathOf(stateDirectory), 'utf8');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as DrillEntry];
      } catch {
        return [];
      }
    })
    .filter((entry) => entry.database === database);
}

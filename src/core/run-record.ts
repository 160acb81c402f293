import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** When a job that proves backups was last run on this machine, and how it went: what health looks back at. */
export interface RunRecord {
  /** Milliseconds since 1970 UTC. */
  readonly at: number;
  readonly passed: boolean;
  /** In one line: what was proven, or what failed. */
  readonly summary: string;
}

export type RecordedJob = 'verify' | 'drill';

function pathOf(stateDirectory: string, job: RecordedJob): string {
  return join(stateDirectory, 'runs', `${job}.json`);
}

/** Keeps the record of a run. It is a memory: where it cannot be written, the job itself was done all the same. */
export function recordRun(stateDirectory: string, job: RecordedJob, record: RunRecord): void {
  const path = pathOf(stateDirectory, job);
  try {
    mkdirSync(join(stateDirectory, 'runs'), { recursive: true });
    writeFileSync(`${path}.partial`, `${JSON.stringify(record)}\n`);
    renameSync(`${path}.partial`, path);
  } catch {
    // A read-only state folder must not fail a verification that passed.
  }
}

/** Undefined when none is known. */
export function lastRun(stateDirectory: string, job: RecordedJob): RunRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(pathOf(stateDirectory, job), 'utf8')) as Partial<RunRecord>;
    return typeof record.at === 'number' && typeof record.passed === 'boolean' ? (record as RunRecord) : undefined;
  } catch {
    return undefined;
  }
}

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from './context.ts';

/** When a job was last run on this machine, and how it went: what health looks back at. */
export interface RunRecord {
  /** Milliseconds since 1970 UTC. */
  readonly at: number;
  readonly passed: boolean;
  /** In one line: what was proven, or what failed. */
  readonly summary: string;
}

export type RecordedJob = 'verify' | 'drill' | 'prune' | 'optimize' | 'vacuum' | 'archive';

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

/** Keeps that a job came to its end, unless it only said what it would do. */
export function noteRun(
  context: { readonly clock: Clock; readonly dryRun: boolean; stateDirectory(): string },
  job: RecordedJob,
  summary: string,
): void {
  if (context.dryRun) return;
  recordRun(context.stateDirectory(), job, { at: context.clock.wallTime(), passed: true, summary });
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

import { isHeld } from '../../lease.ts';
import { type OnlinePhase, readProgress } from './progress.ts';

/** How far a file has come that takes many transactions. */
export interface StepStatus {
  readonly direction: 'up' | 'down';
  /** Whether the process that works on it lives; false: the next run goes on with it. */
  readonly running: boolean;
  readonly pid: number | null;
  readonly hostname: string | null;
  /** Statements that are done. */
  readonly statements: number;
  /** Of an online change; null otherwise. */
  readonly phase: OnlinePhase | null;
  /** Rows that are done, and rows there were at the start; null for a file without batches. */
  readonly rowsDone: number | null;
  readonly rowsTotal: number | null;
  readonly rowsPerSecond: number | null;
  /** For the rows that are left, at the rate so far. */
  readonly remainingMs: number | null;
}

/** Reads the progress of an open row. `here` is this machine, for the question whether its owner lives. */
export function readStepStatus(json: string | null, here: { hostname: string; now: number }): StepStatus | null {
  const progress = readProgress(json);
  if (progress === undefined) return null;
  const { owner, work } = progress;
  const base = {
    direction: progress.direction,
    running: owner !== null && isHeld(owner, here.hostname, here.now),
    pid: owner?.pid ?? null,
    hostname: owner?.hostname ?? null,
    statements: progress.next,
  };
  if (work === null) {
    return { ...base, phase: null, rowsDone: null, rowsTotal: null, rowsPerSecond: null, remainingMs: null };
  }
  const perMs = work.elapsedMs > 0 && work.rowsDone > 0 ? work.rowsDone / work.elapsedMs : null;
  const copying = work.kind === 'data' || work.phase === 'copy';
  return {
    ...base,
    phase: work.kind === 'online' ? work.phase : null,
    rowsDone: work.rowsDone,
    rowsTotal: work.rowsTotal,
    rowsPerSecond: perMs === null ? null : Math.round(perMs * 1000),
    remainingMs: perMs === null || !copying ? null : Math.round(Math.max(0, work.rowsTotal - work.rowsDone) / perMs),
  };
}

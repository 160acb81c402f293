import type { CheckRow } from './check.ts';
import { lockSightings } from './checks/lock-contention.ts';
import { readerSightings } from './checks/reader-checks.ts';
import type { CheckMemory, RunState, WalMemory } from './run-state.ts';
import type { ConfirmedScan } from './structure/confirm.ts';
import { gatherTarget, type HealthTarget, isUnchanged } from './target.ts';
import type { Tier } from './tier.ts';
import { rememberWal } from './wal-memory.ts';

/** What this run leaves to the next. */
export function nextState(run: {
  readonly previous: RunState;
  readonly target: HealthTarget;
  readonly tier: Tier;
  readonly rows: readonly CheckRow[];
  readonly scan: ConfirmedScan | undefined;
  readonly now: number;
}): RunState {
  const { previous, target, tier, rows, scan, now } = run;
  const checks: Record<string, CheckMemory> = { ...previous.checks };
  for (const { id, status, durationMs, summary, ranOn } of rows) {
    const fresh = ranOn !== 'none' || status !== 'ok';
    if (fresh) checks[id] = { status, at: now, durationMs, summary, mark: target.mark };
  }
  const lost = rows.some(({ id, status }) => id === 'wal.lost' && status === 'critical');
  // After a loss the proof is kept: the next run must not find all well because it has forgotten.
  const wal = lost ? previous.wal : settledMemory(target);
  const lastCompleteAt = scan?.scan.complete === true ? now : previous.scan?.lastCompleteAt;
  return {
    version: 1,
    lastRunAt: now,
    tierRuns: tier === 'quick' ? previous.tierRuns : { ...previous.tierRuns, [tier]: now },
    checks,
    scan: {
      nextPage: scan?.scan.nextPage ?? previous.scan?.nextPage ?? 1,
      ...(lastCompleteAt === undefined ? {} : { lastCompleteAt }),
    },
    readers: readerSightings(target, previous.readers, now),
    locks: lockSightings(target, previous.locks, now),
    ...(wal === undefined ? {} : { wal }),
  };
}

const tries = 5;

/** Pages remembered while a checkpoint moves them would later look like a loss: only a quiet moment is remembered. */
function settledMemory(target: HealthTarget): WalMemory | undefined {
  if (target.wal.committedFrames === 0) return undefined;
  for (let count = 0; count < tries; count++) {
    const fresh = count === 0 ? target : gatherTarget(target.path);
    try {
      const memory = rememberWal(fresh);
      if (isUnchanged(fresh)) return memory;
    } finally {
      if (fresh !== target) fresh.files.close();
    }
  }
  return undefined;
}

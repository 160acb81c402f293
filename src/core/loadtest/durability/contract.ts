import type { LedgerState } from './ledger.ts';

/** What one writer had been told before the crash. */
export interface Acknowledged {
  /** Highest transaction that was acknowledged after COMMIT. */
  readonly told: number;
  /** Of those, what must be there: all of them under FULL, those before the last sync of the WAL under NORMAL. */
  readonly promised: number;
}

/** The outcome of one crash. */
export interface CrashOutcome {
  readonly lost: number;
  readonly broken: boolean;
  readonly nonPrefix: boolean;
  readonly partial: boolean;
  readonly corrupt: boolean;
  readonly unopenable: boolean;
  readonly committedUnacknowledged: number;
}

/**
 * Judges a file after a crash: nothing promised is missing, every writer's transactions are a prefix of what it did,
 * each is whole, the file is sound, and at most one commit per writer is there without having been acknowledged.
 */
export function judgeCrash(state: LedgerState, acknowledged: readonly Acknowledged[], groupSize: number): CrashOutcome {
  const corrupt = state.opened && state.structure.length > 0;
  let lost = 0;
  let committedUnacknowledged = 0;
  let broken = !state.opened || corrupt;
  let nonPrefix = false;
  let partial = false;
  for (const [writer, { told, promised }] of acknowledged.entries()) {
    const found = state.writers[writer] ?? { writer, highest: 0, count: 0, partial: 0 };
    if (!state.opened || corrupt) continue;
    lost += Math.max(0, told - found.highest);
    committedUnacknowledged += Math.max(0, found.highest - told);
    if (found.highest !== found.count) nonPrefix = true;
    if (found.partial > 0) partial = true;
    if (found.highest < promised || found.highest - told > groupSize) broken = true;
  }
  return {
    lost,
    broken: broken || nonPrefix || partial,
    nonPrefix,
    partial,
    corrupt,
    unopenable: !state.opened,
    committedUnacknowledged,
  };
}

export type DurabilityMethod = 'kill' | 'write-log' | 'wal-tear';
export type Synchronous = 'full' | 'normal' | 'off';

/** All crashes of one method. */
export interface MethodData {
  readonly method: DurabilityMethod;
  readonly synchronous: Synchronous;
  readonly cycles: number;
  readonly cuts: number;
  readonly acknowledged: number;
  /** Acknowledged transactions that were missing, over all crashes. */
  readonly lost: number;
  readonly maxLost: number;
  readonly crashesWithLoss: number;
  readonly nonPrefix: number;
  readonly partial: number;
  readonly corrupt: number;
  readonly unopenable: number;
  readonly committedUnacknowledged: number;
  /** Images of crashes that broke the contract. */
  readonly kept: readonly string[];
  readonly verdict: 'ok' | 'broken';
}

export function summarize(
  head: Pick<MethodData, 'method' | 'synchronous' | 'cycles' | 'cuts' | 'acknowledged' | 'kept'>,
  outcomes: readonly CrashOutcome[],
): MethodData {
  const count = (of: (outcome: CrashOutcome) => boolean): number => outcomes.filter(of).length;
  const sum = (of: (outcome: CrashOutcome) => number): number => outcomes.reduce((total, one) => total + of(one), 0);
  return {
    ...head,
    lost: sum((outcome) => outcome.lost),
    maxLost: Math.max(0, ...outcomes.map((outcome) => outcome.lost)),
    crashesWithLoss: count((outcome) => outcome.lost > 0),
    nonPrefix: count((outcome) => outcome.nonPrefix),
    partial: count((outcome) => outcome.partial),
    corrupt: count((outcome) => outcome.corrupt),
    unopenable: count((outcome) => outcome.unopenable),
    committedUnacknowledged: Math.max(0, ...outcomes.map((outcome) => outcome.committedUnacknowledged)),
    verdict: outcomes.some((outcome) => outcome.broken) ? 'broken' : 'ok',
  };
}

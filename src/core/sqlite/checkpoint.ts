import { statSync } from 'node:fs';
import { type HistogramData, LatencyHistogram } from '../statistics/latency-histogram.ts';
import type { Connection } from './connection.ts';
import type { CheckpointEvent, CheckpointMode, HookList } from './hooks.ts';

export interface CheckpointLimits {
  /** Time without a commit after which one runs, in milliseconds. */
  readonly idle: number;
  /** Commits since the last one that make it worthwhile. */
  readonly minCommits: number;
  /** Size of the WAL file in bytes above which it is truncated. */
  readonly walLimit: number;
}

export interface CheckpointResult {
  /** True when a reader or writer kept it from finishing. */
  readonly busy: boolean;
  /** Frames in the WAL, and those of them that are in the database file; -1 without a WAL. */
  readonly logFrames: number;
  readonly checkpointedFrames: number;
}

export interface CheckpointMetrics {
  readonly runs: Readonly<Record<CheckpointMode, number>>;
  readonly commitsSinceLast: number;
  readonly walSizeBytes: number;
  readonly last: CheckpointResult | null;
  /** Why the last one left frames behind: a read of our own, or another process. */
  readonly heldBackBy: 'own_reader' | 'other_process' | null;
  /** Runs that a reader kept from finishing. */
  readonly busy: number;
  /** How long they took, on the thread that commits. */
  readonly stall: HistogramData;
}

/**
 * Moves the WAL into the database file while nobody commits. On the commit path only SQLite's own ceiling
 * (`wal_autocheckpoint`) is left. Costs the commit path two additions and a comparison.
 */
export class CheckpointScheduler {
  readonly #connection: Connection;
  readonly #limits: CheckpointLimits;
  readonly #hooks: HookList;
  readonly #ownReaders: () => number;
  readonly #stall = new LatencyHistogram();
  readonly #runs: Record<CheckpointMode, number> = { passive: 0, full: 0, restart: 0, truncate: 0 };
  #commits = 0;
  #commitsAtLast = 0;
  #commitsAtTick = 0;
  #cancelTick: (() => void) | undefined;
  #last: CheckpointResult | null = null;
  #heldBackBy: CheckpointMetrics['heldBackBy'] = null;
  #busy = 0;

  /** `ownReaders` tells how many reads of this process hold a snapshot now. */
  constructor(connection: Connection, limits: CheckpointLimits, hooks: HookList, ownReaders: () => number) {
    this.#connection = connection;
    this.#limits = limits;
    this.#hooks = hooks;
    this.#ownReaders = ownReaders;
  }

  /** To be called after every commit. */
  committed(): void {
    this.#commits += 1;
    if (this.#cancelTick === undefined) this.#arm();
  }

  run(mode: CheckpointMode, reason: CheckpointEvent['reason'] = 'call'): CheckpointResult {
    const { clock } = this.#connection.ports;
    const startedMs = clock.now();
    const [row] = this.#connection.pragma(`wal_checkpoint(${mode.toUpperCase()})`);
    const durationMs = clock.now() - startedMs;
    const result = {
      busy: row?.busy === 1,
      logFrames: Number(row?.log ?? -1),
      checkpointedFrames: Number(row?.checkpointed ?? -1),
    };
    this.#note(mode, result, durationMs);
    if (this.#hooks.wants('onCheckpoint')) {
      this.#hooks.emit('onCheckpoint', { mode, reason, ...result, durationMs });
    }
    return result;
  }

  metrics(): CheckpointMetrics {
    return {
      runs: { ...this.#runs },
      commitsSinceLast: this.#commits - this.#commitsAtLast,
      walSizeBytes: this.#walSize(),
      last: this.#last,
      heldBackBy: this.#heldBackBy,
      busy: this.#busy,
      stall: this.#stall.toJSON(),
    };
  }

  stop(): void {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
  }

  #arm(): void {
    this.#commitsAtTick = this.#commits;
    this.#cancelTick = this.#connection.ports.clock.after(this.#limits.idle, () => this.#tick());
  }

  #tick(): void {
    this.#cancelTick = undefined;
    if (!this.#connection.isOpen) return;
    // A commit since the timer was set means that it is not idle: look again one period later.
    if (this.#commits !== this.#commitsAtTick || this.#connection.inTransaction) {
      this.#arm();
      return;
    }
    const worthwhile = this.#commits - this.#commitsAtLast >= this.#limits.minCommits;
    const tooLarge = this.#walSize() > this.#limits.walLimit;
    // TRUNCATE waits for nobody (timeout 0), but while we read ourselves it cannot succeed.
    if (tooLarge && this.#ownReaders() === 0) this.run('truncate', 'limit');
    else if (worthwhile || tooLarge) this.run('passive', 'idle');
  }

  #note(mode: CheckpointMode, result: CheckpointResult, durationMs: number): void {
    const behind = result.busy || result.checkpointedFrames < result.logFrames;
    this.#runs[mode] += 1;
    this.#commitsAtLast = this.#commits;
    this.#last = result;
    this.#busy += behind ? 1 : 0;
    this.#heldBackBy = behind ? (this.#ownReaders() > 0 ? 'own_reader' : 'other_process') : null;
    this.#stall.recordMs(durationMs);
  }

  /** A `-wal` may be looked at freely: SQLite holds no lock on it. */
  #walSize(): number {
    return statSync(`${this.#connection.path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }
}

import type { Blocker } from '../checkpoint/blockers.ts';
import type { ConnectedProcess, ConnectionProbe } from '../connected.ts';
import type { DiskProbe } from '../disk-guard.ts';
import type { AutoVacuum } from '../space.ts';
import type { StoppedBy } from './incremental.ts';
import type { VacuumMethod } from './plan.ts';

export interface VacuumRequest {
  /** Absolute path. */
  readonly database: string;
  readonly method: 'auto' | 'incremental' | 'into' | 'full';
  readonly convert: 'none' | 'incremental' | 'full';
  /** Absolute path of a compact copy; the database is then left alone. */
  readonly to?: string;
  readonly until: number;
  readonly latencyBudgetMs: number;
  readonly walBudgetBytes: number;
  readonly duty: number;
  readonly maxDurationMs: number;
  /** Wall time (ms since 1970) at which the maintenance window ends. */
  readonly windowEnd?: number;
  /** There is no window now: when the next one starts, for people. Nothing is done then. */
  readonly outsideWindowUntil?: string;
  readonly verify: 'quick' | 'full';
  readonly keepOldMs: number;
  readonly reserveBytes: number;
  readonly readerWaitMs: number;
  /** The incremental way works only while others commit less often than this per second. */
  readonly idleRate: number | undefined;
  readonly busyTimeoutMs: number;
  readonly dryRun: boolean;
}

export interface VacuumPorts {
  readonly probeDisk: DiskProbe;
  readonly probeConnections: ConnectionProbe;
  /** Folder in which SQLite puts the temporary copy of a plain VACUUM. */
  readonly temporaryFolder: string;
  /** This process: it is never named as one that is in the way. */
  readonly ownPid: number;
  /** Asks before the file is replaced or rewritten; throws when the answer is no. */
  readonly confirm: (question: string) => Promise<void>;
}

/** Space before or after. */
export interface SpaceFigures {
  readonly sizeBytes: number;
  readonly pageSizeBytes: number;
  readonly pageCount: number;
  readonly freePages: number;
  readonly freeShare: number;
  readonly autoVacuum: AutoVacuum;
}

/** The data of the report of `vacuum run`. */
export interface VacuumResult {
  readonly database: string;
  readonly dryRun: boolean;
  readonly method: VacuumMethod;
  readonly reason: string;
  /** It would be worth it, but cannot be done now. */
  readonly blocked: boolean;
  readonly ways: readonly string[];
  readonly connected: readonly ConnectedProcess[];
  readonly settings: {
    readonly until: number;
    readonly latencyBudgetMs: number;
    readonly walBudgetBytes: number;
    readonly convertTo: 'none' | 'incremental' | 'full';
  };
  readonly expected: {
    readonly freedPages: number;
    readonly freedBytes: number;
    readonly durationMs: number;
    readonly longestStallMs: number;
  };
  readonly before: SpaceFigures;
  /** Null in a dry run. */
  readonly after: SpaceFigures | null;
  readonly freedPages: number;
  readonly freedBytes: number;
  readonly workMs: number;
  readonly steps: number;
  readonly stepsOverBudget: number;
  readonly stepsRetried: number;
  readonly longestStepMs: number;
  readonly shields: number;
  readonly walPeakBytes: number;
  /** Time spent waiting for others to be idle. */
  readonly idleWaitMs: number;
  /** Null when nothing was started. */
  readonly stoppedBy: StoppedBy | null;
  readonly blockers: readonly Blocker[];
  readonly swap: {
    readonly performed: boolean;
    readonly oldFile: string | null;
    readonly lateHolders: readonly ConnectedProcess[];
  };
  /** The compact copy of `--to`. */
  readonly copy: { readonly path: string; readonly sizeBytes: number } | null;
  readonly disk: { readonly neededBytes: number; readonly freeBytes: number; readonly reserveBytes: number };
  /** Files of earlier compactions whose time is over. */
  readonly removedOldFiles: readonly { readonly path: string; readonly sizeBytes: number }[];
}

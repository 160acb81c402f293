import type { EffectivePragmas, PragmaProfile } from '../../sqlite/pragma-profile.ts';
import type { HistogramData } from '../../statistics/latency-histogram.ts';
import type { ArrivalPlan } from '../arrival/schedule.ts';
import type { BrokenRule } from '../business-rules.ts';
import type { PragmaSetting } from '../plan.ts';
import type { ScheduleCounts, TransactionTallyJson } from '../result/tally.ts';
import type { ScenarioReference } from '../scenario/resolve.ts';

/** Messages between the parent and the processes that open SQLite for it. Structured clone carries them. */

export interface ErrorMessage {
  readonly type: 'error';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly sqliteCode?: string;
}

/** Parent to client, once. */
export interface ClientSetup {
  readonly type: 'setup';
  readonly databasePath: string;
  readonly scenarios: readonly ScenarioReference[];
  readonly seed: number;
  readonly runId: string;
  readonly client: number;
  readonly clients: number;
  readonly profile: PragmaProfile;
  readonly pragmas: readonly PragmaSetting[];
  readonly busyTimeoutMs: number;
  readonly groupSize: number;
  readonly perStatement: boolean;
  readonly intervalMs: number;
  /** Samples carry cumulative tallies per transaction, so that thresholds can be judged while the run goes on. */
  readonly cumulative: boolean;
}

export interface PhaseMessage {
  readonly type: 'phase';
  readonly name: 'warmup' | 'measure';
  /** Start as milliseconds since 1970 with a fraction: the only clock that processes share. */
  readonly startAt: number;
  readonly durationMs: number;
  /** Transactions over all clients. */
  readonly transactions?: number;
  readonly load:
    | { readonly loop: 'closed'; readonly thinkMs: number }
    | {
        readonly loop: 'open';
        readonly arrivals: ArrivalPlan;
        readonly meanRate: number;
        readonly dropAfterMs?: number;
        readonly drainMs: number;
      };
}

export type ToClient =
  | ClientSetup
  | PhaseMessage
  | { readonly type: 'rehearse'; readonly calls: number }
  | { readonly type: 'stop' | 'exit' };

export interface IntervalSample {
  readonly type: 'sample';
  readonly phase: 'warmup' | 'measure';
  /** Number of the interval from the start of the phase. */
  readonly index: number;
  /** Time that it covers; the last one of a phase is short. */
  readonly spanMs: number;
  readonly service: HistogramData;
  readonly response: HistogramData;
  readonly failed: number;
  readonly late: number;
  readonly dropped: number;
  readonly cumulative?: {
    readonly transactions: readonly TransactionTallyJson[];
    readonly schedule: ScheduleCounts;
  };
}

export interface ClientResources {
  readonly cpuUserMs: number;
  readonly cpuSystemMs: number;
  readonly voluntarySwitches: number;
  readonly involuntarySwitches: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly maxRssBytes: number;
  readonly gcPauseMs: number;
}

export interface StatementTime {
  readonly type: number;
  readonly statement: number;
  readonly time: HistogramData;
}

export interface PhaseDone {
  readonly type: 'done';
  readonly phase: 'warmup' | 'measure';
  readonly complete: boolean;
  readonly elapsedMs: number;
  readonly transactions: readonly TransactionTallyJson[];
  readonly schedule: ScheduleCounts;
  readonly lateness: HistogramData;
  readonly attempted: number;
  readonly droppedNumbers: readonly number[];
  readonly statements: readonly StatementTime[];
  /** Transactions whose commit ran a checkpoint. */
  readonly checkpointStalls: HistogramData;
  readonly resources: ClientResources;
}

export type FromClient =
  | ErrorMessage
  | { readonly type: 'ready'; readonly connection: EffectivePragmas; readonly node: string }
  | { readonly type: 'rehearsed'; readonly calls: number }
  | IntervalSample
  | PhaseDone;

/** Parent to the prepare process: make the base file. */
export interface PrepareRequest {
  readonly type: 'prepare';
  /** Database to copy; undefined makes a sample. */
  readonly source?: string;
  readonly target: string;
  readonly scenarios: readonly ScenarioReference[];
  readonly seed: number;
  /** Orders of the sample market. */
  readonly sampleOrders: number;
  readonly profile: PragmaProfile;
  readonly busyTimeoutMs: number;
}

/** Asks what kind of database it is, without touching it. */
export interface InspectRequest {
  readonly type: 'inspect';
  readonly source: string;
  readonly busyTimeoutMs: number;
}

export type FromPrepare =
  | ErrorMessage
  | { readonly type: 'inspected'; readonly hasTradingSchema: boolean }
  | { readonly type: 'progress'; readonly done: number; readonly total: number }
  | {
      readonly type: 'prepared';
      /** Rules of the trading schema that the base breaks already; the load is not to blame for those. */
      readonly brokenRules: readonly BrokenRule[];
    };

/** Parent to the verify process. */
export interface VerifyRequest {
  readonly type: 'verify';
  readonly path: string;
  readonly busyTimeoutMs: number;
  readonly brokenBefore: readonly BrokenRule[];
  readonly scenarios: readonly ScenarioReference[];
}

export interface Verification {
  readonly quickCheck: 'ok' | 'failed';
  readonly foreignKeyViolations: number;
  /** Trading rules that were checked; 0 when the database has another schema. */
  readonly rulesChecked: number;
  /** First problems in words. */
  readonly problems: readonly string[];
}

export type FromVerify = ErrorMessage | ({ readonly type: 'verified' } & Verification);

/** Parent to the process of the background readers. */
export interface ScanSetup {
  readonly type: 'scan';
  readonly path: string;
  /** Readers of the pool. */
  readonly size: number;
  readonly busyTimeoutMs: number;
}

export type FromScan =
  | ErrorMessage
  | { readonly type: 'ready' }
  | {
      readonly type: 'scanned';
      readonly busyMs: number;
      /** From the start of this scan to the start of the next one. */
      readonly spanMs: number;
      readonly rows: number;
      readonly failed: boolean;
    };

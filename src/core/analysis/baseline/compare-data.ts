import type { PairedResult, Verdict } from '../../statistics/verdict.ts';

/** One query and metric, B against A. */
export interface ComparedQuery extends Omit<PairedResult, 'name' | 'resolution'> {
  readonly query: string;
  readonly fingerprint: string;
  /** `p50`: median time of an execution; `cpu`: CPU time of an execution. */
  readonly metric: 'p50' | 'cpu';
  readonly medianA: number;
  readonly medianB: number;
  /** The smallest change that could have been seen; null with a single pair. */
  readonly resolution: number | null;
  readonly planChanged: boolean;
}

export interface PlanChange {
  readonly query: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Full scans, temporary b-trees and automatic indexes that B has and A has not. */
  readonly gained: readonly string[];
}

/** What is known of a baseline that A was read from. */
export interface StoredSide {
  readonly name: string;
  readonly recordedAt: string;
  /** The schema is another one than at the recording. */
  readonly schemaChanged: boolean;
  readonly library: {
    readonly before: { readonly sqliteVersion: string; readonly stat4: boolean };
    readonly after: { readonly sqliteVersion: string; readonly stat4: boolean };
  };
  /** Median times of the calibration scan; `shift` 0.05 means 5 % slower now. */
  readonly calibration: { readonly thenMs: number; readonly nowMs: number; readonly shift: number };
  /** The machine is not as quick as it was: all times are unresolved. */
  readonly drifted: boolean;
}

export interface ComparisonData {
  readonly a: string;
  readonly b: string;
  /** SQL that was applied to the copy of B. */
  readonly withSql: string | null;
  readonly pairs: number;
  readonly tests: readonly ComparedQuery[];
  readonly planChanges: readonly PlanChange[];
  /** Queries that were not compared, with the reason. */
  readonly left: readonly { readonly name: string; readonly reason: string }[];
  /** The A/A arm: `no-change` and `unresolved` are good, anything else makes the whole comparison unresolved. */
  readonly control: Verdict | null;
  /** Null for a live comparison of two databases. */
  readonly stored: StoredSide | null;
  readonly verdict: Verdict;
}

import type { SkippedStatements } from '../workload/workload.ts';
import type { Confirmation } from './confirm.ts';
import type { MigrationDraft, Recommendation } from './recommendation.ts';
import type { UnindexedForeignKey } from './schema-advice.ts';
import type { StrictAdvice } from './strict.ts';
import type { WithoutStat4 } from './without-stat4.ts';

export interface CostFigures {
  readonly readMs: number;
  readonly writeMs: number;
  /** Indexes of the schema, added ones included and dropped ones left out. */
  readonly indexBytes: number;
}

export interface AdviceData {
  readonly path: string;
  readonly workload: {
    readonly files: readonly string[];
    readonly statements: number;
    readonly executions: number;
    readonly period: string | null;
    /** Whether plans were made with STAT4 histograms, as the engine has them. */
    readonly stat4: boolean;
    readonly engine: string | null;
  } | null;
  readonly recommendations: readonly Recommendation[];
  /** Candidates and existing indexes that were considered and not taken. */
  readonly rejected: readonly { readonly name: string; readonly sql: string; readonly reason: string }[];
  /** Sets that keep the limits and of which no other is both smaller and quicker, the smallest first. */
  readonly frontier: readonly { readonly added: readonly string[]; readonly totalMs: number; readonly bytes: number }[];
  readonly before: CostFigures | null;
  readonly after: CostFigures | null;
  readonly confirmation: readonly Confirmation[];
  /** Null without a workload. */
  readonly withoutStat4: WithoutStat4 | null;
  /** Existing indexes that no statement of the workload uses. */
  readonly unused: readonly { readonly name: string; readonly table: string; readonly bytes: number }[];
  /** Existing indexes whose columns another one starts with; only a workload can tell whether they may go. */
  readonly overlapping: readonly {
    readonly name: string;
    readonly table: string;
    readonly servedBy: string;
    readonly kind: 'duplicate' | 'prefix';
  }[];
  readonly foreignKeys: readonly UnindexedForeignKey[];
  /** Tables of the workload that could be STRICT as they are. */
  readonly strict: readonly StrictAdvice[];
  /** Queries that did not end at first: their present time is the planner's estimate. */
  readonly estimated: readonly string[];
  /** Statements of the workload that took no part. */
  readonly left: readonly { readonly name: string; readonly reason: string }[];
  readonly skipped: readonly SkippedStatements[];
  readonly migration: (MigrationDraft & { readonly path: string | null }) | null;
  /** False when the time limit ended the search, a statement does not prepare, or a plan differs between copy and shadow. */
  readonly complete: boolean;
  readonly measured: boolean;
  /** Statements whose plan in the schema without rows equals that on the copy. */
  readonly parity: { readonly equal: number; readonly total: number } | null;
}

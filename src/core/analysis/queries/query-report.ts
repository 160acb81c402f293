import type { FullScan } from '../query-plan/plan-facts.ts';

export interface ScannedTable extends FullScan {
  /** Rows that are read; null when they were not counted. */
  readonly rows: number | null;
}

/** One statement of the workload: its plan, what in it may be slow, and its time on a private copy. */
export interface QueryReport {
  readonly fingerprint: string;
  readonly name: string;
  /** The statement without values, or as it was captured when parameters may be shown. */
  readonly sql: string;
  readonly isWrite: boolean;
  /** Executions per period of the workload. */
  readonly executions: number;
  /** Time per period: executions times the mean; null when it was not measured. */
  readonly totalMs: number | null;
  /** Best time of an execution, weighted over the parameter sets. */
  readonly meanMs: number | null;
  readonly medianMs: number | null;
  /** Rows that the most frequent parameter set returned or changed. */
  readonly rows: number | null;
  /** Lines of the plan of the most frequent parameter set. */
  readonly plan: readonly string[];
  /** The planner's own estimate, for ranking only; null when this SQLite's estimate is not understood. */
  readonly cost: number | null;
  readonly fullScans: readonly ScannedTable[];
  readonly tempBtrees: readonly string[];
  readonly automaticIndexes: readonly string[];
  readonly correlatedSubqueries: number;
  readonly skipScans: readonly string[];
  readonly parameterSets: number;
  /** Different plans over the parameter sets. */
  readonly plans: number;
  readonly planVariesByParameter: boolean;
  /** An engine built without STAT4 plans it otherwise. */
  readonly planVariesWithoutStat4: boolean;
  /** Why it could not be planned; null when it was. */
  readonly error: string | null;
  /** Why it has no time; null when it has. */
  readonly notTimed: string | null;
}

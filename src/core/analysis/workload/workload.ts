import type { SqlParameters } from '../../sqlite/statement.ts';
import type { EngineFacts } from '../settings/engine-advice.ts';

/** One way in which a query was executed. */
export interface ParameterSet {
  /** Its own text: lists in it may be of another length than in the next set. */
  readonly sql: string;
  readonly values: SqlParameters;
  /** How often, against the other sets of the query. */
  readonly executions: number;
}

/** Statements of one shape. */
export interface WorkloadQuery {
  /** 16 hexadecimal digits. */
  readonly fingerprint: string;
  readonly name: string;
  /** Text of the first one seen. */
  readonly sql: string;
  /** Executions per period of the workload. */
  readonly weight: number;
  readonly tuning: readonly ParameterSet[];
  /** Kept aside to confirm advice on values that it was not made from; empty with fewer than 5 distinct sets. */
  readonly heldOut: readonly ParameterSet[];
  /** `@pragma` lines: settings that are applied on the disposable copy before it runs. */
  readonly pragmas: readonly string[];
}

export interface SkippedStatements {
  readonly reason: string;
  readonly count: number;
}

export interface Workload {
  readonly files: readonly string[];
  readonly queries: readonly WorkloadQuery[];
  readonly engine: EngineFacts | null;
  /** What the weights count in, such as `1d`; null when the files do not say. */
  readonly period: string | null;
  readonly skipped: readonly SkippedStatements[];
}

import type { KeyDistribution } from '../stream/key-distribution.ts';

/** A scenario file after parsing: plain data that is sent to the client processes. */
export interface SqlScenarioSpec {
  readonly name: string;
  /** Statements that prepare the copy, once. */
  readonly setup: readonly string[];
  readonly transactions: readonly SqlTransactionSpec[];
}

export type TransactionMode = 'immediate' | 'read' | 'autocommit';

export interface SqlTransactionSpec {
  readonly name: string;
  readonly weight: number;
  /** `immediate`: BEGIN IMMEDIATE around it; `read`: one snapshot; `autocommit`: each statement for itself. */
  readonly mode: TransactionMode;
  readonly thinkMs?: number;
  readonly variables: readonly VariableSpec[];
  readonly statements: readonly SqlStatementSpec[];
}

export interface SqlStatementSpec {
  readonly sql: string;
  /** Columns of the first row that become variables of the later statements; null when there is no row. */
  readonly captures: readonly { readonly variable: string; readonly column: string }[];
}

export interface VariableSpec {
  readonly name: string;
  readonly value: ValueSpec;
}

export type ValueSpec =
  | KeyDistribution
  /** A real number from `low` (included) to `high` (excluded). */
  | { readonly kind: 'real'; readonly low: number; readonly high: number }
  /** Random lower-case letters and digits. */
  | { readonly kind: 'text'; readonly length: number }
  | { readonly kind: 'pick'; readonly values: readonly (number | string)[] }
  /** The number of the transaction, unique in the run, plus an offset. */
  | { readonly kind: 'sequence'; readonly offset: number }
  | { readonly kind: 'constant'; readonly value: number | string };

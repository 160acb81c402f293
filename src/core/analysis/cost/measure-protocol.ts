import type { SqlParameters } from '../../sqlite/statement.ts';

/** Messages between the analysis and its measuring child. */

export interface Target {
  readonly sql: string;
  readonly values: SqlParameters;
  readonly pragmas: readonly string[];
  /** Indexes that are dropped before the statement runs, in a transaction that is rolled back. */
  readonly hidden: readonly string[];
  /** Planned from sqlite_stat1 alone, like an engine that was built without STAT4. */
  readonly plain?: boolean;
}

/** How often a statement is run for its best time. */
export interface RepeatLimits {
  readonly executions: number;
  readonly spendMs: number;
  /** One execution that takes longer than this tells enough. */
  readonly enoughMs?: number;
}

export interface SliceSet {
  readonly sql: string;
  readonly values: SqlParameters;
}

/** One slice of repeated executions: the unit of a comparison. */
export interface Slice {
  readonly p50Ms: number;
  /** CPU time of the process per execution, in milliseconds. */
  readonly cpuMs: number;
  readonly executions: number;
}

export type MeasureRequest =
  | { readonly kind: 'open'; readonly folder: string; readonly path: string }
  /** Runs SQL that stays, such as CREATE INDEX and ANALYZE. */
  | { readonly kind: 'exec'; readonly sql: string }
  | ({ readonly kind: 'time' } & RepeatLimits & Target)
  /** Repeats a statement over its parameter sets for at least `sliceMs`. */
  | ({ readonly kind: 'slice'; readonly sliceMs: number; readonly sets: readonly SliceSet[] } & Omit<
      Target,
      'sql' | 'values'
    >)
  /** A slice of a fixed scan in memory: how quick the machine is right now, whatever the database. */
  | { readonly kind: 'calibrate'; readonly sliceMs: number }
  /** Number of rows and a digest of them that does not depend on their order. */
  | ({ readonly kind: 'digest' } & Target);

export interface Timing {
  readonly bestMs: number;
  readonly executions: number;
  /** Rows returned, or changed by a write. */
  readonly rows: number;
}

export interface Digest {
  readonly rows: number;
  readonly digest: string;
}

export type MeasureAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: string; readonly message: string };

import type { Connection } from '../../sqlite/connection.ts';
import type { SqlParameters } from '../../sqlite/statement.ts';
import { bindable } from '../cost/bind-values.ts';

/** One line of EXPLAIN QUERY PLAN. */
export interface PlanStep {
  readonly detail: string;
  /** Depth in the tree, from 0. */
  readonly depth: number;
  /** The planner's cost of this loop as 10 log2; 0 for what is no loop. Undocumented, so never more than a rank. */
  readonly logCost: number;
}

interface Row {
  readonly id: number;
  readonly parent: number;
  readonly notused: number;
  readonly detail: string;
}

/**
 * The plan with these values bound: a partial index, or the histogram of a skewed column, is chosen by the value. Throws
 * `sql_error` when the statement does not prepare.
 */
export function explainPlan(connection: Connection, sql: string, values: SqlParameters): PlanStep[] {
  const rows = connection.prepare(`EXPLAIN QUERY PLAN ${sql}`).all<Row>(bindable(sql, values));
  const depths = new Map<number, number>();
  return rows.map((row) => {
    const depth = (depths.get(row.parent) ?? -1) + 1;
    depths.set(row.id, depth);
    return { detail: row.detail, depth, logCost: Number.isInteger(row.notused) ? row.notused : 0 };
  });
}

/** One line per step, indented: two plans are the same when their texts are. */
export function planText(steps: readonly PlanStep[]): string {
  return steps.map((step) => `${'  '.repeat(step.depth)}${step.detail}`).join('\n');
}

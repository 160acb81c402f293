import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { nullValues, variablesOf } from '../cost/bind-values.ts';
import { explainPlan, type PlanStep, planText } from '../query-plan/plan.ts';
import type { ParameterSet, WorkloadQuery } from '../workload/workload.ts';

/** The databases on which a query is planned. */
export interface Planners {
  readonly main: Connection;
  /** The same schema with statistics but without histograms; undefined when there are none. */
  readonly withoutStat4: Connection | undefined;
}

export interface PlannedQuery {
  readonly query: WorkloadQuery;
  /** Sets that are planned and timed, most frequent first. */
  readonly sets: readonly ParameterSet[];
  readonly steps: readonly PlanStep[];
  readonly isWrite: boolean;
  readonly plans: number;
  readonly variesWithoutStat4: boolean;
  /** Values were missing: planned with NULL, not timed. */
  readonly valuesMissing: boolean;
}

/** Plans a query with each of its parameter sets; throws `sql_error` with SQLite's message when it does not prepare. */
export function planQuery(query: WorkloadQuery, planners: Planners): PlannedQuery {
  const { sets, valuesMissing } = setsOf(query);
  return withPragmas(planners.main, query.pragmas, () => {
    const plans = sets.map((set) => explainPlan(planners.main, set.sql, set.values));
    const texts = plans.map(planText);
    const { withoutStat4 } = planners;
    const plain =
      withoutStat4 === undefined
        ? texts
        : withPragmas(withoutStat4, query.pragmas, () =>
            sets.map((set) => planText(explainPlan(withoutStat4, set.sql, set.values))),
          );
    return {
      query,
      sets,
      steps: plans[0] ?? [],
      isWrite: !planners.main.prepare(query.sql).readOnly,
      plans: new Set(texts).size,
      variesWithoutStat4: texts.some((text, index) => text !== plain[index]),
      valuesMissing,
    };
  });
}

function setsOf(query: WorkloadQuery): { sets: ParameterSet[]; valuesMissing: boolean } {
  const sets = [...query.tuning, ...query.heldOut].sort((a, b) => b.executions - a.executions);
  const first = sets[0];
  const given = first === undefined ? 0 : Object.keys(first.values).length;
  if (given > 0 || variablesOf(query.sql).length === 0) return { sets, valuesMissing: false };
  return { sets: [{ sql: query.sql, values: nullValues(query.sql), executions: 1 }], valuesMissing: true };
}

function withPragmas<T>(connection: Connection, pragmas: readonly string[], work: () => T): T {
  if (pragmas.length === 0) return work();
  const before = pragmas.map((text) => {
    const name = text.split('=', 1)[0] ?? '';
    return `${name} = ${connection.pragmaValue(name) ?? 0}`;
  });
  for (const text of pragmas) connection.pragma(text);
  try {
    return work();
  } finally {
    for (const text of before) connection.pragma(text);
  }
}

/** The message for a statement that cannot be planned; anything that is no fault of the statement is thrown on. */
export function statementFault(error: unknown): string {
  // The driver itself refuses values that do not fit the statement.
  if (error instanceof RangeError || error instanceof TypeError) return error.message;
  if (!(error instanceof TradedbError)) throw error;
  if (!['sql_error', 'constraint_violation', 'usage', 'internal', 'unsupported'].includes(error.code)) throw error;
  return error.message;
}

import type { PlanProbe } from '../../core/maintenance/optimize.ts';
import { workloadIfAny } from '../analyze/workload-option.ts';
import type { CommandContext } from '../definition.ts';

/** How the queries of the workload are planned on a connection, most frequent values first; undefined without a workload. */
export async function workloadPlans(
  options: { readonly workload: readonly string[]; readonly seed: number },
  context: CommandContext,
): Promise<PlanProbe | undefined> {
  const workload = await workloadIfAny(options, context);
  if (workload === null) return undefined;
  const { planQuery } = await import('../../core/analysis/queries/plan-query.ts');
  const { gainedSteps } = await import('../../core/analysis/baseline/plan-change.ts');
  const { planText } = await import('../../core/analysis/query-plan/plan.ts');
  return {
    plans: (connection) =>
      workload.queries.map((query) => ({
        name: query.name,
        sql: query.sql,
        plan: planText(planQuery(query, { main: connection, withoutStat4: undefined }).steps),
      })),
    gained: (before, after, connection) =>
      gainedSteps(before.plan.split('\n'), after.plan.split('\n'), after.sql, connection),
  };
}

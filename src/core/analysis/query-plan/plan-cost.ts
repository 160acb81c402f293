import type { PlanStep } from './plan.ts';

/** A row of an index holds less than a row of its table: LogEst of the share of a loop's cost that is one row. */
const coveringShare = 6;
const tableShare = 16;

/**
 * The planner's estimate of a whole plan in its own unit: over the loops in nesting order, outer rows times the cost of
 * the loop. A heuristic that puts plans in order; it is no time.
 */
export function planCost(steps: readonly PlanStep[]): number {
  let cost = 0;
  let outerRows = 1;
  for (const step of steps) {
    if (!/^(SEARCH|SCAN) /.test(step.detail)) continue;
    cost += outerRows * 2 ** (step.logCost / 10);
    const share = step.detail.includes('COVERING INDEX') ? coveringShare : tableShare;
    outerRows *= Math.max(1, 2 ** ((step.logCost - share) / 10));
  }
  return cost;
}

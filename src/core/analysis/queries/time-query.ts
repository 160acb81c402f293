import type { MeasureClient } from '../cost/measure-client.ts';
import { type PlannedQuery, statementFault } from './plan-query.ts';

export interface QueryTime {
  readonly meanMs: number;
  readonly medianMs: number;
  readonly rows: number;
}

/** Executions of one parameter set, and the time after which three are enough. */
const executions = 30;
const spendMs = 40;

/** Times a query over its parameter sets in the child; a text says why there is no time. */
export async function timeQuery(
  planned: PlannedQuery,
  client: MeasureClient,
  capMs: number,
): Promise<QueryTime | string> {
  if (planned.valuesMissing) return 'no parameter values are known';
  const times: { ms: number; weight: number }[] = [];
  let rows = 0;
  try {
    for (const [index, set] of planned.sets.entries()) {
      const target = { sql: set.sql, values: set.values, pragmas: planned.query.pragmas, hidden: [] };
      const timing = await client.time(target, { executions, spendMs, capMs });
      if (timing === undefined) return `did not end within ${Math.round(capMs / 1000)} s`;
      if (index === 0) rows = timing.rows;
      times.push({ ms: timing.bestMs, weight: set.executions });
    }
  } catch (error) {
    return statementFault(error);
  }
  return { meanMs: weightedMean(times), medianMs: weightedMedian(times), rows };
}

function weightedMean(times: readonly { ms: number; weight: number }[]): number {
  const weight = times.reduce((sum, time) => sum + time.weight, 0);
  return times.reduce((sum, time) => sum + time.ms * time.weight, 0) / weight;
}

function weightedMedian(times: readonly { ms: number; weight: number }[]): number {
  const sorted = [...times].sort((a, b) => a.ms - b.ms);
  const half = sorted.reduce((sum, time) => sum + time.weight, 0) / 2;
  let passed = 0;
  for (const time of sorted) {
    passed += time.weight;
    if (passed >= half) return time.ms;
  }
  return sorted.at(-1)?.ms ?? 0;
}

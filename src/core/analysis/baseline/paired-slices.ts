import type { OperationContext } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import { resolution } from '../../statistics/resolution.ts';
import { fewestPairs } from '../../statistics/sign-flip.ts';
import type { MeasureClient } from '../cost/measure-client.ts';
import type { Slice } from '../cost/measure-protocol.ts';
import { statementFault } from '../queries/plan-query.ts';
import type { WorkloadQuery } from '../workload/workload.ts';

/** Slices of one query on both sides; the n-th of each make a pair. */
export interface QuerySeries {
  readonly query: WorkloadQuery;
  readonly a: Slice[];
  readonly b: Slice[];
}

const sliceMs = 50;
const sliceCapMs = 30_000;

/**
 * Measures all queries in pairs: the unit is a slice of many executions, never one, and which side goes first is left to
 * chance in each pair. Ends early at the deadline, but not before six pairs are there.
 */
export async function measureSeries(
  queries: readonly WorkloadQuery[],
  [a, b]: readonly [MeasureClient, MeasureClient],
  plan: {
    readonly pairs: number;
    /** Pairs at most: more than `pairs` only while the spread hides a change of `detect`. */
    readonly most: number;
    readonly detect: number;
    readonly chance: () => number;
    readonly context: OperationContext;
    readonly deadline: number;
  },
): Promise<{ series: QuerySeries[]; left: { name: string; reason: string }[] }> {
  const left: { name: string; reason: string }[] = [];
  let series: QuerySeries[] = queries.map((query) => ({ query, a: [], b: [] }));
  const task = plan.context.progress.start({ id: 'pairs', label: 'comparing', unit: 'steps', total: plan.most });
  // One pair that does not count: both processes start cold.
  for (let pair = -1; pair < plan.most; pair++) {
    // Looking at the spread alone, and never at the change itself, keeps the level of the test.
    if (pair >= plan.pairs && series.every((one) => isResolved(one, plan.detect))) break;
    if (pair >= fewestPairs && plan.context.clock.now() > plan.deadline) break;
    for (const one of [...series]) {
      throwIfCancelled(plan.context.signal);
      const reason = await measurePair(one, { a, b, aFirst: plan.chance() < 0.5, counts: pair >= 0 });
      if (reason === undefined) continue;
      left.push({ name: one.query.name, reason });
      series = series.filter((other) => other !== one);
    }
    if (pair >= 0) task.advance(1);
  }
  task.done();
  return { series, left };
}

function isResolved({ a, b }: QuerySeries, detect: number): boolean {
  const logs = (of: (slice: Slice) => number): number[] =>
    a.map((slice, at) => Math.log(Math.max(1e-9, of(b[at] ?? slice)) / Math.max(1e-9, of(slice))));
  return resolution(logs((slice) => slice.p50Ms)) <= detect && resolution(logs((slice) => slice.cpuMs)) <= detect;
}

async function measurePair(
  series: QuerySeries,
  pair: { a: MeasureClient; b: MeasureClient; aFirst: boolean; counts: boolean },
): Promise<string | undefined> {
  const { query } = series;
  const request = {
    sets: [...query.tuning, ...query.heldOut],
    pragmas: query.pragmas,
    sliceMs: pair.counts ? sliceMs : 1,
  };
  const order = pair.aFirst ? [pair.a, pair.b] : [pair.b, pair.a];
  try {
    const found = new Map<MeasureClient, Slice>();
    for (const client of order) {
      const slice = await client.slice(request, sliceCapMs);
      if (slice === undefined) return `did not end within ${sliceCapMs / 1000} s`;
      found.set(client, slice);
    }
    const [sliceA, sliceB] = [found.get(pair.a), found.get(pair.b)];
    if (pair.counts && sliceA !== undefined && sliceB !== undefined) {
      series.a.push(sliceA);
      series.b.push(sliceB);
    }
    return undefined;
  } catch (error) {
    return statementFault(error);
  }
}

import type { OperationContext } from '../../context.ts';
import { schemaDigest } from '../../schema/digest.ts';
import { readObjects } from '../../schema/introspect.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { openScratch } from '../../sqlite/scratch.ts';
import { median } from '../../statistics/percentile.ts';
import { judgePairs, overallVerdict, type PairedOptions } from '../../statistics/verdict.ts';
import { MeasureClient } from '../cost/measure-client.ts';
import { type ScratchRequest, withScratchCopy } from '../cost/scratch-copy.ts';
import { statementFault } from '../queries/plan-query.ts';
import { explainPlan, planText } from '../query-plan/plan.ts';
import { seededChance } from '../workload/seeded-chance.ts';
import type { Baseline, BaselineQuery, BaselineSlice } from './baseline-file.ts';
import type { ComparedQuery, ComparisonData, PlanChange, StoredSide } from './compare-data.ts';
import { gainedSteps } from './plan-change.ts';
import { libraryOf, measureSlices } from './record.ts';

export interface StoredCompareRequest extends ScratchRequest {
  readonly baseline: Baseline;
  readonly baselinePath: string;
  readonly alpha: number;
  readonly floor: number;
  readonly detect: number;
  readonly seed: number;
  readonly timeLimitMs: number;
}

/** Median calibration that moved by this share makes the times of two days incomparable. */
const calibrationDrift = 0.05;

/**
 * Compares a database with a baseline of another day. Plans are the hard signal; times are divided by the calibration
 * that ran beside them, and alone they never make a regression.
 */
export async function compareStored(request: StoredCompareRequest, context: OperationContext): Promise<ComparisonData> {
  const { baseline } = request;
  return withScratchCopy(request, context, async (copy) => {
    const connection = openScratch(copy.path, context);
    const client = new MeasureClient(copy, context);
    try {
      connection.pragma('foreign_keys = ON');
      const left: { name: string; reason: string }[] = [];
      const { planChanges, comparable } = comparePlans(baseline, connection, left);
      const runs = Math.max(...baseline.queries.map((query) => query.slices.length), 0);
      const slices = await measureSlices(comparable, {
        client,
        request: { runs, timeLimitMs: request.timeLimitMs },
        context,
        left,
      });
      const side = describeSide(request, connection, [...slices.values()].flat());
      const tests = judgeTimes(comparable, slices, { ...request, planChanges, drifted: side.drifted });
      const gained = planChanges.some((change) => change.gained.length > 0);
      return {
        a: request.baselinePath,
        b: request.path,
        withSql: null,
        pairs: Math.min(...[...slices.values()].map((one) => one.length), runs),
        tests,
        planChanges,
        left,
        control: null,
        stored: side,
        verdict: gained ? 'regression' : overallVerdict(tests.map((test) => test.verdict)),
      };
    } finally {
      await client.close();
      connection.close();
    }
  });
}

function comparePlans(baseline: Baseline, connection: Connection, left: { name: string; reason: string }[]) {
  const planChanges: PlanChange[] = [];
  const comparable: BaselineQuery[] = [];
  for (const query of baseline.queries) {
    try {
      const change = planChange(query, connection);
      if (change !== undefined) planChanges.push(change);
      comparable.push(query);
    } catch (error) {
      left.push({ name: query.name, reason: statementFault(error) });
    }
  }
  return { planChanges, comparable };
}

/** The first set whose plan gained something slow, otherwise the first whose plan differs. */
function planChange(query: BaselineQuery, connection: Connection): PlanChange | undefined {
  const changes = query.sets.flatMap((set): PlanChange[] => {
    const after = planText(explainPlan(connection, set.sql, set.values));
    if (after === set.plan) return [];
    const [before, now] = [set.plan.split('\n'), after.split('\n')];
    return [{ query: query.name, before, after: now, gained: gainedSteps(before, now, set.sql, connection) }];
  });
  return changes.find((change) => change.gained.length > 0) ?? changes[0];
}

function describeSide(
  { baseline }: StoredCompareRequest,
  connection: Connection,
  slices: readonly BaselineSlice[],
): StoredSide {
  const thenMs = median(baseline.calibrationMs);
  const nowMs = median(slices.map((slice) => slice.calibrationMs));
  const shift = nowMs / thenMs - 1;
  return {
    name: baseline.name,
    recordedAt: baseline.recordedAt,
    schemaChanged: baseline.schemaDigest !== schemaDigest(readObjects(connection)),
    library: { before: baseline.library, after: libraryOf(connection) },
    calibration: { thenMs, nowMs, shift },
    drifted: slices.length === 0 || Math.abs(shift) >= calibrationDrift,
  };
}

/** The n-th slice of then beside the n-th of now, each by its own calibration. */
function judgeTimes(
  queries: readonly BaselineQuery[],
  slices: ReadonlyMap<string, readonly BaselineSlice[]>,
  parts: Pick<StoredCompareRequest, 'alpha' | 'floor' | 'detect' | 'seed'> & {
    readonly planChanges: readonly PlanChange[];
    readonly drifted: boolean;
  },
): ComparedQuery[] {
  const options: PairedOptions = { ...parts, chance: seededChance(parts.seed) };
  const measured = queries.filter((query) => (slices.get(query.fingerprint)?.length ?? 0) > 0);
  const scaled = (slice: BaselineSlice): number => Math.max(1e-9, slice.p50Ms / slice.calibrationMs);
  const series = measured.map((query) => {
    const now = slices.get(query.fingerprint) ?? [];
    const count = Math.min(now.length, query.slices.length);
    const ratios = Array.from({ length: count }, (_, at) => {
      const [before, after] = [query.slices[at], now[at]];
      return before === undefined || after === undefined ? 1 : scaled(after) / scaled(before);
    });
    return { name: query.name, ratios };
  });
  return judgePairs(series, options).map((result, index) => {
    const { name, resolution, verdict, ...rest } = result;
    const query = measured[index];
    return {
      ...rest,
      query: name,
      fingerprint: query?.fingerprint ?? '',
      metric: 'p50',
      medianA: median((query?.slices ?? []).map((slice) => slice.p50Ms)),
      medianB: median((slices.get(query?.fingerprint ?? '') ?? []).map((slice) => slice.p50Ms)),
      resolution: Number.isFinite(resolution) ? resolution : null,
      planChanged: parts.planChanges.some((change) => change.query === name),
      // A time of another day never fails a build: a slower one asks for a live comparison.
      verdict: parts.drifted || verdict === 'regression' ? 'unresolved' : verdict,
    };
  });
}

import { readFile } from 'node:fs/promises';
import type { OperationContext } from '../../context.ts';
import { fromFileSystem, TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { openScratch } from '../../sqlite/scratch.ts';
import { median } from '../../statistics/percentile.ts';
import { pairsNeeded } from '../../statistics/sign-flip.ts';
import { judgePairs, overallVerdict, type PairedOptions, type Verdict } from '../../statistics/verdict.ts';
import { MeasureClient } from '../cost/measure-client.ts';
import { type ScratchCopy, type ScratchRequest, withScratchCopy } from '../cost/scratch-copy.ts';
import { statementFault } from '../queries/plan-query.ts';
import { explainPlan, planText } from '../query-plan/plan.ts';
import { seededChance } from '../workload/seeded-chance.ts';
import type { Workload, WorkloadQuery } from '../workload/workload.ts';
import type { ComparedQuery, ComparisonData, PlanChange } from './compare-data.ts';
import { measureSeries, type QuerySeries } from './paired-slices.ts';
import { gainedSteps } from './plan-change.ts';

export interface CompareRequest {
  readonly a: ScratchRequest;
  readonly b: ScratchRequest;
  /** Applied to the copy of B before it is measured. */
  readonly withSqlFile: string | null;
  readonly workload: Workload;
  readonly pairs: number;
  /** Pairs at most: added as long as the spread is too large to see `detect`. */
  readonly maxPairs: number;
  readonly alpha: number;
  readonly floor: number;
  readonly detect: number;
  readonly control: boolean;
  readonly seed: number;
  readonly timeLimitMs: number;
}

/** Metrics of each query that are tested. */
const metrics = 2;

/** Runs a workload on private copies of two databases, pair by pair in random order, and judges each query. */
export async function compareLive(request: CompareRequest, context: OperationContext): Promise<ComparisonData> {
  const sql = request.withSqlFile === null ? null : await readText(request.withSqlFile);
  return withScratchCopy(request.a, context, (copyA) =>
    withScratchCopy(request.b, context, async (copyB) => {
      const clients = [copyA, copyB, copyA].map((copy) => new MeasureClient(copy, context));
      const [a, b, again] = clients as [MeasureClient, MeasureClient, MeasureClient];
      try {
        if (sql !== null && !(await b.exec(sql, request.timeLimitMs))) {
          throw new TradedbError(
            'deadline_exceeded',
            `${JSON.stringify(request.withSqlFile)} did not end within the time limit`,
          );
        }
        return await compare(request, { a, b, again, copyA, copyB }, context);
      } finally {
        await Promise.all(clients.map((client) => client.close()));
      }
    }),
  );
}

interface Sides {
  readonly a: MeasureClient;
  readonly b: MeasureClient;
  /** A second process on the copy of A, for the A/A arm. */
  readonly again: MeasureClient;
  readonly copyA: ScratchCopy;
  readonly copyB: ScratchCopy;
}

async function compare(request: CompareRequest, sides: Sides, context: OperationContext): Promise<ComparisonData> {
  const { planChanges, comparable, left } = comparePlans(request.workload, sides, context);
  const pairs = Math.max(request.pairs, pairsNeeded(comparable.length * metrics, request.alpha));
  const chance = seededChance(request.seed);
  const most = Math.max(pairs, request.maxPairs);
  const plan = {
    pairs,
    most,
    detect: request.detect,
    chance,
    context,
    deadline: context.clock.now() + request.timeLimitMs,
  };
  const measured = await measureSeries(comparable, [sides.a, sides.b], plan);
  const options = { alpha: request.alpha, floor: request.floor, detect: request.detect, chance };
  const tests = judge(measured.series, planChanges, options);
  const control = request.control ? await controlArm(comparable, sides, { ...plan, options }) : null;
  const trusted = control === null || control === 'no-change' || control === 'unresolved';
  const verdicts: Verdict[] = tests.map((test) => test.verdict);
  return {
    a: request.a.path,
    b: request.b.path,
    withSql: request.withSqlFile,
    pairs: Math.min(...measured.series.map((one) => one.a.length), most),
    tests: trusted ? tests : tests.map((test) => ({ ...test, verdict: 'unresolved' as const })),
    planChanges,
    left: [...left, ...measured.left],
    control,
    stored: null,
    verdict: trusted ? overallVerdict(verdicts) : 'unresolved',
  };
}

async function controlArm(
  comparable: readonly WorkloadQuery[],
  sides: Sides,
  plan: Parameters<typeof measureSeries>[2] & { readonly options: PairedOptions },
): Promise<Verdict> {
  const deadline = plan.context.clock.now() + (plan.deadline - plan.context.clock.now() > 0 ? 60_000 : 10_000);
  const { series } = await measureSeries(comparable, [sides.a, sides.again], { ...plan, deadline });
  const verdicts = judge(series, [], plan.options).map((test) => test.verdict);
  return verdicts.find((verdict) => verdict === 'regression' || verdict === 'improvement') ?? 'no-change';
}

function judge(
  series: readonly QuerySeries[],
  planChanges: readonly PlanChange[],
  options: PairedOptions,
): ComparedQuery[] {
  const flat = series.flatMap((one) => [
    { one, metric: 'p50' as const, a: one.a.map((slice) => slice.p50Ms), b: one.b.map((slice) => slice.p50Ms) },
    { one, metric: 'cpu' as const, a: one.a.map((slice) => slice.cpuMs), b: one.b.map((slice) => slice.cpuMs) },
  ]);
  const judged = judgePairs(
    flat.map(({ one, a, b }) => ({
      name: one.query.name,
      ratios: a.map((value, index) => Math.max(1e-9, b[index] ?? value) / Math.max(1e-9, value)),
    })),
    options,
  );
  return judged.map((result, index) => {
    const { name, resolution, ...rest } = result;
    const source = flat[index];
    return {
      ...rest,
      query: name,
      fingerprint: source?.one.query.fingerprint ?? '',
      metric: source?.metric ?? 'p50',
      medianA: median(source?.a ?? []),
      medianB: median(source?.b ?? []),
      resolution: Number.isFinite(resolution) ? resolution : null,
      planChanged: planChanges.some((change) => change.query === name),
    };
  });
}

function comparePlans(workload: Workload, sides: Sides, context: OperationContext) {
  const opened = [sides.copyA, sides.copyB].map((copy) => openScratch(copy.path, context)) as [Connection, Connection];
  const planChanges: PlanChange[] = [];
  const comparable: WorkloadQuery[] = [];
  const left: { name: string; reason: string }[] = [];
  try {
    const [a, b] = opened;
    for (const connection of opened) connection.pragma('foreign_keys = ON');
    for (const query of workload.queries) {
      try {
        const change = planChange(query, a, b);
        if (change !== undefined) planChanges.push(change);
        comparable.push(query);
      } catch (error) {
        left.push({ name: query.name, reason: statementFault(error) });
      }
    }
  } finally {
    for (const connection of opened) connection.close();
  }
  return { planChanges, comparable, left };
}

/** The plan of the first parameter set whose plan differs; undefined when all are equal. */
function planChange(query: WorkloadQuery, a: Connection, b: Connection): PlanChange | undefined {
  for (const set of [...query.tuning, ...query.heldOut]) {
    const before = explainPlan(a, set.sql, set.values);
    const after = explainPlan(b, set.sql, set.values);
    if (planText(before) === planText(after)) continue;
    const [linesBefore, linesAfter] = [planText(before).split('\n'), planText(after).split('\n')];
    return {
      query: query.name,
      before: linesBefore,
      after: linesAfter,
      gained: gainedSteps(linesBefore, linesAfter, set.sql, b),
    };
  }
  return undefined;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw fromFileSystem(error, path);
  }
}

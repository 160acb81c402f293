import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { median } from '../../statistics/percentile.ts';
import { judgePairs, overallVerdict, type PairedResult, type Verdict } from '../../statistics/verdict.ts';
import type { Environment } from '../environment.ts';
import type { LoadPlan } from '../plan.ts';
import { mergedView } from '../result/load-result.ts';
import { countsOf, latencyOf } from '../result/measure.ts';
import type { TargetData } from '../result/run-data.ts';
import { CounterDraw } from '../stream/draw.ts';
import { type TrialSet, type TrialSetRequest, withTrialSet } from '../trial-set.ts';
import { type BaselineEnvironment, baselineEnvironment, refuseOtherEnvironment } from './baseline-environment.ts';
import { type Program, type ProgramResult, runProgram } from './program.ts';
import type { VariantSettings } from './variant.ts';

export type MetricName = 'cpu' | 'p50' | 'p99' | 'tps';

/** One side, ready to run: its own plan, profile and base. */
export interface CompareSide extends Pick<TrialSetRequest, 'plan' | 'profile' | 'source'> {
  readonly label: string;
  readonly settings: VariantSettings;
  /** Set on both sides or on none, so that both are measured in the same way. */
  readonly program?: Program;
  /** Scenarios as the command line takes them. */
  readonly scenarios: readonly string[];
}

export interface CompareRequest extends Omit<TrialSetRequest, 'plan' | 'profile' | 'source'> {
  readonly a: CompareSide;
  readonly b: CompareSide;
  readonly differing: readonly string[];
  readonly pairs: number;
  readonly maxPairs: number;
  readonly sliceMs: number;
  readonly alpha: number;
  readonly floor: number;
  readonly detect: number;
  readonly gate: readonly MetricName[];
  /** A third arm, like A: when it differs from A, the machine is too noisy for any verdict. */
  readonly control: boolean;
  /** Environment of the baseline that is side A. */
  readonly baseline?: BaselineEnvironment;
}

export interface SliceData {
  readonly cpuUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly perSecond: number;
}

export interface PairData {
  readonly order: 'ab' | 'ba';
  readonly a: SliceData;
  readonly b: SliceData;
}

export interface MetricData {
  readonly name: MetricName;
  readonly gated: boolean;
  /** Microseconds; per second for tps. */
  readonly medianA: number;
  readonly medianB: number;
  readonly medianRatio: number;
  readonly interval: readonly [number, number];
  readonly p: number;
  readonly pCorrected: number;
  /** Null when it cannot be told. */
  readonly resolution: number | null;
  readonly verdict: Verdict;
}

export interface CompareData {
  readonly variants: readonly {
    readonly label: string;
    readonly settings: VariantSettings;
    /** Version of tradedb that ran it. */
    readonly version: string;
  }[];
  readonly differingKeys: readonly string[];
  readonly scenario: string;
  readonly seed: number;
  readonly paired: boolean;
  /** Smallest relative change that counts. */
  readonly floor: number;
  readonly transactionsPerSlice: number;
  readonly pairs: readonly PairData[];
  readonly metrics: readonly MetricData[];
  readonly control: { readonly rejected: boolean; readonly metrics: readonly MetricData[] } | null;
  readonly verdict: Verdict;
  readonly target: TargetData;
  readonly environment: Environment;
}

/** Shortest slice that the method was calibrated for. */
const shortestSliceMs = 350;
const rehearsalCalls = 3000;

const valuesOf: Readonly<Record<MetricName, (slice: SliceData) => number>> = {
  cpu: (slice) => slice.cpuUs,
  p50: (slice) => slice.p50Us,
  p99: (slice) => slice.p99Us,
  tps: (slice) => slice.perSecond,
};

export const metricNames = Object.keys(valuesOf) as MetricName[];

/** Runs both sides in pairs, in random order within a pair, each slice in a fresh process on a fresh copy. */
export async function runCompare(request: CompareRequest, context: OperationContext): Promise<CompareData> {
  const { a, b } = request;
  return withTrialSet({ ...request, ...a }, context, (setA) => {
    const same = a.source === b.source && JSON.stringify(a.plan.scenarios) === JSON.stringify(b.plan.scenarios);
    if (same) return new CompareRun(request, context, setA, setA).run();
    return withTrialSet({ ...request, ...b, runId: `${request.runId}b` }, context, (setB) =>
      new CompareRun(request, context, setA, setB).run(),
    );
  });
}

class CompareRun {
  readonly #request: CompareRequest;
  readonly #context: OperationContext;
  readonly #setA: TrialSet;
  readonly #setB: TrialSet;
  readonly #draw: CounterDraw;
  #transactions = 0;

  constructor(request: CompareRequest, context: OperationContext, setA: TrialSet, setB: TrialSet) {
    this.#request = request;
    this.#context = context;
    this.#setA = setA;
    this.#setB = setB;
    this.#draw = new CounterDraw(request.a.plan.seed, 5).start(0);
  }

  async run(): Promise<CompareData> {
    const { a, b, pairs: wanted, maxPairs, control, differing } = this.#request;
    const progress = this.#context.progress.start({
      id: 'loadtest.compare',
      label: 'comparing pairs',
      unit: 'steps',
      total: wanted,
    });
    const pairs: PairData[] = [];
    const controls: PairData[] = [];
    try {
      await this.#calibrate();
      // More pairs are added by the spread alone: looking at p would bias it.
      while (pairs.length < wanted || (pairs.length < maxPairs && this.#isTooWide(pairs))) {
        const aFirst = this.#draw.uniform() < 0.5;
        const first = await this.#slice(aFirst ? 'a' : 'b');
        const second = await this.#slice(aFirst ? 'b' : 'a');
        pairs.push(aFirst ? { order: 'ab', a: first, b: second } : { order: 'ba', a: second, b: first });
        if (control) {
          const again = await this.#slice('a');
          controls.push({ order: 'ab', a: pairs.at(-1)?.a ?? again, b: again });
        }
        progress.advance(1);
      }
    } finally {
      progress.done();
    }
    const metrics = this.#judge(pairs);
    const controlData = control ? this.#judgeControl(controls) : null;
    const gated = metrics.filter((metric) => metric.gated).map((metric) => metric.verdict);
    return {
      variants: [a, b].map(({ label, settings, program }) => ({
        label,
        settings,
        version: program?.version ?? this.#request.machine.tradedb,
      })),
      differingKeys: differing,
      scenario: a.plan.scenarios.map((one) => (one.kind === 'sql' ? one.spec.name : one.name)).join('+'),
      seed: a.plan.seed,
      paired: true,
      floor: this.#request.floor,
      transactionsPerSlice: this.#transactions,
      pairs,
      metrics: controlData?.rejected === true ? metrics.map((one) => ({ ...one, verdict: 'unresolved' })) : metrics,
      control: controlData,
      verdict: controlData?.rejected === true ? 'unresolved' : overallVerdict(gated),
      target: this.#setA.target,
      environment: this.#setA.environment(),
    };
  }

  /** Both sides then run the same number of transactions, which keeps the amount of work out of the comparison. */
  async #calibrate(): Promise<void> {
    const sliceMs = Math.max(shortestSliceMs, this.#request.sliceMs);
    const { plan } = this.#request.a;
    const { count } = await this.#run('a', { durationMs: sliceMs });
    const { baseline, a } = this.#request;
    if (baseline !== undefined) {
      refuseOtherEnvironment(baseline, baselineEnvironment(this.#setA.environment()), a.program !== undefined);
    }
    if (count === 0) {
      throw new TradedbError('child_failed', 'no transaction of the calibration succeeded', {
        hint: 'try the scenario with: tradedb loadtest run',
      });
    }
    this.#transactions = Math.max(plan.clients * plan.groupSize, count);
  }

  async #slice(side: 'a' | 'b'): Promise<SliceData> {
    const { count, cpuMs, elapsedMs, service } = await this.#run(side, { transactions: this.#transactions });
    if (count === 0) {
      throw new TradedbError('child_failed', `no transaction of variant ${this.#request[side].label} succeeded`);
    }
    return {
      cpuUs: (cpuMs * 1000) / count,
      p50Us: latencyOf(service, 'p50'),
      p99Us: latencyOf(service, 'p99'),
      perSecond: (count / elapsedMs) * 1000,
    };
  }

  async #run(side: 'a' | 'b', amount: Amount): Promise<Omit<ProgramResult, 'environment'>> {
    const { plan, profile, program, scenarios } = this.#request[side];
    const set = side === 'a' ? this.#setA : this.#setB;
    if (program !== undefined) {
      const { base, folder } = set.scratch;
      const words = amountWords(amount);
      const request = { program, plan, profile, scenarios, base, folder, amount: words };
      const result = await runProgram(request, this.#context);
      if (side === 'b' || !set.knowsClients) set.noteClients(result.environment);
      return result;
    }
    const { measured } = await set.run(slicePlan(plan, amount), profile);
    const { succeeded } = countsOf(measured?.transactions ?? []);
    const resources = measured?.resources;
    return {
      count: succeeded,
      elapsedMs: measured?.elapsedMs ?? 0,
      cpuMs: resources === undefined ? 0 : resources.cpuUserMs + resources.cpuSystemMs,
      service: mergedView(measured?.transactions ?? [], 'service'),
    };
  }

  #isTooWide(pairs: readonly PairData[]): boolean {
    return this.#judge(pairs).some(
      (metric) => metric.gated && (metric.resolution ?? Number.POSITIVE_INFINITY) > this.#request.detect,
    );
  }

  #judge(pairs: readonly PairData[]): MetricData[] {
    const { gate } = this.#request;
    const isGated = (name: MetricName): boolean => gate.includes(name);
    // Only what decides is corrected for its number; the rest is shown beside it.
    const results = [
      metricNames.filter(isGated),
      ...metricNames.filter((name) => !isGated(name)).map((name) => [name]),
    ];
    return results.flatMap((names) => this.#judgeTogether(names, pairs));
  }

  #judgeTogether(names: readonly MetricName[], pairs: readonly PairData[]): MetricData[] {
    const { alpha, floor, detect, gate } = this.#request;
    const series = names.map((name) => ({
      name,
      ratios: pairs.map((pair) => valuesOf[name](pair.b) / valuesOf[name](pair.a)),
      higherIsBetter: name === 'tps',
    }));
    const chance = new CounterDraw(this.#request.a.plan.seed, 6).start(0);
    const found = judgePairs(series, { alpha, floor, detect, chance: () => chance.uniform() });
    return found.map((result, index) => metricData(names[index] as MetricName, result, pairs, gate));
  }

  #judgeControl(pairs: readonly PairData[]): CompareData['control'] {
    const metrics = this.#judge(pairs);
    const { alpha, floor } = this.#request;
    const rejected = metrics.some(
      (metric) => metric.gated && metric.pCorrected < alpha && Math.abs(metric.medianRatio - 1) >= floor,
    );
    return { rejected, metrics };
  }
}

type Amount = { readonly transactions: number } | { readonly durationMs: number };

function slicePlan(plan: LoadPlan, amount: Amount): LoadPlan {
  return {
    ...plan,
    rehearsalCalls,
    warmupMs: 0,
    load: { loop: 'closed', durationMs: 600_000, thinkMs: 0, ...amount },
  };
}

function amountWords(amount: Amount): readonly [string, string] {
  return 'transactions' in amount
    ? ['--transactions', String(amount.transactions)]
    : ['--duration', `${Math.round(amount.durationMs)}ms`];
}

function metricData(
  name: MetricName,
  result: PairedResult,
  pairs: readonly PairData[],
  gate: readonly MetricName[],
): MetricData {
  return {
    name,
    gated: gate.includes(name),
    medianA: median(pairs.map((pair) => valuesOf[name](pair.a))),
    medianB: median(pairs.map((pair) => valuesOf[name](pair.b))),
    medianRatio: result.medianRatio,
    interval: [result.interval.low, result.interval.high],
    p: result.p,
    pCorrected: result.pCorrected,
    resolution: Number.isFinite(result.resolution) ? result.resolution : null,
    verdict: result.verdict,
  };
}

import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import type { Environment } from '../environment.ts';
import type { LoadPlan } from '../plan.ts';
import { mergedView } from '../result/load-result.ts';
import { achievedRatio, countsOf, latencyOf, valueFor } from '../result/measure.ts';
import type { TargetData, ThresholdData } from '../result/run-data.ts';
import { holds, type Threshold } from '../threshold.ts';
import type { TrialResult } from '../trial.ts';
import { type TrialSet, type TrialSetRequest, withTrialSet } from '../trial-set.ts';
import { findKnee, type KneeResult, type KneeTrial } from './search.ts';

export interface KneeRequest extends TrialSetRequest {
  readonly slo: Threshold;
  readonly fromRate?: number;
  readonly toRate?: number;
  readonly trialMs: number;
  readonly repeats: number;
  readonly precision: number;
  readonly maxLoadMs: number;
  /** `knee.low >= rate`. */
  readonly limits: readonly KneeLimit[];
}

export interface KneeLimit {
  readonly expression: string;
  readonly operator: Threshold['operator'];
  readonly limit: number;
}

export interface KneeTrialData {
  readonly ratePerSecond: number;
  readonly passed: boolean;
  readonly p99Us: number | null;
  readonly achievedRatio: number;
  readonly checkpoints: number;
  readonly durationMs: number;
  /** Why it did not pass; empty when it did. */
  readonly reason: string;
}

export interface KneeData {
  readonly slo: string;
  readonly scenario: string;
  readonly seed: number;
  readonly interval: Pick<KneeResult, 'lowPerSecond' | 'highPerSecond' | 'lowOpen' | 'highOpen'>;
  readonly estimatePerSecond: number | null;
  readonly trials: readonly KneeTrialData[];
  readonly secondsOfLoad: number;
  readonly converged: boolean;
  readonly thresholds: readonly ThresholdData[];
  readonly target: TargetData;
  readonly environment: Environment;
}

const probeMs = 2000;
/** Share of a trial that is not judged. */
const discarded = 0.2;
const fewestArrivals = 2000;
/** Longest trial, for rates at which 2,000 arrivals or a checkpoint cycle would take minutes. */
const longestTrialMs = 20_000;
/** Rehearsal of each fresh process: enough for most of the JIT compiler's work, short beside a trial. */
const rehearsalCalls = 3000;

/** Searches the highest rate that holds the limit. */
export async function runKnee(request: KneeRequest, context: OperationContext): Promise<KneeData> {
  return withTrialSet(request, context, (set) => new KneeRun(request, context, set).run());
}

class KneeRun {
  readonly #request: KneeRequest;
  readonly #context: OperationContext;
  readonly #set: TrialSet;
  readonly #trials: KneeTrialData[] = [];
  #cycleTransactions = 0;

  constructor(request: KneeRequest, context: OperationContext, set: TrialSet) {
    this.#request = request;
    this.#context = context;
    this.#set = set;
  }

  async run(): Promise<KneeData> {
    const { maxLoadMs, precision, repeats, limits, slo, plan } = this.#request;
    const progress = this.#context.progress.start({
      id: 'loadtest.knee',
      label: 'searching the knee',
      unit: 'steps',
      total: Math.ceil(maxLoadMs / 1000),
    });
    try {
      const { low, high } = await this.#bracket();
      const result = await findKnee(
        { low, high, precision, repeats, maxLoadSeconds: maxLoadMs / 1000 },
        async (rate, stretch) => {
          const trial = await this.#trial(rate, stretch);
          progress.advance(trial.seconds);
          return trial;
        },
      );
      const { lowPerSecond, highPerSecond, lowOpen, highOpen } = result;
      return {
        slo: slo.expression,
        scenario: this.#set.names.length === 1 ? (this.#set.names[0] ?? '') : plan.scenarios.map(nameOf).join('+'),
        seed: plan.seed,
        interval: { lowPerSecond, highPerSecond, lowOpen, highOpen },
        estimatePerSecond: result.estimatePerSecond,
        trials: this.#trials,
        secondsOfLoad: result.secondsOfLoad,
        converged: result.converged,
        thresholds: limits.map((limit) => judgeLimit(limit, lowPerSecond)),
        target: this.#set.target,
        environment: this.#set.environment(),
      };
    } finally {
      progress.done();
    }
  }

  /** A short closed loop tells how fast the database can be at all, and how many transactions a checkpoint cycle has. */
  async #bracket(): Promise<{ low: number; high: number }> {
    const { fromRate, toRate, plan, profile } = this.#request;
    const probe = await this.#set.run({
      ...plan,
      load: { loop: 'closed', durationMs: probeMs, thinkMs: 0 },
      warmupMs: 300,
      rehearsalCalls,
    });
    const load = probe.measured;
    const count = load === undefined ? 0 : countsOf(load.transactions).succeeded;
    if (load === undefined || count === 0) {
      throw new TradedbError('child_failed', 'no transaction of the probe succeeded', {
        hint: 'try the scenario with: tradedb loadtest run',
      });
    }
    const cycleBytes = profile.walAutocheckpointPages * 4120;
    const perCycle =
      probe.wal.checkpoints > 0
        ? count / probe.wal.checkpoints
        : (cycleBytes / Math.max(1, probe.wal.maxBytes)) * count;
    this.#cycleTransactions = probe.wal.maxBytes === 0 ? 0 : perCycle;
    const rate = (count / load.elapsedMs) * 1000;
    const high = toRate ?? rate * 1.1;
    const low = fromRate ?? Math.min(rate * 0.05, high / 2);
    if (low >= high) {
      throw new TradedbError('usage', `--from-rate ${low} is not below --to-rate ${Math.round(high)}`);
    }
    return { low, high };
  }

  async #trial(ratePerSecond: number, stretch: number): Promise<KneeTrial> {
    const { slo, trialMs, plan } = this.#request;
    const wanted = Math.max(fewestArrivals, this.#cycleTransactions);
    const totalMs = Math.min(longestTrialMs, Math.max(trialMs * stretch, (wanted / ratePerSecond) * 1000));
    const result = await this.#set.run(trialPlan(plan, ratePerSecond, totalMs));
    const load = result.measured;
    const measured = load && {
      loop: 'open' as const,
      names: this.#set.names,
      transactions: load.transactions,
      schedule: load.schedule,
      elapsedMs: load.elapsedMs,
      cpuMs: load.resources.cpuUserMs + load.resources.cpuSystemMs,
      walMaxBytes: result.wal.maxBytes,
    };
    const actual = measured && valueFor(slo, measured);
    const ratio = load === undefined ? 0 : achievedRatio(load);
    const reason = ratio < 0.99 ? 'rate not reached' : holds(slo, actual) ? '' : 'limit crossed';
    this.#trials.push({
      ratePerSecond,
      passed: reason === '',
      p99Us: p99Of(result),
      achievedRatio: ratio,
      checkpoints: result.wal.checkpoints,
      durationMs: totalMs,
      reason,
    });
    return { ratePerSecond, passed: reason === '', seconds: totalMs / 1000 };
  }
}

function trialPlan(plan: LoadPlan, ratePerSecond: number, totalMs: number): LoadPlan {
  const durationMs = totalMs * (1 - discarded);
  const kind = plan.load.loop === 'open' ? plan.load.arrivals.kind : 'poisson';
  return {
    ...plan,
    rehearsalCalls,
    warmupMs: totalMs * discarded,
    load: {
      loop: 'open',
      durationMs,
      arrivals: { kind, stages: [{ durationMs, from: ratePerSecond, to: ratePerSecond }] },
      // What is not run within a second of the end was not held.
      drainMs: 1000,
    },
  };
}

function p99Of({ measured }: TrialResult): number | null {
  if (measured === undefined) return null;
  const response = mergedView(measured.transactions, 'response');
  return response.count === 0 ? null : latencyOf(response, 'p99');
}

function nameOf(reference: LoadPlan['scenarios'][number]): string {
  return reference.kind === 'sql' ? reference.spec.name : reference.name;
}

function judgeLimit({ expression, operator, limit }: KneeLimit, low: number | null): ThresholdData {
  const actual = low ?? 0;
  const passed = holds({ expression, metric: { kind: 'rate.perSecond' }, operator, limit }, actual);
  return { expression, unit: 'perSecond', actual: low, limit, passed };
}

/** `knee.low >= 2000`. */
export function parseKneeLimit(expression: string): KneeLimit {
  const match = /^\s*knee\.low\s*(<=|>=|<|>)\s*([\d_,]+(?:\.\d+)?)\s*(?:\/s)?\s*$/.exec(expression);
  if (match === null) {
    throw new TradedbError('usage', `threshold ${JSON.stringify(expression)} is not about the knee`, {
      hint: "write it like: knee.low >= 2000; the limit of the latency is --slo 'response.p99 <= 10ms'",
    });
  }
  return {
    expression: expression.trim(),
    operator: match[1] as Threshold['operator'],
    limit: Number((match[2] ?? '').replace(/[_,]/g, '')),
  };
}

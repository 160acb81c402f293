import type { KneeData } from '../../core/loadtest/knee/run-knee.ts';
import type { CheckResult, Finding } from '../../core/report.ts';
import { defineCommand } from '../definition.ts';
import { loadOptions } from './option-list.ts';

const { scenario, clients, arrivals, seed, durability, pragma, groupSize, sampleOrders, scratchDir, annotations } =
  loadOptions;

export const definition = defineCommand({
  path: ['loadtest', 'knee'],
  summary: 'find the highest rate that holds a latency limit, as an interval',
  description:
    'Many short trials, each on a fresh copy and where the knee most likely lies by all trials before it; the interval holds the knee with 90%. A trial lasts at least as long as 2,000 arrivals and one checkpoint cycle take, and its first fifth is not judged.',
  options: {
    slo: {
      type: 'text',
      value: 'expression',
      group: 'Search',
      config: 'loadtest.knee.slo',
      summary: 'the limit that has to hold',
    },
    fromRate: {
      type: 'number',
      value: 'n',
      minimum: 0.1,
      group: 'Search',
      summary: 'lowest rate; 5% of a probe otherwise',
    },
    toRate: {
      type: 'number',
      value: 'n',
      minimum: 0.1,
      group: 'Search',
      summary: 'highest rate; 110% of a probe otherwise',
    },
    trial: {
      type: 'duration',
      value: 'time',
      group: 'Search',
      config: 'loadtest.knee.trial',
      summary: 'shortest trial; twice as long near the knee',
    },
    repeats: {
      type: 'integer',
      value: 'n',
      minimum: 1,
      maximum: 21,
      group: 'Search',
      config: 'loadtest.knee.repeats',
      summary: 'trials that must hold close below the knee and fail close above it, an odd number',
    },
    precision: {
      type: 'share',
      value: 'share',
      group: 'Search',
      config: 'loadtest.knee.precision',
      summary: 'the search ends when the knee is told to plus or minus this',
    },
    maxLoad: {
      type: 'duration',
      value: 'time',
      group: 'Search',
      config: 'loadtest.knee.maxLoad',
      summary: 'time of load over all trials',
    },
    threshold: {
      type: 'text',
      value: 'expression',
      repeatable: true,
      group: 'Search',
      summary: "such as 'knee.low >= 2000'; a crossed one sets exit code 4",
    },
    scenario,
    clients,
    arrivals,
    seed,
    durability,
    pragma,
    groupSize,
    sampleOrders,
    scratchDir,
    annotations,
    keep: { type: 'flag', group: 'Database', summary: 'keep the scratch folder' },
  },
  examples: [
    { command: 'loadtest knee', does: 'how many transactions a second keep their p99 below 10 ms' },
    { command: "loadtest knee --slo 'order.new.p99 <= 5ms' --threshold 'knee.low >= 800'", does: 'as a gate in CI' },
  ],
  exitCodes: {
    0: 'an interval was found',
    1: 'the search could not be made',
    3: 'the interval is open at its upper end, or it did not converge',
    4: 'the limit does not hold at the lowest rate, or a threshold was crossed',
    10: 'the database does not exist',
    11: 'the database is locked',
    12: 'not a database',
  },
  formats: ['junit', 'markdown', 'html'],
  async run({ options }, context) {
    const { machineFacts, makeRunId, readPlan, readProfile, scratchParent } = await import('./load-options.ts');
    const { parseKneeLimit, runKnee } = await import('../../core/loadtest/knee/run-knee.ts');
    const { resolveScenarios } = await import('../../core/loadtest/scenario/resolve.ts');
    const { parseThreshold } = await import('../../core/loadtest/threshold.ts');
    const { TradedbError } = await import('../../core/error.ts');
    const { requireDatabaseFile } = await import('../../core/sqlite/connection.ts');

    const source = context.databasePathIfAny();
    if (source !== undefined) requireDatabaseFile(source);
    const { knee } = context.config.loadtest;
    const repeats = options.repeats ?? knee.repeats;
    const precision = options.precision ?? knee.precision;
    const trialMs = options.trial ?? knee.trial;
    if (repeats % 2 === 0)
      throw new TradedbError('usage', '--repeats takes an odd number, so that there is a majority');
    if (precision <= 0) throw new TradedbError('usage', '--precision must be above 0%');
    if (options.arrivals?.startsWith('trace:') === true) {
      throw new TradedbError(
        'usage',
        'a trace has one rate only; the knee is searched with constant, poisson or burst',
      );
    }
    const plan = await readPlan(
      { ...loadDefaults, ...options, rate: options.fromRate ?? 1, duration: trialMs },
      context,
    );
    const mix = await resolveScenarios(plan.scenarios);
    const scope = { loop: 'open', transactions: mix.transactions.map((transaction) => transaction.name) } as const;
    const data = await runKnee(
      {
        runId: makeRunId(context),
        plan,
        profile: readProfile(context.config, plan.durability),
        ...(source === undefined ? {} : { source }),
        scratchParent: scratchParent(options.scratchDir, source, context),
        keep: options.keep,
        machine: machineFacts(context),
        slo: parseThreshold(options.slo ?? knee.slo, scope),
        ...(options.fromRate === undefined ? {} : { fromRate: options.fromRate }),
        ...(options.toRate === undefined ? {} : { toRate: options.toRate }),
        trialMs,
        repeats,
        precision,
        maxLoadMs: options.maxLoad ?? knee.maxLoad,
        limits: options.threshold.map(parseKneeLimit),
      },
      context,
    );
    return context.report<KneeData>(data, { findings: findingsOf(data), checks: checksOf(data) });
  },
  exitCode: (report) => (report.status === 'critical' ? 4 : report.status === 'warning' ? 3 : 0),
});

/** Load options that this form does not have. */
const loadDefaults = {
  stages: undefined,
  transactions: undefined,
  warmup: 0,
  thinkTime: 0,
  dropLateAfter: undefined,
  drain: 1000,
  backgroundReaders: 0,
  statements: false,
  interval: 1000,
} as const;

function findingsOf(data: KneeData): Finding[] {
  const { interval, thresholds } = data;
  const findings: Finding[] = thresholds
    .filter((threshold) => !threshold.passed)
    .map((threshold) => ({
      id: 'loadtest.threshold',
      severity: 'critical',
      subject: threshold.expression,
      message: `crossed: ${threshold.actual === null ? 'no rate held the limit' : `${Math.round(threshold.actual)}/s`}`,
    }));
  if (interval.lowOpen) {
    findings.push({
      id: 'loadtest.knee-below',
      severity: 'critical',
      message: `${data.slo} does not hold even at ${Math.round(interval.highPerSecond ?? 0)}/s`,
      hint: 'start lower with --from-rate, or allow more with --slo',
    });
  } else if (interval.highOpen) {
    findings.push({
      id: 'loadtest.knee-above',
      severity: 'warning',
      message: `${data.slo} holds at the highest rate that was tried, ${Math.round(interval.lowPerSecond ?? 0)}/s`,
      hint: 'go higher with --to-rate, or with more --clients',
    });
  } else if (!data.converged) {
    findings.push({
      id: 'loadtest.knee-not-converged',
      severity: 'warning',
      message: 'the load ran out before the knee was told as precisely as asked',
      hint: 'allow more with --max-load, or longer trials with --trial',
    });
  }
  if (data.trials.length > 0 && data.trials.every((trial) => trial.checkpoints === 0)) {
    findings.push({
      id: 'loadtest.few-checkpoints',
      severity: 'info',
      message: 'no trial covered a checkpoint: their stalls are not in the result',
    });
  }
  return findings;
}

function checksOf(data: KneeData): CheckResult[] {
  return data.thresholds.map((threshold) => ({
    id: threshold.expression,
    group: 'thresholds',
    status: threshold.passed ? 'ok' : 'critical',
    message: threshold.actual === null ? 'no rate held the limit' : `${Math.round(threshold.actual)}/s`,
    durationMs: data.secondsOfLoad * 1000,
  }));
}

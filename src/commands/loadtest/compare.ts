import type { CompareData, CompareSide, MetricName } from '../../core/loadtest/compare/run-compare.ts';
import type { CheckResult, Finding } from '../../core/report.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import type { LoadOptionValues } from './load-options.ts';
import { loadOptions } from './option-list.ts';
import type { Side } from './variant-file.ts';

const { scenario, clients, seed, durability, pragma, groupSize, sampleOrders, scratchDir } = loadOptions;

export const definition = defineCommand({
  path: ['loadtest', 'compare'],
  summary: 'tell whether one way is slower than the other, or that it cannot be told',
  description:
    'Both sides run in pairs, in random order, each slice in a fresh process on a fresh copy. A side is a name from loadtest.variants of the configuration, key=value,... (durability, group, scenario, base, pragma.<name>), a .json file with such keys, or "default". Two equal sides are the A/A check of the machine.',
  arguments: [
    { name: 'A', summary: 'first side; left out with --baseline' },
    { name: 'B', summary: 'second side' },
  ],
  options: {
    pairs: {
      type: 'integer',
      value: 'n',
      minimum: 1,
      maximum: 1000,
      default: '10',
      group: 'Method',
      summary: 'pairs of slices',
    },
    maxPairs: {
      type: 'integer',
      value: 'n',
      minimum: 1,
      maximum: 1000,
      group: 'Method',
      summary: 'add pairs up to this number while the spread is too wide; as --pairs otherwise',
    },
    slice: { type: 'duration', value: 'time', default: '500ms', group: 'Method', summary: 'length of one slice' },
    alpha: {
      type: 'number',
      value: 'p',
      minimum: 0.0001,
      maximum: 0.5,
      default: '0.05',
      group: 'Method',
      summary: 'level of the test',
    },
    floor: { type: 'share', value: 'share', default: '3%', group: 'Method', summary: 'smallest change that counts' },
    detect: {
      type: 'share',
      value: 'share',
      default: '10%',
      group: 'Method',
      summary: 'change that must be visible before "no change" is said',
    },
    gate: {
      type: 'text',
      value: 'metric,...',
      default: 'cpu,p50',
      group: 'Method',
      summary: 'metrics that decide: cpu, p50, p99, tps',
    },
    control: { type: 'flag', group: 'Method', summary: 'run A twice; when A differs from itself, nothing can be told' },
    baseline: { type: 'path', value: 'file', group: 'Method', summary: 'run the stored side again, as A' },
    saveBaseline: { type: 'path', value: 'file', group: 'Method', summary: 'store side B for a later --baseline' },
    failOn: {
      type: 'choice',
      choices: ['regression', 'unresolved'],
      default: 'regression',
      group: 'Method',
      summary: 'what sets exit code 4',
    },
    scenario,
    clients,
    seed,
    durability,
    pragma,
    groupSize,
    sampleOrders,
    scratchDir,
    keep: { type: 'flag', group: 'Database', summary: 'keep the scratch folders' },
  },
  examples: [
    { command: 'loadtest compare default durability=normal', does: 'what FULL costs on this disk' },
    {
      command: 'loadtest compare default pragma.cache_size=-131072 --control',
      does: 'a larger cache, with an A/A arm',
    },
    { command: 'loadtest compare scenario=old.sql scenario=new.sql', does: 'two ways to write the same transaction' },
  ],
  exitCodes: {
    0: 'no regression, and every deciding metric could be resolved',
    1: 'the comparison could not be made',
    3: 'it cannot be told',
    4: 'a regression; what cannot be told, with --fail-on unresolved',
    10: 'the database does not exist',
    11: 'the database is locked',
    12: 'not a database',
  },
  formats: ['junit', 'markdown'],
  async run({ options, arguments: words }, context) {
    const { machineFacts, makeRunId, scratchParent } = await import('./load-options.ts');
    const { readBaseline, readSide, writeBaseline } = await import('./variant-file.ts');
    const { differingKeys } = await import('../../core/loadtest/compare/variant.ts');
    const { metricNames, runCompare } = await import('../../core/loadtest/compare/run-compare.ts');
    const { pairsNeeded } = await import('../../core/statistics/sign-flip.ts');
    const { TradedbError } = await import('../../core/error.ts');
    const { requireDatabaseFile } = await import('../../core/sqlite/connection.ts');

    const gate = options.gate.split(',').map((name) => name.trim()) as MetricName[];
    const unknown = gate.find((name) => !metricNames.includes(name));
    if (unknown !== undefined)
      throw new TradedbError('usage', `--gate knows ${metricNames.join(', ')}, not ${unknown}`);
    const fewest = pairsNeeded(gate.length, options.alpha);
    if (options.pairs < fewest) {
      throw new TradedbError('usage', `with ${options.pairs} pairs no difference could ever be significant`, {
        hint: `give at least --pairs ${fewest}`,
      });
    }
    const source = context.databasePathIfAny();
    if (source !== undefined) requireDatabaseFile(source);
    const baseline = options.baseline === undefined ? undefined : readBaseline(context.resolve(options.baseline));
    const [first, second] = baseline === undefined ? words : [undefined, words[0]];
    if (second === undefined || (baseline !== undefined && words.length > 1)) {
      throw new TradedbError('usage', 'compare needs two sides, or one with --baseline', {
        hint: 'tradedb loadtest compare default durability=normal',
      });
    }
    const sideA = baseline?.side ?? readSide(first ?? 'default', context);
    const sideB = readSide(second, context);
    const shared = baseline === undefined ? options : { ...options, seed: baseline.seed, clients: baseline.clients };
    const planSeed = shared.seed ?? context.config.loadtest.seed ?? Math.floor(context.random.next() * 2 ** 32);
    const build = (side: Side): Promise<CompareSide> =>
      buildSide(side, { ...loadDefaults, ...shared, seed: planSeed }, source, context);
    const data = await runCompare(
      {
        runId: makeRunId(context),
        scratchParent: scratchParent(options.scratchDir, source, context),
        keep: options.keep,
        machine: machineFacts(context),
        a: await build(sideA),
        b: await build(sideB),
        differing: differingKeys(sideA.settings, sideB.settings),
        pairs: options.pairs,
        maxPairs: Math.max(options.pairs, options.maxPairs ?? options.pairs),
        sliceMs: options.slice,
        alpha: options.alpha,
        floor: options.floor,
        detect: options.detect,
        gate,
        control: options.control,
      },
      context,
    );
    if (options.saveBaseline !== undefined) writeBaseline(context.resolve(options.saveBaseline), data, options.clients);
    return context.report<CompareData>(data, { findings: findingsOf(data), checks: checksOf(data) });
  },
  exitCode(report, { options }) {
    const { verdict } = report.data;
    if (verdict === 'regression') return 4;
    if (verdict === 'unresolved') return options.failOn === 'unresolved' ? 4 : 3;
    return 0;
  },
});

/** The shared options with what the side changes in them. */
async function buildSide(
  { variant, label, settings }: Side,
  options: LoadOptionValues,
  source: string | undefined,
  context: CommandContext,
): Promise<CompareSide> {
  const { readPlan, readProfile } = await import('./load-options.ts');
  const { requireDatabaseFile } = await import('../../core/sqlite/connection.ts');
  const { scenario, durability, groupSize, pragmas, base } = variant;
  const plan = await readPlan(
    {
      ...options,
      ...(scenario === undefined ? {} : { scenario: [scenario] }),
      ...(durability === undefined ? {} : { durability }),
      ...(groupSize === undefined ? {} : { groupSize }),
      pragma: [...options.pragma, ...pragmas.map(({ name, value }) => `${name}=${value}`)],
    },
    context,
  );
  const path = base === undefined ? source : context.resolve(base);
  if (path !== undefined) requireDatabaseFile(path);
  const profile = readProfile(context.config, plan.durability);
  return { label, settings, plan, profile, ...(path === undefined ? {} : { source: path }) };
}

/** Load options that this form does not have. */
const loadDefaults = {
  rate: undefined,
  arrivals: undefined,
  stages: undefined,
  duration: 1000,
  transactions: undefined,
  warmup: 0,
  thinkTime: 0,
  dropLateAfter: undefined,
  drain: 0,
  backgroundReaders: 0,
  statements: false,
  interval: 1000,
} as const;

function findingsOf(data: CompareData): Finding[] {
  const findings = data.metrics
    .filter((metric) => metric.gated && metric.verdict === 'regression')
    .map(
      (metric): Finding => ({
        id: 'loadtest.regression',
        severity: 'critical',
        subject: metric.name,
        message: `${((metric.medianRatio - 1) * 100).toFixed(1)}% more, p ${metric.pCorrected.toFixed(3)}`,
      }),
    );
  if (data.control?.rejected === true) {
    findings.push({
      id: 'loadtest.control-rejected',
      severity: 'warning',
      message: 'A differs from itself on this machine: nothing can be told',
      hint: 'run it where nothing else runs, or with more --pairs',
    });
  } else if (data.verdict === 'unresolved') {
    const worst = Math.max(
      ...data.metrics.filter((metric) => metric.gated).map((metric) => metric.resolution ?? Infinity),
    );
    findings.push({
      id: 'loadtest.unresolved',
      severity: 'warning',
      message: `changes below ${(worst * 100).toFixed(0)}% cannot be resolved here`,
      hint: 'allow more with --max-pairs, or a longer --slice',
    });
  }
  return findings;
}

/** What could not be told is skipped, which is no pass. */
function checksOf(data: CompareData): CheckResult[] {
  return data.metrics
    .filter((metric) => metric.gated)
    .map((metric) => ({
      id: metric.name,
      group: 'compare',
      status: metric.verdict === 'regression' ? 'critical' : metric.verdict === 'unresolved' ? 'skipped' : 'ok',
      message: `${metric.verdict}: ${((metric.medianRatio - 1) * 100).toFixed(1)}%, p ${metric.pCorrected.toFixed(3)}`,
      durationMs: 0,
    }));
}

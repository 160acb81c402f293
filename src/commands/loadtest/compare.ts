import type { Program } from '../../core/loadtest/compare/program.ts';
import type { CompareData, CompareRequest, CompareSide, MetricName } from '../../core/loadtest/compare/run-compare.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import { compareChecks, compareFindings } from './compare-report.ts';
import type { LoadOptionValues } from './load-options.ts';
import { loadOptions } from './option-list.ts';
import type { Baseline, Side } from './variant-file.ts';

const { scenario, clients, seed, durability, pragma, groupSize, sampleOrders, scratchDir, annotations } = loadOptions;

export const definition = defineCommand({
  path: ['loadtest', 'compare'],
  summary: 'tell whether one way is slower than the other, or that it cannot be told',
  description:
    'Both sides run in pairs, in random order, each slice in a fresh process on a fresh copy. A side is a name from loadtest.variants of the configuration, key=value,... (durability, group, scenario, base, program, pragma.<name>), a .json file with such keys, or "default". Two equal sides are the A/A check of the machine.',
  arguments: [
    { name: 'A', summary: 'first side; left out with --baseline, and may be with --program' },
    { name: 'B', summary: 'second side' },
  ],
  options: {
    pairs: {
      type: 'integer',
      value: 'n',
      minimum: 1,
      maximum: 1000,
      group: 'Method',
      config: 'loadtest.compare.pairs',
      summary: 'pairs of slices',
    },
    maxPairs: {
      type: 'integer',
      value: 'n',
      minimum: 1,
      maximum: 1000,
      group: 'Method',
      config: 'loadtest.compare.maxPairs',
      summary: 'add pairs up to this number while the spread is too wide; as --pairs otherwise',
    },
    slice: {
      type: 'duration',
      value: 'time',
      group: 'Method',
      config: 'loadtest.compare.slice',
      summary: 'length of one slice',
    },
    alpha: {
      type: 'number',
      value: 'p',
      minimum: 0.0001,
      maximum: 0.5,
      group: 'Method',
      config: 'loadtest.compare.alpha',
      summary: 'level of the test',
    },
    floor: {
      type: 'share',
      value: 'share',
      group: 'Method',
      config: 'loadtest.compare.floor',
      summary: 'smallest change that counts',
    },
    detect: {
      type: 'share',
      value: 'share',
      group: 'Method',
      config: 'loadtest.compare.detect',
      summary: 'change that must be visible before "no change" is said',
    },
    gate: {
      type: 'text',
      value: 'metric,...',
      group: 'Method',
      config: 'loadtest.compare.gate',
      summary: 'metrics that decide: cpu, p50, p99, tps',
    },
    control: { type: 'flag', group: 'Method', summary: 'run A twice; when A differs from itself, nothing can be told' },
    program: {
      type: 'path',
      value: 'folder',
      group: 'Method',
      summary: 'A is run by another version of tradedb: its folder, or its bin/tradedb.js',
    },
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
    annotations,
    keep: { type: 'flag', group: 'Database', summary: 'keep the scratch folders' },
  },
  examples: [
    { command: 'loadtest compare default durability=normal', does: 'what FULL costs on this disk' },
    {
      command: 'loadtest compare default pragma.cache_size=-131072 --control',
      does: 'a larger cache, with an A/A arm',
    },
    {
      command: 'loadtest compare --program old/node_modules/tradedb',
      does: 'another version of tradedb (A) beside this one (B)',
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
  formats: ['junit', 'markdown', 'html'],
  async run({ options, arguments: words }, context) {
    const { machineFacts, makeRunId, scratchParent } = await import('./load-options.ts');
    const { writeBaseline } = await import('./variant-file.ts');
    const { differingKeys } = await import('../../core/loadtest/compare/variant.ts');
    const { runCompare } = await import('../../core/loadtest/compare/run-compare.ts');
    const { requireDatabaseFile } = await import('../../core/sqlite/connection.ts');

    const method = await readMethod(options, context);
    const source = context.databasePathIfAny();
    if (source !== undefined) requireDatabaseFile(source);
    const { a, b, baseline } = await readSides(options, words, context);
    const shared = baseline === undefined ? options : { ...options, seed: baseline.seed, clients: baseline.clients };
    const planSeed = shared.seed ?? context.config.loadtest.seed ?? Math.floor(context.random.next() * 2 ** 32);
    const programs = await readPrograms(a, b, context);
    const build = (side: Side, program: Program | undefined): Promise<CompareSide> =>
      buildSide(side, { ...loadDefaults, ...shared, seed: planSeed }, { source, program }, context);
    const data = await runCompare(
      {
        runId: makeRunId(context),
        scratchParent: scratchParent(options.scratchDir, source, context),
        keep: options.keep,
        machine: machineFacts(context),
        a: await build(a, programs?.a),
        b: await build(b, programs?.b),
        differing: differingKeys(a.settings, b.settings),
        ...method,
        control: options.control,
        ...(baseline === undefined ? {} : { baseline: baseline.environment }),
      },
      context,
    );
    if (options.saveBaseline !== undefined) writeBaseline(context.resolve(options.saveBaseline), data, options.clients);
    return context.report<CompareData>(data, { findings: compareFindings(data), checks: compareChecks(data) });
  },
  exitCode(report, { options }) {
    const { verdict } = report.data;
    if (verdict === 'regression') return 4;
    if (verdict === 'unresolved') return options.failOn === 'unresolved' ? 4 : 3;
    return 0;
  },
});

interface SideOptions {
  readonly program: string | undefined;
  readonly baseline: string | undefined;
}

interface MethodOptions {
  readonly pairs: number | undefined;
  readonly maxPairs: number | undefined;
  readonly slice: number | undefined;
  readonly alpha: number | undefined;
  readonly floor: number | undefined;
  readonly detect: number | undefined;
  readonly gate: string | undefined;
}

type Method = Pick<CompareRequest, 'pairs' | 'maxPairs' | 'sliceMs' | 'alpha' | 'floor' | 'detect' | 'gate'>;

/** The method of the options, where they are silent that of the configuration. */
async function readMethod(options: MethodOptions, context: CommandContext): Promise<Method> {
  const { metricNames } = await import('../../core/loadtest/compare/run-compare.ts');
  const { pairsNeeded } = await import('../../core/statistics/sign-flip.ts');
  const { TradedbError } = await import('../../core/error.ts');
  const configured = context.config.loadtest.compare;
  const names = options.gate === undefined ? configured.gate : options.gate.split(',');
  const gate = names.map((name) => name.trim()) as MetricName[];
  const unknown = gate.find((name) => !metricNames.includes(name));
  if (unknown !== undefined) throw new TradedbError('usage', `--gate knows ${metricNames.join(', ')}, not ${unknown}`);
  const alpha = options.alpha ?? configured.alpha;
  const pairs = options.pairs ?? configured.pairs;
  const fewest = pairsNeeded(gate.length, alpha);
  if (pairs < fewest) {
    throw new TradedbError('usage', `with ${pairs} pairs no difference could ever be significant`, {
      hint: `give at least --pairs ${fewest}`,
    });
  }
  return {
    pairs,
    maxPairs: Math.max(pairs, options.maxPairs ?? configured.maxPairs ?? pairs),
    sliceMs: options.slice ?? configured.slice,
    alpha,
    floor: options.floor ?? configured.floor,
    detect: options.detect ?? configured.detect,
    gate,
  };
}

/** Which two sides are meant: two words, one beside a baseline, or up to two beside another program. */
async function readSides(
  options: SideOptions,
  words: readonly string[],
  context: CommandContext,
): Promise<{ readonly a: Side; readonly b: Side; readonly baseline: Baseline | undefined }> {
  const { readBaseline, readSide, withProgram } = await import('./variant-file.ts');
  const { TradedbError } = await import('../../core/error.ts');
  const baseline = options.baseline === undefined ? undefined : readBaseline(context.resolve(options.baseline));
  const isAlone = baseline !== undefined || (options.program !== undefined && words.length < 2);
  const [first, second] = isAlone ? [words[0] ?? 'default', words[0] ?? (baseline ? undefined : 'default')] : words;
  if (second === undefined || (baseline !== undefined && words.length > 1)) {
    throw new TradedbError('usage', 'compare needs two sides, one with --baseline, or none with --program', {
      hint: 'tradedb loadtest compare default durability=normal',
    });
  }
  const a = baseline?.side ?? readSide(first ?? 'default', context);
  return {
    a: options.program === undefined ? a : withProgram(a, context.resolve(options.program)),
    b: readSide(second, context),
    baseline,
  };
}

/** As soon as one side is another version, both are run through their command lines: the same way for both. */
async function readPrograms(
  a: Side,
  b: Side,
  context: CommandContext,
): Promise<{ readonly a: Program; readonly b: Program } | undefined> {
  if (a.variant.program === undefined && b.variant.program === undefined) return undefined;
  const { findProgram } = await import('../../core/loadtest/compare/program.ts');
  const own = { launcher: context.host.launcher, version: context.host.version };
  const of = ({ variant }: Side): Program =>
    variant.program === undefined ? own : findProgram(context.resolve(variant.program));
  return { a: of(a), b: of(b) };
}

/** The shared options with what the side changes in them. */
async function buildSide(
  { variant, label, settings }: Side,
  options: LoadOptionValues,
  from: { readonly source: string | undefined; readonly program: Program | undefined },
  context: CommandContext,
): Promise<CompareSide> {
  const { readPlan, readProfile, scenarioWords } = await import('./load-options.ts');
  const { requireDatabaseFile } = await import('../../core/sqlite/connection.ts');
  const { scenario, durability, groupSize, pragmas, base } = variant;
  const names = scenario === undefined ? options.scenario : [scenario];
  const plan = await readPlan(
    {
      ...options,
      scenario: names,
      ...(durability === undefined ? {} : { durability }),
      ...(groupSize === undefined ? {} : { groupSize }),
      pragma: [...options.pragma, ...pragmas.map(({ name, value }) => `${name}=${value}`)],
    },
    context,
  );
  const path = base === undefined ? from.source : context.resolve(base);
  if (path !== undefined) requireDatabaseFile(path);
  return {
    label,
    settings,
    plan,
    profile: readProfile(context.config, plan.durability),
    scenarios: scenarioWords(names, plan, context),
    ...(path === undefined ? {} : { source: path }),
    ...(from.program === undefined ? {} : { program: from.program }),
  };
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

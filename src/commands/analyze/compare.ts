import type { ComparisonData, StoredSide } from '../../core/analysis/baseline/compare-data.ts';
import { TradedbError } from '../../core/error.ts';
import type { Finding } from '../../core/report.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import { baselineDirectory } from './baseline.ts';
import { copyOptions, scratchRequest } from './copy-option.ts';
import { requireWorkload, seedOption, workloadOption } from './workload-option.ts';

export const definition = defineCommand({
  path: ['analyze', 'compare'],
  summary: 'compare plans and times of a workload on two databases, or before and after some SQL',
  description:
    'Both databases are copied; each query runs on both copies pair by pair in random order, and a sign-flip test with correction for the number of tests decides. Three answers are possible for each query: it became slower or faster, it did not change, or the measurement cannot tell. Against a stored baseline the plans decide: a plan that gained a full scan, a sort or an automatic index is a regression, and a time alone is a warning.',
  arguments: [
    { name: 'A', summary: 'database; --database otherwise' },
    { name: 'B', summary: 'database that is compared with it; A with --with-sql otherwise' },
  ],
  options: {
    workload: workloadOption,
    seed: seedOption,
    withSql: { type: 'path', value: 'file', summary: 'SQL that is applied to the copy of B before it is measured' },
    baseline: { type: 'text', value: 'name', summary: 'compare with this stored baseline; its workload is used' },
    pairs: {
      type: 'integer',
      value: 'n',
      minimum: 6,
      maximum: 1000,
      config: 'analyze.compare.pairs',
      summary: 'pairs at least',
    },
    maxPairs: {
      type: 'integer',
      value: 'n',
      minimum: 6,
      maximum: 1000,
      config: 'analyze.compare.maxPairs',
      summary: 'pairs at most: added while the spread is too large to see --detect',
    },
    alpha: {
      type: 'number',
      value: 'p',
      minimum: 0.0001,
      maximum: 0.5,
      config: 'analyze.compare.alpha',
      summary: 'level of the test',
    },
    floor: { type: 'share', value: 'percent', config: 'analyze.compare.floor', summary: 'smallest change that counts' },
    detect: {
      type: 'share',
      value: 'percent',
      config: 'analyze.compare.detect',
      summary: 'change that must be visible to say "no change"',
    },
    control: { type: 'flag', summary: 'also compare A with itself; when that shows a change, nothing is trusted' },
    failOn: { type: 'choice', choices: ['unresolved'], summary: 'exit with 4 also when the measurement cannot tell' },
    ...copyOptions,
  },
  examples: [
    {
      command: 'analyze compare -d trading.db -w workload.sql --with-sql add-index.sql',
      does: 'before and after an index',
    },
    { command: 'analyze compare old.db new.db -w workload.sql', does: 'two databases' },
    { command: 'analyze compare -d trading.db --baseline friday', does: 'with what was recorded on another day' },
  ],
  exitCodes: {
    0: 'nothing became slower',
    3: 'the measurement cannot tell, a statement was not compared, or a plan differs from the baseline',
    4: 'something became slower',
    10: 'database, workload or baseline not found',
    11: 'database locked',
    12: 'not a database, or damaged',
  },
  formats: ['markdown', 'junit'],
  async run(input, context) {
    const data = await (input.options.baseline === undefined ? live(input, context) : stored(input, context));
    return context.report<ComparisonData>(data, { findings: findingsOf(data), checks: checksOf(data) });
  },
  exitCode(report, { options }) {
    if (report.data.verdict === 'regression') return 4;
    const otherPlan = report.data.stored !== null && report.data.planChanges.length > 0;
    const unsure = report.data.verdict === 'unresolved' || report.data.left.length > 0 || otherPlan;
    if (!unsure) return 0;
    return options.failOn === 'unresolved' ? 4 : 3;
  },
});

interface Input {
  readonly options: {
    readonly workload: readonly string[];
    readonly seed: number;
    readonly withSql: string | undefined;
    readonly baseline: string | undefined;
    readonly pairs: number | undefined;
    readonly maxPairs: number | undefined;
    readonly alpha: number | undefined;
    readonly floor: number | undefined;
    readonly detect: number | undefined;
    readonly control: boolean;
    readonly timeLimit: number | undefined;
    readonly scratchDirectory: string | undefined;
  };
  readonly arguments: readonly string[];
}

function levels({ options }: Input, { config: { analyze } }: CommandContext) {
  return {
    alpha: options.alpha ?? analyze.compare.alpha,
    floor: options.floor ?? analyze.compare.floor,
    detect: options.detect ?? analyze.compare.detect,
    seed: options.seed,
    timeLimitMs: options.timeLimit ?? analyze.timeLimit,
  };
}

async function live(input: Input, context: CommandContext): Promise<ComparisonData> {
  const { options, arguments: paths } = input;
  const [first, second] = paths;
  const workload = await requireWorkload(options, context);
  const pathA = first === undefined ? context.databasePath() : context.resolve(first);
  const pathB = second === undefined ? pathA : context.resolve(second);
  const scratch = scratchRequest(options, { ...context, databasePath: () => pathA });
  const { pairs, maxPairs } = context.config.analyze.compare;
  const { compareLive } = await import('../../core/analysis/baseline/compare-live.ts');
  return compareLive(
    {
      a: scratch,
      b: { ...scratch, path: pathB },
      withSqlFile: options.withSql === undefined ? null : context.resolve(options.withSql),
      workload,
      pairs: options.pairs ?? pairs,
      maxPairs: options.maxPairs ?? maxPairs,
      control: options.control,
      ...levels(input, context),
    },
    context,
  );
}

async function stored(input: Input, context: CommandContext): Promise<ComparisonData> {
  const { options, arguments: paths } = input;
  const unfit = options.withSql !== undefined ? '--with-sql' : options.control ? '--control' : undefined;
  if (unfit !== undefined || paths.length > 1) {
    throw new TradedbError(
      'usage',
      `--baseline compares one database as it is; ${unfit ?? 'a second database'} does not fit`,
    );
  }
  const [only] = paths;
  const path = only === undefined ? context.databasePath() : context.resolve(only);
  const directory = baselineDirectory(context);
  const { baselinePath, readBaseline } = await import('../../core/analysis/baseline/baseline-file.ts');
  const baseline = readBaseline(directory, options.baseline ?? '');
  const { compareStored } = await import('../../core/analysis/baseline/compare-stored.ts');
  return compareStored(
    {
      ...scratchRequest(options, { ...context, databasePath: () => path }),
      baseline,
      baselinePath: baselinePath(directory, baseline.name),
      ...levels(input, context),
    },
    context,
  );
}

function findingsOf(data: ComparisonData): Finding[] {
  return [
    ...data.tests
      .filter((test) => test.verdict === 'regression')
      .map((test) => finding('compare.regression', 'critical', test.query, changeText(test))),
    ...data.planChanges.flatMap((change) => planFinding(change, data.stored !== null)),
    ...(data.stored === null ? [] : storedFindings(data, data.stored)),
    ...data.left.map(({ name, reason }) => finding('compare.left', 'warning', name, `not compared: ${reason}`)),
  ];
}

function finding(id: string, severity: Finding['severity'], subject: string, message: string): Finding {
  return { id, severity, subject, message };
}

function changeText(test: ComparisonData['tests'][number]): string {
  return `${test.metric} ${percent(test.medianRatio - 1)}${test.planChanged ? ', another plan' : ''}`;
}

/** Against a stored baseline the plan decides; beside a live measurement it explains. */
function planFinding(change: ComparisonData['planChanges'][number], isStored: boolean): Finding[] {
  if (change.gained.length > 0) {
    const message = `the plan gained: ${change.gained.join(', ')}`;
    return [finding('compare.plan', isStored ? 'critical' : 'warning', change.query, message)];
  }
  return isStored ? [finding('compare.plan', 'warning', change.query, 'another plan than in the baseline')] : [];
}

function storedFindings(data: ComparisonData, stored: StoredSide): Finding[] {
  const found: Finding[] = [];
  if (stored.drifted) {
    const { thenMs, nowMs, shift } = stored.calibration;
    const message = `the calibration took ${thenMs.toFixed(2)} ms then and ${nowMs.toFixed(2)} ms now (${percent(shift)}): times are not comparable`;
    found.push(finding('compare.calibration', 'warning', stored.name, message));
    return found;
  }
  for (const test of data.tests) {
    if (test.verdict !== 'unresolved' || test.medianRatio <= 1 || test.pCorrected >= 0.05) continue;
    found.push({
      ...finding('compare.slower', 'warning', test.query, `${changeText(test)}, measured on another day`),
      hint: 'compare live: tradedb analyze compare old.db new.db',
    });
  }
  return found;
}

function checksOf(data: ComparisonData) {
  const status = { regression: 'critical', improvement: 'ok', 'no-change': 'ok', unresolved: 'unknown' } as const;
  return data.tests.map((test) => ({
    id: `${test.query} ${test.metric}`,
    group: 'compare',
    status: status[test.verdict],
    message: `${test.verdict}, ${percent(test.medianRatio - 1)}`,
    durationMs: 0,
  }));
}

function percent(share: number): string {
  return `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)} %`;
}

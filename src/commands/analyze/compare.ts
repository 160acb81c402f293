import type { ComparisonData } from '../../core/analysis/baseline/compare-data.ts';
import type { Finding } from '../../core/report.ts';
import { defineCommand } from '../definition.ts';
import { copyOptions, scratchRequest } from './copy-option.ts';
import { requireWorkload, seedOption, workloadOption } from './workload-option.ts';

export const definition = defineCommand({
  path: ['analyze', 'compare'],
  summary: 'compare plans and times of a workload on two databases, or before and after some SQL',
  description:
    'Both databases are copied; each query runs on both copies pair by pair in random order, and a sign-flip test with correction for the number of tests decides. Three answers are possible for each query: it became slower or faster, it did not change, or the measurement cannot tell.',
  arguments: [
    { name: 'A', summary: 'database; --database otherwise' },
    { name: 'B', summary: 'database that is compared with it; A with --with-sql otherwise' },
  ],
  options: {
    workload: workloadOption,
    seed: seedOption,
    withSql: { type: 'path', value: 'file', summary: 'SQL that is applied to the copy of B before it is measured' },
    pairs: { type: 'integer', value: 'n', default: '20', minimum: 6, maximum: 1000, summary: 'pairs at least' },
    alpha: { type: 'number', value: 'p', default: '0.05', minimum: 0.0001, maximum: 0.5, summary: 'level of the test' },
    floor: { type: 'share', value: 'percent', default: '5%', summary: 'smallest change that counts' },
    detect: {
      type: 'share',
      value: 'percent',
      default: '10%',
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
  ],
  exitCodes: {
    0: 'nothing became slower',
    3: 'the measurement cannot tell, or a statement was not compared',
    4: 'something became slower',
    10: 'database or workload not found',
    11: 'database locked',
    12: 'not a database, or damaged',
  },
  formats: ['markdown', 'junit'],
  async run({ options, arguments: [first, second] }, context) {
    const workload = await requireWorkload(options, context);
    const pathA = first === undefined ? context.databasePath() : context.resolve(first);
    const pathB = second === undefined ? pathA : context.resolve(second);
    const scratch = scratchRequest(options, { ...context, databasePath: () => pathA });
    const { compareLive } = await import('../../core/analysis/baseline/compare-live.ts');
    const data = await compareLive(
      {
        a: scratch,
        b: { ...scratch, path: pathB },
        withSqlFile: options.withSql === undefined ? null : context.resolve(options.withSql),
        workload,
        pairs: options.pairs,
        alpha: options.alpha,
        floor: options.floor,
        detect: options.detect,
        control: options.control,
        seed: options.seed,
        timeLimitMs: options.timeLimit ?? context.config.analyze.timeLimit,
      },
      context,
    );
    return context.report<ComparisonData>(data, { findings: findingsOf(data), checks: checksOf(data) });
  },
  exitCode(report, { options }) {
    if (report.data.verdict === 'regression') return 4;
    const unsure = report.data.verdict === 'unresolved' || report.data.left.length > 0;
    if (!unsure) return 0;
    return options.failOn === 'unresolved' ? 4 : 3;
  },
});

function findingsOf(data: ComparisonData): Finding[] {
  return [
    ...data.tests
      .filter((test) => test.verdict === 'regression')
      .map(
        (test): Finding => ({
          id: 'compare.regression',
          severity: 'critical',
          subject: test.query,
          message: `${test.metric} ${percent(test.medianRatio - 1)}${test.planChanged ? ', another plan' : ''}`,
        }),
      ),
    ...data.planChanges
      .filter((change) => change.gained.length > 0)
      .map(
        (change): Finding => ({
          id: 'compare.plan',
          severity: 'warning',
          subject: change.query,
          message: `the plan gained: ${change.gained.join(', ')}`,
        }),
      ),
    ...data.left.map(
      ({ name, reason }): Finding => ({
        id: 'compare.left',
        severity: 'warning',
        subject: name,
        message: `not compared: ${reason}`,
      }),
    ),
  ];
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

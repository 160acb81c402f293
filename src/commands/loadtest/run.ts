import type { AlertLimits } from '../../core/loadtest/result/findings.ts';
import type { RunData } from '../../core/loadtest/result/run-data.ts';
import { defineCommand } from '../definition.ts';
import { loadOptions } from './option-list.ts';

export interface DryRunData {
  readonly dryRun: true;
  readonly plan: unknown;
  readonly target: { readonly kind: string; readonly path: string | null };
  readonly scratchParent: string;
  readonly streamHash: string;
}

export const definition = defineCommand({
  path: ['loadtest', 'run'],
  summary: 'put load on a copy of a database and measure it',
  description:
    'The database itself is never touched: the load runs on a consistent copy in a scratch folder that is removed at the end. With a rate (open loop) latency counts from the intended start of a transaction, so a stall shows with the queue behind it; without one (closed loop) each client starts the next transaction when the last one ends.',
  options: {
    ...loadOptions,
    threshold: {
      type: 'text',
      value: 'expression',
      repeatable: true,
      group: 'Result',
      config: 'loadtest.thresholds',
      summary: "a limit such as 'order-entry.p99 <= 5ms', 'errors.rate < 1%' or 'rate.perSecond >= 2000'",
    },
    abortOnFail: {
      type: 'duration',
      value: 'delay',
      group: 'Result',
      summary: 'end the run once a threshold is crossed after this time of the measured phase',
    },
    seriesFile: {
      type: 'path',
      value: 'file',
      group: 'Result',
      summary: 'write the time series there, as .csv or .ndjson',
    },
    histograms: { type: 'flag', group: 'Result', summary: 'include the whole histograms in JSON' },
    keep: { type: 'flag', group: 'Database', summary: 'keep the scratch folder' },
    inPlace: { type: 'flag', group: 'Database', summary: 'load the database itself: it is written to; needs --yes' },
  },
  examples: [
    { command: 'loadtest', does: 'as fast as one client can, on a copy of the configured database' },
    {
      command: "loadtest --rate 2000 --threshold 'response.p99 <= 10ms'",
      does: 'hold a rate and fail (exit 4) when the 99th percentile is above 10 ms',
    },
    {
      command: 'loadtest -d bot.sqlite --scenario mix.sql --clients 4',
      does: 'a scenario of your own on any database',
    },
    {
      command: 'loadtest --stages 0s:0,10s:5000,20s:5000 --series-file load.csv',
      does: 'a ramp, with its time series',
    },
  ],
  exitCodes: {
    0: 'the thresholds hold',
    1: 'the test could not be made',
    3: 'done with warnings: an alert limit was crossed, or the figures do not carry the verdict',
    4: 'a threshold was crossed, or the rate was not reached',
    10: 'the database does not exist',
    11: 'the database is locked',
    12: 'not a database, or the file is not sound after the load',
  },
  formats: ['ndjson', 'junit', 'markdown', 'html'],
  changes: true,
  asks: true,
  async run({ options }, context) {
    const { machineFacts, makeRunId, readPlan, readProfile, scratchParent } = await import('./load-options.ts');
    const { runLoadTest } = await import('../../core/loadtest/run.ts');
    const { resolveScenarios } = await import('../../core/loadtest/scenario/resolve.ts');
    const { parseThreshold } = await import('../../core/loadtest/threshold.ts');
    const { runChecks, runFindings } = await import('../../core/loadtest/result/findings.ts');
    const { requireDatabaseFile } = await import('../../core/sqlite/connection.ts');
    const { TradedbError } = await import('../../core/error.ts');

    const database = context.databasePathIfAny();
    if (database !== undefined) requireDatabaseFile(database);
    if (options.inPlace && database === undefined) {
      throw new TradedbError('usage', '--in-place needs a database', { hint: 'give --database <path>' });
    }
    const seriesForm = seriesFormOf(options.seriesFile, TradedbError);
    const read = await readPlan(options, context);
    const plan = options.inPlace ? { ...read, rehearsalCalls: 0 } : read;
    const scenario = await resolveScenarios(plan.scenarios);
    if (options.inPlace && scenario.setup !== undefined) {
      throw new TradedbError('usage', `scenario ${scenario.name} makes tables of its own and runs on copies only`, {
        hint: 'leave --in-place out, or give a scenario file without a setup part',
      });
    }
    const scope = { loop: plan.load.loop, transactions: scenario.transactions.map((transaction) => transaction.name) };
    const typed = options.threshold.length > 0 ? options.threshold : context.config.loadtest.thresholds;
    const builtIn = plan.load.loop === 'open' && !typed.some((text) => text.includes('rate.achieved'));
    const thresholds = [...typed, ...(builtIn ? ['rate.achieved >= 99%'] : [])].map((text) =>
      parseThreshold(text, scope),
    );
    const parent = scratchParent(options.scratchDir, database, context);
    const target =
      database === undefined
        ? ({ kind: 'sample' } as const)
        : ({ kind: options.inPlace ? 'in-place' : 'copy', path: database } as const);
    if (context.dryRun) {
      const { StatementStream } = await import('../../core/loadtest/stream/statement-stream.ts');
      return context.report<RunData | DryRunData>({
        dryRun: true,
        plan,
        target: { kind: target.kind, path: database ?? null },
        scratchParent: parent,
        streamHash: new StatementStream(scenario, plan.seed).streamHash(),
      });
    }
    if (options.inPlace) await context.confirm(`the load test writes into ${JSON.stringify(database)} itself: it`);

    const data = await runLoadTest(
      {
        runId: makeRunId(context),
        plan,
        profile: readProfile(context.config, plan.durability),
        target,
        scratchParent: parent,
        keep: options.keep,
        thresholds,
        ...(options.abortOnFail === undefined ? {} : { abortAfterMs: options.abortOnFail }),
        histograms: options.histograms,
        machine: machineFacts(context),
        onRow: (row) => context.emit({ type: 'sample', ...row }),
      },
      context,
    );
    if (options.seriesFile !== undefined && seriesForm !== undefined) {
      const { formatSeries } = await import('../../core/loadtest/result/series.ts');
      const { writeFileSync } = await import('node:fs');
      writeFileSync(context.resolve(options.seriesFile), formatSeries(data.series, seriesForm));
    }
    const kinds = thresholds.map(({ metric }) => ({
      judgesTail: metric.kind === 'latency' && ['p99', 'p99.9', 'max'].includes(metric.statistic),
    }));
    return context.report<RunData | DryRunData>(data, {
      // The schema fills both limits in; its type cannot say so.
      findings: runFindings(data, context.config.alerts.thresholds as AlertLimits, kinds),
      checks: runChecks(data),
    });
  },
  exitCode(report) {
    const { data } = report;
    if ('dryRun' in data) return 0;
    if (data.verification !== null && data.verification.problems.length > 0) return 12;
    return report.status === 'critical' ? 4 : report.status === 'warning' ? 3 : 0;
  },
});

function seriesFormOf(
  path: string | undefined,
  UsageError: typeof import('../../core/error.ts').TradedbError,
): 'csv' | 'ndjson' | undefined {
  if (path === undefined) return undefined;
  if (path.endsWith('.csv')) return 'csv';
  if (path.endsWith('.ndjson')) return 'ndjson';
  throw new UsageError('usage', `--series-file takes a .csv or .ndjson file, not ${JSON.stringify(path)}`);
}

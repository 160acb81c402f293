import type { OptimizeResult } from '../../core/maintenance/optimize.ts';
import type { Finding } from '../../core/report.ts';
import { seedOption, workloadOption } from '../analyze/workload-option.ts';
import { defineCommand } from '../definition.ts';

export const definition = defineCommand({
  path: ['vacuum', 'optimize'],
  summary: 'refresh the statistics of the query planner where they are missing or stale',
  options: {
    analysisLimit: {
      type: 'integer',
      value: 'rows',
      minimum: 0,
      maximum: 1_000_000,
      config: 'maintenance.optimize.analysisLimit',
      summary: 'rows per index that are read; 0 reads all',
    },
    table: { type: 'text', value: 'name', repeatable: true, summary: 'only this table, stale or not; may be repeated' },
    all: { type: 'flag', summary: 'every table, stale or not' },
    workload: {
      ...workloadOption,
      summary: 'queries whose plans are compared before and after (annotated SQL or capture)',
    },
    seed: seedOption,
  },
  changes: true,
  formats: ['markdown'],
  examples: [
    { command: 'vacuum optimize --dry-run', does: 'which tables would be analysed, and why' },
    { command: 'vacuum optimize', does: 'analyse those, within the limit' },
    { command: 'vacuum optimize -w queries.sql', does: 'and say which plans of these queries changed' },
    { command: 'vacuum optimize --table orders --analysis-limit 0', does: 'exact statistics of one table' },
  ],
  quietWhenOk: true,
  exitCodes: {
    0: 'done',
    3: 'done, and a query of the workload got a plan that looks worse',
    10: 'the database does not exist',
    11: 'locked',
    12: 'not a database',
  },
  async run({ options }, context) {
    const path = context.databasePath();
    const { TradedbError } = await import('../../core/error.ts');
    const tables = options.table ?? [];
    if (options.all && tables.length > 0) {
      throw new TradedbError('usage', '--all and --table exclude each other', { hint: 'give one of them' });
    }
    const { workloadPlans } = await import('./workload-plans.ts');
    const { optimize } = await import('../../core/maintenance/optimize.ts');
    const result = optimize(
      {
        database: path,
        analysisLimit: options.analysisLimit ?? context.config.maintenance.optimize.analysisLimit,
        tables,
        all: options.all,
        busyTimeoutMs: context.config.connection.busyTimeout,
        dryRun: context.dryRun,
      },
      context,
      await workloadPlans(options, context),
    );
    const { noteRun } = await import('../../core/run-record.ts');
    noteRun(context, 'optimize', 'statistics refreshed');
    return context.report(result, { findings: findingsOf(result) });
  },
});

function findingsOf({ plans }: OptimizeResult): Finding[] {
  return (plans?.changed ?? []).map(({ name, gained }) =>
    gained.length === 0
      ? { id: 'optimize.plan', severity: 'info', subject: name, message: 'its plan has changed' }
      : {
          id: 'optimize.plan',
          severity: 'warning',
          subject: name,
          message: `its new plan looks worse: ${gained.join(', ')}`,
          hint: 'measure it: tradedb analyze queries; a larger --analysis-limit, or 0, makes the statistics exact',
        },
  );
}

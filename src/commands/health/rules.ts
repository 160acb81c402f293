import { TradedbError } from '../../core/error.ts';
import type { RuleRow } from '../../core/health/rule-list.ts';
import type { RunState } from '../../core/health/run-state.ts';
import type { SqlJob } from '../../core/health/sql/sql-job.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import { profileOption } from './rules-of.ts';

export interface HealthRulesData {
  /** Whose last results are shown; null when no database is named. */
  readonly database: string | null;
  readonly rules: readonly RuleRow[];
  /** The one that --explain asked for. */
  readonly explained: string | null;
}

export const definition = defineCommand({
  path: ['health', 'rules'],
  summary: 'list every check and business rule, or explain one',
  description:
    'With a database, the rules that fit its tables are listed with their last result and what it cost. Nothing is run.',
  options: {
    explain: {
      type: 'text',
      value: 'check',
      summary: 'all about this one: what it makes sure of, its SQL, what to do',
    },
    profile: profileOption,
  },
  examples: [
    { command: 'health rules --profile freqtrade', does: 'what is checked in the file of a freqtrade bot' },
    { command: 'health rules -d trading.db', does: 'what is checked, and how it went last time' },
    { command: 'health rules --explain rule.I13', does: 'the rule that ledger entries balance' },
  ],
  exitCodes: { 0: 'listed', 10: 'database not found', 12: 'not a database' },
  formats: ['markdown'],
  async run({ options }, context) {
    const [{ listRules }, { configuredThresholds }] = await Promise.all([
      import('../../core/health/rule-list.ts'),
      import('./request-of.ts'),
    ]);
    const database = context.databasePathIfAny();
    const { jobs, state } = await knownOf(database, context, options.profile);
    const rules = listRules(jobs, configuredThresholds(context), state);
    const { explain } = options;
    if (explain !== undefined && !rules.some(({ id }) => id === explain)) {
      const near = rules.filter(({ id }) => id.includes(explain) || id.split('.')[0] === explain.split('.')[0]);
      const names = near.slice(0, 6).map(({ id }) => id);
      throw new TradedbError('usage', `no check is called ${JSON.stringify(explain)}`, {
        hint: names.length === 0 ? 'see: tradedb health rules' : `such as ${names.join(', ')}`,
      });
    }
    return context.report<HealthRulesData>({
      database: database ?? null,
      rules: explain === undefined ? rules : rules.filter(({ id }) => id === explain),
      explained: explain ?? null,
    });
  },
});

/** Without a database all rules are listed, because none can be told not to fit. */
async function knownOf(
  database: string | undefined,
  context: CommandContext,
  choice: string | undefined,
): Promise<{ jobs: readonly SqlJob[]; state: RunState | undefined }> {
  const { rulesOf, tradingTables } = await import('./rules-of.ts');
  if (database === undefined) return { jobs: await rulesOf(new Set(tradingTables), context, choice), state: undefined };
  const [{ requireDatabaseFile }, { gatherTarget }, { tableNames }, { loadRunState, runStatePath }] = await Promise.all(
    [
      import('../../core/sqlite/database-file.ts'),
      import('../../core/health/target.ts'),
      import('../../core/health/schema-pages.ts'),
      import('../../core/health/run-state.ts'),
    ],
  );
  requireDatabaseFile(database);
  const target = gatherTarget(database);
  try {
    if (target.headerProblem !== undefined) {
      throw new TradedbError('not_a_database', `${JSON.stringify(database)} is not an SQLite database`, {
        hint: 'check the path',
      });
    }
    const state = loadRunState(runStatePath(context.stateDirectory(), target));
    return { jobs: await rulesOf(tableNames(target), context, choice), state };
  } finally {
    target.files.close();
  }
}

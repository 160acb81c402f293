import type { SqlJob } from '../../core/health/sql/sql-job.ts';
import type { ProfileRuleInfo } from '../../core/trading/profile/run-profile.ts';
import type { CommandContext } from '../definition.ts';

/** Tables by which the reference schema is recognised. */
export const tradingTables = ['orders', 'order_events', 'fills', 'positions', 'journal', 'postings'] as const;

/** `auto`, `reference`, `none`, or the program whose file it is. */
export const profileChoices = ['auto', 'reference', 'freqtrade', 'hummingbot', 'vnpy', 'none'] as const;
export type ProfileChoice = (typeof profileChoices)[number];

/**
 * The business rules for a database with these tables: those of the trading schema or of the profile of its program, and
 * those of the configuration. `auto` takes the one that the tables show; another choice is taken as it is.
 */
export async function rulesOf(
  tables: ReadonlySet<string>,
  context: CommandContext,
  choice: ProfileChoice = context.config.trading.profile,
): Promise<SqlJob[]> {
  const isTrading = tradingTables.every((table) => tables.has(table));
  if (choice === 'reference' || (choice === 'auto' && isTrading)) {
    return [...(await tradingJobs(context)), ...configuredJobs(context)];
  }
  return [...(await profileJobs(tables, context, choice)), ...configuredJobs(context)];
}

async function tradingJobs(context: CommandContext): Promise<SqlJob[]> {
  const { tradingRules } = await import('../../core/trading/rule/rules.ts');
  return jobsOf(tradingRules, context);
}

async function profileJobs(
  tables: ReadonlySet<string>,
  context: CommandContext,
  choice: ProfileChoice,
): Promise<SqlJob[]> {
  const [{ detectProfile, profileNamed }, { rulesOfProfile }] = await Promise.all([
    import('../../core/trading/profile/profiles.ts'),
    import('../../core/trading/profile/run-profile.ts'),
  ]);
  const profile = choice === 'auto' ? detectProfile(tables) : profileNamed(choice);
  return profile === undefined ? [] : jobsOf(rulesOfProfile(profile), context, profile.name);
}

function jobsOf(rules: readonly ProfileRuleInfo[], context: CommandContext, profile?: string): SqlJob[] {
  const { clockTolerance, fillTolerance, staleOrder } = context.config.trading;
  const options = {
    nowUs: context.clock.wallTime() * 1000,
    tolUs: clockTolerance * 1000,
    fillTolUs: fillTolerance * 1000,
    staleUs: staleOrder * 1000,
  };
  return rules.map(
    (rule): SqlJob => ({
      id: `rule.${rule.id}`,
      tier: rule.tier,
      cost: rule.tier === 'quick' ? 'cheap' : 'expensive',
      sentence: rule.sentence,
      runbook: 'find the writer that broke it before anything is corrected by hand',
      severity: rule.severity,
      source: 'trading',
      work: { kind: 'trading', ruleId: rule.id, options, ...(profile === undefined ? {} : { profile }) },
      sql: rule.sql,
    }),
  );
}

function configuredJobs(context: CommandContext): SqlJob[] {
  return context.config.health.rules.map(
    (rule): SqlJob => ({
      id: `rule.${rule.id}`,
      tier: rule.tier,
      cost: rule.tier === 'quick' ? 'cheap' : 'expensive',
      sentence: rule.sentence,
      runbook: rule.runbook,
      severity: rule.severity,
      source: 'configuration',
      work: { kind: 'rule', sql: rule.sql, parameters: [] },
      sql: rule.sql,
    }),
  );
}

import type { SqlJob } from '../../core/health/sql/sql-job.ts';
import type { CommandContext } from '../definition.ts';

/** Tables by which the reference schema is recognised. */
export const tradingTables = ['orders', 'order_events', 'fills', 'positions', 'journal', 'postings'] as const;

/** The business rules for a database with these tables: those of the trading schema, and those of the configuration. */
export async function rulesOf(tables: ReadonlySet<string>, context: CommandContext): Promise<SqlJob[]> {
  const isTrading = tradingTables.every((table) => tables.has(table));
  return [...(isTrading ? await tradingJobs(context) : []), ...configuredJobs(context)];
}

async function tradingJobs(context: CommandContext): Promise<SqlJob[]> {
  const { tradingRules } = await import('../../core/trading/rule/rules.ts');
  const { clockTolerance, fillTolerance, staleOrder } = context.config.trading;
  const options = {
    nowUs: context.clock.wallTime() * 1000,
    tolUs: clockTolerance * 1000,
    fillTolUs: fillTolerance * 1000,
    staleUs: staleOrder * 1000,
  };
  return tradingRules.map(
    (rule): SqlJob => ({
      id: `rule.${rule.id}`,
      tier: rule.tier,
      cost: rule.tier === 'quick' ? 'cheap' : 'expensive',
      sentence: rule.sentence,
      runbook: 'find the writer that broke it before anything is corrected by hand',
      severity: rule.severity,
      source: 'trading',
      work: { kind: 'trading', ruleId: rule.id, options },
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

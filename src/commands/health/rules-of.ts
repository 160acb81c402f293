import { TradedbError } from '../../core/error.ts';
import type { SqlJob } from '../../core/health/sql/sql-job.ts';
import type { Mapping } from '../../core/trading/mapping/mapping.ts';
import { programNames } from '../../core/trading/profile/profile.ts';
import type { ProfileRuleInfo } from '../../core/trading/profile/run-profile.ts';
import type { CommandContext } from '../definition.ts';

/** Tables by which the reference schema is recognised. */
export const tradingTables = ['orders', 'order_events', 'fills', 'positions', 'journal', 'postings'] as const;

/** The option of `health` and `health rules`. */
export const profileOption = {
  type: 'text',
  value: 'name or file',
  config: 'trading.profile',
  summary:
    'whose business rules apply: auto (those of the program that the tables show), reference, freqtrade, hummingbot, vnpy, none, or a mapping file',
} as const;

/**
 * The business rules for a database with these tables: those of the trading schema or of the profile of its program, and
 * those of the configuration. `auto` takes the one that the tables show; another choice is taken as it is.
 */
export async function rulesOf(tables: ReadonlySet<string>, context: CommandContext, typed?: string): Promise<SqlJob[]> {
  const choice = typed ?? context.config.trading.profile;
  const isTrading = tradingTables.every((table) => tables.has(table));
  if (choice === 'reference' || (choice === 'auto' && isTrading)) {
    return [...(await tradingJobs(context)), ...configuredJobs(context)];
  }
  return [
    ...(await profileJobs(tables, context, { choice, isTyped: typed !== undefined })),
    ...configuredJobs(context),
  ];
}

async function tradingJobs(context: CommandContext): Promise<SqlJob[]> {
  const { tradingRules } = await import('../../core/trading/rule/rules.ts');
  return jobsOf(tradingRules, context);
}

async function profileJobs(
  tables: ReadonlySet<string>,
  context: CommandContext,
  { choice, isTyped }: { readonly choice: string; readonly isTyped: boolean },
): Promise<SqlJob[]> {
  if (choice === 'none') return [];
  const [{ detectProfile, profileNamed }, { rulesOfProfile }] = await Promise.all([
    import('../../core/trading/profile/profiles.ts'),
    import('../../core/trading/profile/run-profile.ts'),
  ]);
  const program = choice === 'auto' ? detectProfile(tables) : profileNamed(choice);
  if (program !== undefined) return jobsOf(rulesOfProfile(program), context, program.name);
  const [{ readFileSync }, { parseMapping }, { profileOfMapping }] = await Promise.all([
    import('node:fs'),
    import('../../core/trading/mapping/mapping.ts'),
    import('../../core/trading/mapping/view-compiler.ts'),
  ]);
  const read = (path: string): Mapping => {
    try {
      return parseMapping(readFileSync(path, 'utf8'), path);
    } catch (error) {
      if (error instanceof TradedbError) throw error;
      throw new TradedbError('usage', `no profile is called ${JSON.stringify(choice)}, and no file can be read there`, {
        hint: `auto, reference, ${programNames.join(', ')}, none, or the path of a mapping file`,
        cause: error,
      });
    }
  };
  const fits = (mapping: Mapping): boolean =>
    Object.keys(mapping.detect).every((table) => tables.has(table.toLowerCase()));
  const mapping =
    choice === 'auto'
      ? context.config.trading.mappings.map((path) => read(context.resolveConfigured(path))).find(fits)
      : read(isTyped ? context.resolve(choice) : context.resolveConfigured(choice));
  return mapping === undefined ? [] : jobsOf(rulesOfProfile(profileOfMapping(mapping)), context, mapping);
}

function jobsOf(rules: readonly ProfileRuleInfo[], context: CommandContext, profile?: string | Mapping): SqlJob[] {
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

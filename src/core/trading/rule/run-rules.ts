import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { explanations } from './explain.ts';
import type { Offender, Rule, RuleParameters, RuleTier } from './rule.ts';
import { tradingRules } from './rules.ts';

export interface RuleOptions {
  /** Microseconds. */
  readonly nowUs: number;
  /** How far a time may lie in the future. */
  readonly tolUs: number;
  /** How long after the end of its order a fill may be made; as `tolUs` by default. */
  readonly fillTolUs?: number;
  /** Age of the last event from which an open order is stale. */
  readonly staleUs: number;
  /** All by default. */
  readonly tiers?: readonly RuleTier[];
  /** The rules of the reference schema by default. */
  readonly rules?: readonly Rule[];
  /** Called before each rule, for progress; may throw to cancel. */
  readonly onRule?: (rule: Rule) => void;
}

export interface RuleResult {
  readonly id: string;
  readonly tier: RuleTier;
  readonly severity: 'warning' | 'critical';
  readonly sentence: string;
  /** `explained`: broken, but rules in `explainedBy` name the cause of every row. */
  readonly status: 'ok' | 'broken' | 'explained' | 'skipped' | 'unknown';
  readonly count: number;
  /** Up to 20 offenders. */
  readonly samples: readonly string[];
  readonly explainedBy: readonly string[];
  /** Why it was skipped, or could not be decided. */
  readonly reason?: string;
  readonly durationMs: number;
}

/** Offenders kept for the search of causes; with more, a finding counts as unexplained. */
const keptOffenders = 10_000;
const sampleCount = 20;

interface Outcome {
  readonly rule: Rule;
  readonly offenders: readonly Offender[];
  readonly count: number;
  readonly reason?: string;
  readonly status?: 'skipped' | 'unknown';
  readonly durationMs: number;
}

/** Runs the rules in one read transaction, so that all of them see the same state. Nothing is written. */
export function runRules(connection: Connection, options: RuleOptions): RuleResult[] {
  const { clock } = connection.ports;
  const rules = (options.rules ?? tradingRules).filter(
    (rule) => options.tiers === undefined || options.tiers.includes(rule.tier),
  );
  const parameters: RuleParameters = {
    now_us: options.nowUs,
    tol_us: options.tolUs,
    fill_tol_us: options.fillTolUs ?? options.tolUs,
    stale_us: options.staleUs,
  };
  return connection.read(() => {
    const missing = missingTables(connection, rules);
    const importing = tablesOfRunningImports(connection);
    const outcomes = rules.map((rule): Outcome => {
      options.onRule?.(rule);
      const reason = reasonToSkip(rule, missing, importing);
      if (reason !== undefined) return { rule, offenders: [], count: 0, reason, status: 'skipped', durationMs: 0 };
      const startedMs = clock.now();
      return { ...evaluate(connection, rule, parameters), durationMs: clock.now() - startedMs };
    });
    return results(outcomes);
  });
}

function results(outcomes: readonly Outcome[]): RuleResult[] {
  const byId = new Map(outcomes.map((outcome) => [outcome.rule.id, outcome]));
  return outcomes.map((outcome) => {
    const { id, tier, severity, sentence, after } = outcome.rule;
    const causes = after.flatMap((cause) => byId.get(cause) ?? []);
    const explainedBy =
      outcome.count === 0 || outcome.count > outcome.offenders.length
        ? []
        : explanations(
            outcome.offenders,
            causes.map((cause) => ({ id: cause.rule.id, offenders: cause.offenders })),
          );
    const broken = outcome.count === 0 ? 'ok' : explainedBy.length > 0 ? 'explained' : 'broken';
    return {
      id,
      tier,
      severity,
      sentence,
      status: outcome.status ?? broken,
      count: outcome.count,
      samples: outcome.offenders.slice(0, sampleCount).map((offender) => offender.subject),
      explainedBy,
      ...(outcome.reason === undefined ? {} : { reason: outcome.reason }),
      durationMs: outcome.durationMs,
    };
  });
}

function evaluate(
  connection: Connection,
  rule: Rule,
  parameters: RuleParameters,
): { rule: Rule; offenders: Offender[]; count: number; status?: 'unknown'; reason?: string } {
  try {
    return { rule, ...collect(connection, rule, rule.sql, parameters) };
  } catch (error) {
    if (!(error instanceof TradedbError)) throw error;
    if (rule.exactSql === undefined || !error.message.includes('integer overflow')) {
      return { rule, offenders: [], count: 0, status: 'unknown', reason: error.message };
    }
    return { rule, ...collect(connection, rule, rule.exactSql, parameters) };
  }
}

function collect(
  connection: Connection,
  rule: Rule,
  sql: string,
  parameters: RuleParameters,
): { offenders: Offender[]; count: number } {
  const offenders: Offender[] = [];
  let count = 0;
  const take = (offender: Offender): void => {
    count += 1;
    if (offenders.length < keptOffenders) offenders.push(offender);
  };
  if (sql !== '') {
    const statement = connection.prepare(sql);
    // Values near 2^63 must reach the exact test unrounded.
    if (rule.confirm !== undefined) statement.withBigIntegers();
    for (const row of statement.iterate<Offender & Record<string, unknown>>({ ...parameters })) {
      if (rule.confirm?.(row) ?? true) take(row);
    }
  }
  for (const offender of rule.inspect?.(connection) ?? []) take(offender);
  return { offenders, count };
}

function missingTables(connection: Connection, rules: readonly Rule[]): ReadonlySet<string> {
  const present = new Set(
    connection
      .all<{ name: string }>(
        `SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')
         UNION SELECT name FROM sqlite_temp_schema WHERE type IN ('table', 'view')`,
      )
      .map((row) => row.name),
  );
  return new Set(rules.flatMap((rule) => rule.tables).filter((table) => !present.has(table)));
}

/** What a stream of an import writes: rules on it would judge half of it. */
const tablesOfStream: Readonly<Record<string, readonly string[]>> = {
  orders: ['orders', 'order_events', 'fills', 'positions', 'journal', 'postings', 'balances'],
  order_events: ['order_events'],
  fills: ['orders', 'fills', 'positions', 'journal', 'postings', 'balances'],
  funding: ['funding_payments', 'journal', 'postings', 'balances'],
  candles: ['candles'],
  ticks: ['ticks', 'candles'],
  quotes: ['quotes'],
};

function tablesOfRunningImports(connection: Connection): ReadonlySet<string> {
  const isThere = connection.value("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'import_progress'");
  if (isThere === undefined) return new Set();
  const streams = connection.all<{ stream: string }>("SELECT stream FROM import_progress WHERE phase <> 'done'");
  return new Set(streams.flatMap(({ stream }) => tablesOfStream[stream] ?? []));
}

function reasonToSkip(rule: Rule, missing: ReadonlySet<string>, importing: ReadonlySet<string>): string | undefined {
  if (rule.unfit !== undefined) return rule.unfit;
  const absent = rule.tables.filter((table) => missing.has(table));
  if (absent.length > 0) return `no table ${absent.join(', ')}`;
  const filling = rule.tables.filter((table) => importing.has(table));
  return filling.length > 0 ? `an import is still filling ${filling.join(', ')}` : undefined;
}

import type { Finding } from '../../report.ts';
import type { SqlParameters } from '../../sqlite/statement.ts';
import type { Mapping } from '../../trading/mapping/mapping.ts';
import type { Tier } from '../tier.ts';

/** One check that needs SQL. It runs in a child process, so everything about it is plain data. */
export interface SqlJob {
  readonly id: string;
  readonly tier: Tier;
  readonly cost: 'cheap' | 'expensive';
  readonly sentence: string;
  readonly runbook: string;
  /** Severity of what it finds. */
  readonly severity: 'warning' | 'critical';
  /** Where it comes from: built in, the trading schema, or the configuration. */
  readonly source: 'built-in' | 'trading' | 'configuration';
  readonly work: SqlWork;
  /** The SELECT of a rule, for `health rules`. */
  readonly sql?: string;
}

/** Times in microseconds. */
export interface TradingRuleOptions {
  readonly nowUs: number;
  readonly tolUs: number;
  readonly fillTolUs: number;
  readonly staleUs: number;
}

export type SqlWork =
  | { readonly kind: 'integrity'; readonly full: boolean }
  | { readonly kind: 'foreign-keys' }
  | { readonly kind: 'statistics' }
  | { readonly kind: 'index-vote' }
  /** One SELECT; every row it returns is an offender. */
  | { readonly kind: 'rule'; readonly sql: string; readonly parameters: SqlParameters }
  /** A rule of the trading schema or of a profile; all of a run are evaluated together, because one can be the cause of another. */
  | {
      readonly kind: 'trading';
      readonly ruleId: string;
      /** The profile of a foreign file: the name of a program, or a mapping file. Undefined for the reference schema. */
      readonly profile?: string | Mapping;
      readonly options: TradingRuleOptions;
    };

export interface SqlJobResult {
  readonly summary: string;
  readonly findings: readonly Finding[];
  readonly value?: number;
  /** The check does not apply to this database. */
  readonly skipped?: string;
  /** The check could not tell. */
  readonly unknown?: string;
  readonly durationMs: number;
}

/** Offenders of a rule are counted up to here, and so many of them are shown. */
export const countedOffenders = 10_000;
export const shownOffenders = 20;

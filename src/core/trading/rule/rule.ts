import type { Connection } from '../../sqlite/connection.ts';

export type RuleTier = 'quick' | 'daily' | 'deep';

/** What SQL statements of rules may use. */
export interface RuleParameters {
  readonly now_us: number;
  readonly tol_us: number;
  readonly fill_tol_us: number;
  readonly stale_us: number;
}

/**
 * Columns by which an offender is recognised in another rule, the narrowest first. `pair` is "account/instrument".
 */
export const links = [
  'fill_id',
  'order_id',
  'journal_id',
  'ledger_account_id',
  'pair',
  'account_id',
  'instrument_id',
] as const;
export type Link = (typeof links)[number];

/** One row that breaks a rule. */
export type Offender = { readonly subject: string } & { readonly [link in Link]?: number | string | null };

/** A sentence about the business that must be true in every committed state. */
export interface Rule {
  readonly id: string;
  readonly tier: RuleTier;
  readonly severity: 'warning' | 'critical';
  readonly sentence: string;
  /** Rows are offenders: a column `subject` for people, and link columns. */
  readonly sql: string;
  /** The same for sums beyond 64 bits, used when `sql` overflows. */
  readonly exactSql?: string;
  /** Rules that may be the cause: a finding that they explain wholly is told under them. */
  readonly after: readonly string[];
  /** Without these tables the rule is skipped. */
  readonly tables: readonly string[];
  /** Why the rule cannot be run on this file; it is skipped then. */
  readonly unfit?: string;
  /** Decides in the program about each row that the SQL, a filter then, found. */
  readonly confirm?: (row: Offender & Readonly<Record<string, unknown>>) => boolean;
  /** Finds offenders beyond SQL's means, besides those of `sql`. */
  readonly inspect?: (connection: Connection) => Iterable<Offender>;
}

const low = 4_294_967_295;

/**
 * SQL that is true when the sum of `term` differs from `value`. The exact form splits each term into 32-bit halves, so
 * that no sum of 64-bit integers overflows.
 */
export function sumDiffers(term: string, value: string, isExact: boolean): string {
  if (!isExact) return `coalesce(sum(${term}), 0) <> ${value}`;
  const high = `coalesce(sum((${term}) >> 32), 0)`;
  const rest = `coalesce(sum((${term}) & ${low}), 0)`;
  return `(${high} + (${rest} >> 32), ${rest} & ${low}) <> ((${value}) >> 32, (${value}) & ${low})`;
}

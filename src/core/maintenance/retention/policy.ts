import { classLength, type RetentionClass } from '../../config/retention-class.ts';
import { TradedbError } from '../../error.ts';

/** One value of a column that a policy compares with. */
export type PolicyValue = string | number | boolean | null;

export interface ColumnValues {
  readonly column: string;
  readonly in: readonly PolicyValue[];
}

/** When rows of a table may leave. Durations in milliseconds. */
export interface RetentionPolicy {
  readonly table: string;
  /** The time column. */
  readonly column: string;
  readonly unit: 's' | 'ms' | 'us' | 'ns' | 'iso';
  /** With `iso`: the IANA time zone of texts that name none. Without it their day alone counts, half a day late. */
  readonly timezone?: string | undefined;
  readonly keep: number;
  /** How long the rows must exist somewhere, in the database or in an archive. */
  readonly class?: RetentionClass | undefined;
  /** So many of the newest rows stay, however old they are. */
  readonly minRows: number;
  /** Only rows with one of these values leave. */
  readonly states?: ColumnValues | undefined;
  /** Rows with one of these values never leave. */
  readonly hold: readonly ColumnValues[];
  /** Tables whose rows leave together with the row they point to; parents before their children. */
  readonly children: readonly string[];
  /** Format of its archives; none: the rows are deleted without a copy. Without it the configured format counts. */
  readonly archive?: 'none' | 'sqlite' | 'parquet' | undefined;
  readonly triggers: 'refuse' | 'fire';
  /** Rows that a row which stays points to: the policy is refused (the default), or they stay with what belongs to them. */
  readonly referenced?: 'refuse' | 'keep' | undefined;
  /** One INSERT ... SELECT with @from and @until that keeps an extract of rows before they leave, whole days at a time. */
  readonly summary?: string | undefined;
  /** One UPDATE, INSERT or DELETE of another table, run in each transaction that deletes rows, to keep that table true. */
  readonly adjust?: string | undefined;
}

/** The books of the trading schema: what happened stays where it can be checked. */
const neverArchived = ['audit_log', 'journal', 'postings'];

/** SQLite compares names without case. */
export function isLedgerTable(table: string): boolean {
  return neverArchived.includes(table.toLowerCase());
}

/** Refuses a policy for tables that never leave. */
export function refuseLedgerTables(tables: readonly string[]): void {
  const found = tables.find(isLedgerTable);
  if (found === undefined) return;
  throw new TradedbError('usage', `the table ${JSON.stringify(found)} is never archived or deleted`, {
    hint: `${neverArchived.join(', ')} are the books; take it out of maintenance.retention.policies`,
  });
}

/** Refuses to delete rows without a copy before their class ends: they would exist nowhere. */
export function refuseEarlyLoss({ table, class: wanted, archive, keep }: RetentionPolicy): void {
  if (wanted === undefined || archive !== 'none' || keep >= classLength(wanted)) return;
  const kept = wanted.ms === null ? 'for ever' : 'longer than "keep"';
  throw new TradedbError(
    'usage',
    `rows of ${JSON.stringify(table)} are of the class ${JSON.stringify(wanted.name)}, which keeps them ${kept}: they cannot be deleted without a copy`,
    {
      hint: `give the policy an archive${wanted.ms === null ? '' : `, or a "keep" of at least ${Math.ceil(classLength(wanted) / 86_400_000)}d`}`,
    },
  );
}

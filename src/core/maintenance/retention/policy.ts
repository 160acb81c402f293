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
  readonly keep: number;
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
  /** One INSERT ... SELECT with @from and @until that keeps an extract of rows before they leave, whole days at a time. */
  readonly summary?: string | undefined;
}

/** The books of the trading schema: what happened stays where it can be checked. */
const neverArchived = ['audit_log', 'journal', 'postings'];

/** Refuses a policy for tables that never leave; SQLite compares names without case. */
export function refuseLedgerTables(tables: readonly string[]): void {
  const found = tables.find((table) => neverArchived.includes(table.toLowerCase()));
  if (found === undefined) return;
  throw new TradedbError('usage', `the table ${JSON.stringify(found)} is never archived or deleted`, {
    hint: `${neverArchived.join(', ')} are the books; take it out of maintenance.retention.policies`,
  });
}

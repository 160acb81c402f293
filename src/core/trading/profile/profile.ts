import type { Connection } from '../../sqlite/connection.ts';
import type { Offender, Rule } from '../rule/rule.ts';

/**
 * What tradedb knows about the SQLite file of a trading program as it is: which tables show it, the rules that its rows
 * must keep, the queries it runs all day. Nothing is imported and nothing is written: the business rules of the reference
 * schema run on TEMP views named like its tables, own rules on the tables themselves (`main.` tells them apart).
 */
export const programNames = ['freqtrade', 'hummingbot', 'vnpy'] as const;
export type ProgramName = (typeof programNames)[number];

export interface Profile {
  /** A program, or what a mapping file calls itself. */
  readonly name: string;
  /** The file is of this program when it has all of them. Lower case. */
  readonly tables: readonly string[];
  /** `table.column` that the views read; without one of them no rule is run on the views. */
  readonly columns?: readonly string[];
  /** Rules of the reference schema that hold on the views. */
  readonly applies: readonly string[];
  /** Views by the name of the table they stand for. */
  views(has: HasColumn): Readonly<Record<string, string>>;
  /** The same questions in another form, where that of the reference schema would scan a view for each row. */
  readonly sql?: Readonly<Record<string, string>>;
  /** Decides about a row of a reference rule from the raw row, in exact decimals; without one the view is exact. */
  readonly confirm: Readonly<Record<string, (row: Offender, connection: Connection) => boolean>>;
  readonly rules: readonly ProfileRule[];
}

/** Whether the file has the table, and the column of it when one is named. */
export type HasColumn = (table: string, column?: string) => boolean;

/** A rule of the program's own tables. What it needs may be missing in an old file: it is skipped then. */
export interface ProfileRule extends Omit<Rule, 'sql' | 'tables' | 'confirm' | 'exactSql' | 'inspect'> {
  /** `table` or `table.column`. */
  readonly needs: readonly string[];
  readonly sql?: (has: HasColumn) => string;
  readonly confirm?: (row: Offender & Readonly<Record<string, unknown>>, connection: Connection) => boolean;
  readonly inspect?: (connection: Connection, has: HasColumn) => Iterable<Offender>;
}

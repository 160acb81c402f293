import { isTrivia, nameOf, type Token, tokenize } from '../../schema/sql-lexer.ts';
import type { PlanStep } from './plan.ts';

export interface FullScan {
  /** As the plan calls it: the table or its alias. */
  readonly name: string;
  /** The table, when it is known. */
  readonly table: string | null;
  /** Index that is read instead of the table; null for the table itself. */
  readonly index: string | null;
}

/** What a plan does that may be slow. */
export interface PlanFacts {
  readonly fullScans: readonly FullScan[];
  /** `ORDER BY`, `GROUP BY`, `DISTINCT` and other purposes of sorting into a temporary tree. */
  readonly tempBtrees: readonly string[];
  /** Tables for which SQLite builds an index during each execution. */
  readonly automaticIndexes: readonly string[];
  readonly correlatedSubqueries: number;
  /** Indexes that are used without a condition on their first column. */
  readonly skipScans: readonly string[];
}

const scanPattern = /^SCAN (.+?)(?: USING (?:COVERING )?INDEX (.+?))?(?: LEFT-JOIN| RIGHT-JOIN| FULL-JOIN)?$/;
const notATable = /^(\(?subquery|\d+ CONSTANT ROW|CONSTANT ROW|.* VIRTUAL TABLE INDEX)/i;

/** Reads the facts from a plan. `tables` are the names of real tables; others are views, subqueries and CTEs. */
export function planFacts(steps: readonly PlanStep[], sql: string, tables: ReadonlySet<string>): PlanFacts {
  const aliases = aliasesOf(sql, tables);
  const details = steps.map((step) => step.detail);
  const matches = (pattern: RegExp): string[] => details.flatMap((detail) => pattern.exec(detail)?.[1] ?? []);
  return {
    fullScans: details.flatMap((detail) => fullScan(detail, aliases)),
    tempBtrees: matches(/^USE TEMP B-TREE FOR (.+)$/),
    automaticIndexes: matches(/^(?:SEARCH|SCAN) (.+?) USING AUTOMATIC /),
    correlatedSubqueries: details.filter((detail) => detail.startsWith('CORRELATED ')).length,
    skipScans: matches(/USING (?:COVERING )?INDEX (.+?) \(ANY\(/),
  };
}

function fullScan(detail: string, aliases: ReadonlyMap<string, string>): FullScan[] {
  const match = scanPattern.exec(detail);
  const name = match?.[1];
  if (name === undefined || notATable.test(name)) return [];
  const table = aliases.get(name.toLowerCase());
  // A common table expression or a view that became a co-routine is no table.
  return table === undefined ? [] : [{ name, table, index: match?.[2] ?? null }];
}

/** Tables by the name under which a statement may use them, in lower case: their own and their aliases. */
export function aliasesOf(sql: string, tables: ReadonlySet<string>): Map<string, string> {
  const byName = new Map([...tables].map((table) => [table.toLowerCase(), table]));
  const aliases = new Map(byName);
  const tokens = tokenize(sql).filter((token) => !isTrivia(token));
  for (const [index, token] of tokens.entries()) {
    const table = byName.get(lowerName(token) ?? '');
    if (table === undefined) continue;
    const next = tokens[index + 1];
    const alias = lowerName(next) === 'as' ? lowerName(tokens[index + 2]) : lowerName(next);
    // A word behind a table name that is no alias (WHERE, JOIN) never appears in a plan: it does no harm here.
    if (alias !== undefined && !byName.has(alias)) aliases.set(alias, table);
  }
  return aliases;
}

function lowerName(token: Token | undefined): string | undefined {
  return token === undefined || token.kind === 'string' ? undefined : nameOf(token)?.toLowerCase();
}

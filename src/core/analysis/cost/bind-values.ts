import { isTrivia, tokenize } from '../../schema/sql-lexer.ts';
import type { SqlParameters, SqlValue } from '../../sqlite/statement.ts';

/** The variables of a statement in the order in which they first appear; `?` as often as it stands there. */
export function variablesOf(sql: string): string[] {
  const found: string[] = [];
  for (const token of tokenize(sql)) {
    if (isTrivia(token) || token.kind !== 'variable') continue;
    if (token.text === '?' || !found.includes(token.text)) found.push(token.text);
  }
  return found;
}

/**
 * Values in the form in which the driver takes them: it knows `?1` and `:name` by name only, while other languages give
 * a list for them.
 */
export function bindable(sql: string, values: SqlParameters): SqlParameters {
  if (!Array.isArray(values)) return named(values as Readonly<Record<string, SqlValue>>);
  const variables = variablesOf(sql);
  if (variables.length === 0 || variables.includes('?')) return values;
  const byName: Record<string, SqlValue> = {};
  for (const [position, variable] of variables.entries()) {
    const number = /^\?(\d+)$/.exec(variable)?.[1];
    byName[variable.slice(1)] = (values[number === undefined ? position : Number(number) - 1] ?? null) as SqlValue;
  }
  return byName;
}

/** Names with or without their prefix. */
function named(values: Readonly<Record<string, SqlValue>>): Record<string, SqlValue> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name.replace(/^[:@$?]/, ''), value]));
}

/** NULL for every variable, for a statement of which only the plan is wanted. */
export function nullValues(sql: string): SqlParameters {
  return bindable(
    sql,
    variablesOf(sql).map(() => null),
  );
}

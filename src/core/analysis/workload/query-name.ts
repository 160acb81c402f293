import { isKeyword, nameOf, type Token } from '../../schema/sql-lexer.ts';

const beforeTable = ['FROM', 'INTO', 'UPDATE'] as const;

/** A name for a statement that has none: its verb and its first table, such as `select orders`. */
export function derivedName(tokens: readonly Token[]): string {
  const verb = tokens[0]?.text.toLowerCase() ?? 'statement';
  for (const [index, token] of tokens.entries()) {
    if (!beforeTable.some((keyword) => isKeyword(token, keyword))) continue;
    const next = tokens[index + 1];
    const table = next === undefined ? undefined : nameOf(next);
    if (table !== undefined) return `${verb} ${table}`;
  }
  return verb;
}

/** Adds ` #2`, ` #3` to names that are taken. */
export function uniqueName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  for (let number = 2; ; number++) {
    const candidate = `${name} #${number}`;
    if (!taken.has(candidate)) return candidate;
  }
}

import { isKeyword, nameOf, type Token } from '../../schema/sql-lexer.ts';
import { splitStatements } from '../../schema/statement-split.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';

const nobody = quoteIdentifier('_tradedb_nobody');

/**
 * The definition of a table with every foreign key turned to a table that does not exist. A copy with real references
 * would be a child of their parents: the engine could not delete a parent whose stale child the copy still has.
 */
export function withoutParents(sql: string): string {
  return replaceTokens(sql, (tokens) => {
    const at = tokens.flatMap((token, index) => (isKeyword(token, 'REFERENCES') ? [index + 1] : []));
    return new Map(at.map((index) => [index, nobody]));
  });
}

/** The same CREATE INDEX under another name and on another table. */
export function indexFor(sql: string, name: string, table: string): string {
  return replaceTokens(sql, (tokens) => {
    const at = indexTokens(tokens);
    return new Map([
      [at.name, quoteIdentifier(name)],
      [at.table, quoteIdentifier(table)],
    ]);
  });
}

export interface IndexText {
  /** Each column or expression, without COLLATE, ASC and DESC. */
  readonly columns: readonly string[];
  /** Condition of a partial index. */
  readonly where: string | undefined;
}

export function readIndexText(sql: string): IndexText {
  const { text, start, tokens } = first(sql);
  const between = (from: Token | undefined, to: Token | undefined): string =>
    text.slice((from?.start ?? start) - start, (to?.end ?? start) - start);
  const parts: Token[][] = [[]];
  let depth = 0;
  let at = indexTokens(tokens).table + 1;
  for (; at < tokens.length; at++) {
    const token = tokens[at] as Token;
    if (token.text === '(' && depth++ === 0) continue;
    if (token.text === ')' && --depth === 0) break;
    if (token.text === ',' && depth === 1) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  const where = isKeyword(tokens[at + 1], 'WHERE') ? between(tokens[at + 2], tokens.at(-1)) : undefined;
  return {
    columns: parts.map((part) => {
      const bare = withoutOrder(part);
      return between(bare[0], bare.at(-1));
    }),
    where,
  };
}

function withoutOrder(part: readonly Token[]): readonly Token[] {
  let end = part.length;
  if (isKeyword(part[end - 1], 'ASC') || isKeyword(part[end - 1], 'DESC')) end -= 1;
  if (isKeyword(part[end - 2], 'COLLATE')) end -= 2;
  return part.slice(0, end);
}

/** Positions of the names behind CREATE [UNIQUE] INDEX [IF NOT EXISTS] name ON table. */
function indexTokens(tokens: readonly Token[]): { name: number; table: number } {
  const on = tokens.findIndex((token, index) => index > 2 && isKeyword(token, 'ON'));
  return { name: on - 1, table: on + 1 };
}

/** True when a trigger can end the statement that fired it, so that triggers behind it do not run. */
export function canIgnore(sql: string): boolean {
  const { tokens } = first(sql);
  return tokens.some(
    (token, index) =>
      nameOf(token)?.toUpperCase() === 'RAISE' &&
      tokens[index + 1]?.text === '(' &&
      tokens[index + 2]?.text.toUpperCase() === 'IGNORE',
  );
}

function first(sql: string) {
  const statement = splitStatements(sql).statements[0];
  return statement ?? { text: '', start: 0, tokens: [] as readonly Token[] };
}

function replaceTokens(sql: string, choose: (tokens: readonly Token[]) => ReadonlyMap<number, string>): string {
  const { text, start, tokens } = first(sql);
  let result = '';
  let from = 0;
  for (const [index, replacement] of [...choose(tokens)].sort(([left], [right]) => left - right)) {
    const token = tokens[index];
    if (token === undefined) continue;
    result += text.slice(from, token.start - start) + replacement;
    from = token.end - start;
  }
  return result + text.slice(from);
}

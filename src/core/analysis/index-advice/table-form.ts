import { isKeyword, isTrivia, type Token, tokenize } from '../../schema/sql-lexer.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';

/** A CREATE TABLE as SQLite keeps it, taken apart where its form can change. */
export interface TableText {
  /** Up to the name. */
  readonly head: string;
  /** From the first parenthesis to its end. */
  readonly body: string;
  /** `STRICT`, `WITHOUT ROWID`. */
  readonly options: readonly string[];
}

/** Undefined for a text that has no column list, such as that of a virtual table. */
export function readTableText(sql: string): TableText | undefined {
  const tokens = tokenize(sql).filter((token) => !isTrivia(token));
  const open = tokens.findIndex((token) => token.text === '(');
  const close = closing(tokens, open);
  const [first, last, table] = [tokens[open], tokens[close], tokens.findIndex((token) => isKeyword(token, 'TABLE'))];
  if (first === undefined || last === undefined || table < 0 || table > open) return undefined;
  const options = sql
    .slice(last.end)
    .split(',')
    .map((option) => option.replace(/;\s*$/, '').trim().replace(/\s+/g, ' ').toUpperCase())
    .filter((option) => option !== '');
  return { head: 'CREATE TABLE ', body: sql.slice(first.start, last.end), options };
}

function closing(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let at = Math.max(0, open); at < tokens.length; at++) {
    if (tokens[at]?.text === '(') depth += 1;
    if (tokens[at]?.text === ')') depth -= 1;
    if (depth === 0) return at;
  }
  return -1;
}

/** The same table under a name and with one more option. */
export function withOption({ head, body, options }: TableText, name: string, option: string): string {
  return `${head}${quoteIdentifier(name)}${body} ${[...options, option].join(', ')}`;
}

/** True when a statement speaks of the hidden row number. */
export function namesRowid(sql: string): boolean {
  return tokenize(sql).some((token) => token.kind === 'word' && /^(rowid|oid|_rowid_)$/i.test(token.text));
}

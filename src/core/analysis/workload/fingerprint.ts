import { createHash } from 'node:crypto';
import { isTrivia, type Token, tokenize } from '../../schema/sql-lexer.ts';

/** Words after which a sign belongs to the number and not to a subtraction. */
const beforeSign = new Set(
  'select,where,and,or,not,between,limit,offset,in,then,else,when,by,is,like,on,having,set,returning'.split(','),
);

const literalKinds = new Set(['number', 'string', 'blob', 'variable']);

/**
 * The shape of a statement: no comments and spaces, words in lower case, every literal and parameter a `?`, IN lists one
 * `?`, one row of VALUES. Statements that differ in nothing else are one query.
 */
export function statementShape(sql: string): string {
  const parts: string[] = [];
  const tokens = tokenize(sql).filter((token) => !isTrivia(token) && token.kind !== 'semicolon');
  for (const [index, token] of tokens.entries()) {
    if (isSign(tokens, index)) continue;
    if (literalKinds.has(token.kind)) parts.push('?');
    else parts.push(token.kind === 'word' ? token.text.toLowerCase() : token.text);
  }
  return collapseLists(parts.join(' '));
}

/** The text with every value a `?` and spaces made single: what may be shown without showing data. */
export function withoutValues(sql: string): string {
  return tokenize(sql)
    .map((token) => {
      if (isTrivia(token)) return ' ';
      return literalKinds.has(token.kind) && token.kind !== 'variable' ? '?' : token.text;
    })
    .join('')
    .replace(/ +/g, ' ')
    .trim();
}

/** First 16 hexadecimal digits of the SHA-256 of the shape. */
export function fingerprint(sql: string): string {
  return createHash('sha256').update(statementShape(sql)).digest('hex').slice(0, 16);
}

function isSign(tokens: readonly Token[], index: number): boolean {
  const token = tokens[index];
  if (token?.kind !== 'operator' || (token.text !== '-' && token.text !== '+')) return false;
  if (tokens[index + 1]?.kind !== 'number') return false;
  const before = tokens[index - 1];
  if (before === undefined) return true;
  if (before.kind === 'operator') return before.text !== ')';
  return before.kind === 'word' && beforeSign.has(before.text.toLowerCase());
}

function collapseLists(text: string): string {
  return text
    .replace(/\bin \( \?(?: , \?)* \)/g, 'in ( ? )')
    .replace(/(\bvalues \( [^()]* \))(?: , \( [^()]* \))+/g, '$1');
}

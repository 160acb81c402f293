import { isTrivia, nameOf, tokenize } from './sql-lexer.ts';

const plainName = /^[a-z_\u0080-\uffff][a-z0-9_$\u0080-\uffff]*$/;

/** SQLite compares names without case, but only for ASCII letters. */
export function foldName(name: string): string {
  // toLowerCase is the fast way, and the same as long as there is nothing beyond ASCII.
  return /[^\x00-\x7f]/.test(name) ? name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : name.toLowerCase();
}

/**
 * One form for all spellings of the same definition: no comments, one space between tokens, keywords and names in
 * lower case and without quotes. Literals stay as they are. For comparing only: the result need not be runnable.
 */
export function normaliseSql(sql: string): string {
  const parts: string[] = [];
  for (const token of tokenize(sql)) {
    if (isTrivia(token) || token.kind === 'semicolon') continue;
    if (token.kind === 'word') parts.push(foldName(token.text));
    else if (token.kind === 'quoted_name') parts.push(normaliseName(nameOf(token) ?? ''));
    else if (token.kind === 'number' || token.kind === 'blob') parts.push(token.text.toLowerCase());
    else if (token.text === '==') parts.push('=');
    else if (token.text === '!=') parts.push('<>');
    else parts.push(token.text);
  }
  return parts.join(' ');
}

function normaliseName(name: string): string {
  const folded = foldName(name);
  return plainName.test(folded) ? folded : `"${folded.replaceAll('"', '""')}"`;
}

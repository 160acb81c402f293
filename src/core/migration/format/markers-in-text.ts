import { type Token, tokenize } from '../../schema/sql-lexer.ts';

export interface FoundComment {
  readonly text: string;
  /** Offsets of the comment. */
  readonly start: number;
  readonly end: number;
  /** From 1. */
  readonly line: number;
}

/** Line comments at the start of a line that `wanted` picks; inside literals and block comments they mean nothing. */
export function findComments(text: string, wanted: RegExp): FoundComment[] {
  if (!wanted.test(text)) return [];
  // Without literals and block comments a line comment can only be what it looks like.
  const comments = /['"`[]|\/\*/.test(text) ? byTokens(text) : byLines(text);
  return comments.filter((comment) => wanted.test(comment.text));
}

function byLines(text: string): FoundComment[] {
  const found: FoundComment[] = [];
  let line = 1;
  let counted = 0;
  for (const match of text.matchAll(/^[^\S\n]*(--.*)$/gm)) {
    const comment = match[1] as string;
    const end = match.index + match[0].length;
    for (let at = text.indexOf('\n', counted); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) {
      line += 1;
      counted = at + 1;
    }
    found.push({ text: comment.trimEnd(), start: end - comment.length, end, line });
  }
  return found;
}

function byTokens(text: string): FoundComment[] {
  const found: FoundComment[] = [];
  let line = 1;
  let lineIsEmpty = true;
  for (const token of tokenize(text)) {
    if (token.kind === 'line_comment' && lineIsEmpty) found.push(commentOf(token, line));
    const breaks = token.text.split('\n').length - 1;
    line += breaks;
    lineIsEmpty = token.kind === 'space' ? breaks > 0 || lineIsEmpty : false;
  }
  return found;
}

function commentOf({ text, start, end }: Token, line: number): FoundComment {
  return { text: text.trimEnd(), start, end, line };
}

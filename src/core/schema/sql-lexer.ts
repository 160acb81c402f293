import { TradedbError } from '../error.ts';

/**
 * Tokens of SQLite's own dialect, after `tokenize.c`: all four ways of quoting, both kinds of comments, blob and
 * hexadecimal literals, digit separators, variables. Positions are UTF-16 offsets into the text, so that joining all
 * tokens gives the text back.
 */

export type TokenKind =
  | 'space'
  | 'line_comment'
  | 'block_comment'
  /** Unquoted name or keyword. */
  | 'word'
  /** A name in `"`, backticks or brackets. */
  | 'quoted_name'
  | 'string'
  | 'blob'
  | 'number'
  | 'variable'
  | 'semicolon'
  | 'operator'
  /** A quote that never ends, or a character that SQL does not know. */
  | 'illegal';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

const nameCharacter = 'A-Za-z0-9_$\\u0080-\\uffff';

/** Tried in this order at each position. Every pattern is sticky. */
const patterns: readonly (readonly [TokenKind, RegExp])[] = [
  ['space', /[ \t\n\v\f\r]+/y],
  ['semicolon', /;/y],
  ['line_comment', /--[^\n]*/y],
  ['block_comment', /\/\*(?:[^*]|\*(?!\/))*(?:\*\/)?/y],
  ['string', /'[^']*(?:''[^']*)*'/y],
  ['quoted_name', /"[^"]*(?:""[^"]*)*"|`[^`]*(?:``[^`]*)*`|\[[^\]]*\]/y],
  ['illegal', /['"`[][\s\S]*/y],
  ['blob', /[xX]'[^']*'/y],
  ['word', new RegExp(`[A-Za-z_\\u0080-\\uffff][${nameCharacter}]*`, 'y')],
  // SQLite calls `1abc` one unrecognised token.
  [
    'number',
    new RegExp(
      `(?:0[xX][0-9A-Fa-f_]+|(?:\\d[\\d_]*(?:\\.[\\d_]*)?|\\.\\d[\\d_]*)(?:[eE][+-]?\\d[\\d_]*)?)(?![${nameCharacter}])`,
      'y',
    ),
  ],
  ['illegal', new RegExp(`\\.?\\d[${nameCharacter}.]*`, 'y')],
  [
    'variable',
    new RegExp(
      `\\?\\d*|[@#:][${nameCharacter}]+|\\$[${nameCharacter}]+(?:::[${nameCharacter}]*)*(?:\\([^)\\s]*\\))?`,
      'y',
    ),
  ],
  ['operator', /->>|->|\|\||<<|>>|<=|>=|<>|==|!=|[-+*/%=<>&|~(),.]/y],
  ['illegal', /[\s\S]/y],
];

/** First characters of each pattern above, in the same order; a missing entry means any. */
const firstCharacters: readonly (RegExp | undefined)[] = [
  /[ \t\n\v\f\r]/,
  /;/,
  /-/,
  /\//,
  /'/,
  /["`[]/,
  /['"`[]/,
  /[xX]/,
  /[A-Za-z_]/,
  /[0-9.]/,
  /[0-9.]/,
  /[?@#:$]/,
  /[-+*/%=<>&|~(),.!]/,
];

/** Patterns that can match, by the code of the first character: most of a text is decided with one try. */
const byCode: (typeof patterns)[] = [];
const beyondAscii = patterns.filter(([kind]) => kind === 'word');

function patternsFor(code: number): typeof patterns {
  if (code >= 128) return beyondAscii;
  byCode[code] ??= patterns.filter((_, index) => firstCharacters[index]?.test(String.fromCharCode(code)) ?? true);
  return byCode[code];
}

function tokenAt(text: string, start: number): Token {
  for (const [kind, pattern] of patternsFor(text.charCodeAt(start))) {
    pattern.lastIndex = start;
    if (pattern.test(text)) return { kind, text: text.slice(start, pattern.lastIndex), start, end: pattern.lastIndex };
  }
  throw new TradedbError('internal', `no token at offset ${start}`);
}

/** Every token of the text, spaces and comments included. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const token = tokenAt(text, at);
    tokens.push(token);
    at = token.end;
  }
  return tokens;
}

/** True for spaces and comments. */
export function isTrivia(token: Token): boolean {
  return token.kind === 'space' || token.kind === 'line_comment' || token.kind === 'block_comment';
}

/** True when the token is this unquoted keyword (given in upper case). */
export function isKeyword(token: Token | undefined, keyword: string): boolean {
  return token?.kind === 'word' && token.text.length === keyword.length && token.text.toUpperCase() === keyword;
}

/** The name that a word or a quoted token stands for; a string counts where SQLite accepts it as a name. */
export function nameOf(token: Token): string | undefined {
  switch (token.kind) {
    case 'word':
      return token.text;
    case 'quoted_name':
    case 'string': {
      const inner = token.text.slice(1, -1);
      const quote = token.text[0] as string;
      return quote === '[' ? inner : inner.replaceAll(quote + quote, quote);
    }
    default:
      return undefined;
  }
}

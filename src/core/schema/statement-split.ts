import { isKeyword, isTrivia, type Token, tokenize } from './sql-lexer.ts';

/** One statement of a text. `leading + text + terminator` of all, and then `trailing`, give the text back. */
export interface SqlStatement {
  /** From the first token to the last, without the semicolon and without comments around it. */
  readonly text: string;
  /** Spaces, comments and stray semicolons before it. */
  readonly leading: string;
  /** What stands between the last token and the end of the semicolon; empty or without one at the end of the text. */
  readonly terminator: string;
  /** UTF-16 offset of `text`. */
  readonly start: number;
  /** Line of `text`, from 1. */
  readonly line: number;
  /** Column of `text` in UTF-16 units, from 1. */
  readonly column: number;
  /** Tokens of `text` without spaces and comments. */
  readonly tokens: readonly Token[];
}

export interface SplitText {
  readonly statements: readonly SqlStatement[];
  /** Spaces and comments behind the last statement. */
  readonly trailing: string;
}

/** `CREATE [TEMP] TRIGGER`, also behind EXPLAIN: its body holds semicolons. */
function startsTrigger(tokens: readonly Token[]): boolean {
  let at = 0;
  if (isKeyword(tokens[at], 'EXPLAIN')) {
    at += isKeyword(tokens[at + 1], 'QUERY') && isKeyword(tokens[at + 2], 'PLAN') ? 3 : 1;
  }
  if (!isKeyword(tokens[at], 'CREATE')) return false;
  at += isKeyword(tokens[at + 1], 'TEMP') || isKeyword(tokens[at + 1], 'TEMPORARY') ? 2 : 1;
  return isKeyword(tokens[at], 'TRIGGER');
}

/**
 * A trigger ends at a semicolon behind END, where that END itself follows a semicolon. This is the rule of
 * `sqlite3_complete()`: the END of a CASE and a column named "end" never follow a semicolon.
 */
function endsTrigger(tokens: readonly Token[]): boolean {
  return isKeyword(tokens.at(-1), 'END') && tokens.at(-2)?.kind === 'semicolon';
}

/** Splits a text into its statements. Broken SQL is split as well as can be; SQLite will then refuse the piece. */
export function splitStatements(sql: string): SplitText {
  const statements: SqlStatement[] = [];
  const position = lineCounter(sql);
  let pieceStart = 0;
  let tokens: Token[] = [];
  let trigger: boolean | undefined;

  const finish = (end: number): void => {
    const first = tokens[0];
    const last = tokens.at(-1);
    if (first === undefined || last === undefined) return;
    statements.push({
      text: sql.slice(first.start, last.end),
      leading: sql.slice(pieceStart, first.start),
      terminator: sql.slice(last.end, end),
      start: first.start,
      ...position(first.start),
      tokens,
    });
    pieceStart = end;
    tokens = [];
    trigger = undefined;
  };

  for (const token of tokenize(sql)) {
    if (isTrivia(token)) continue;
    if (token.kind !== 'semicolon') {
      tokens.push(token);
      continue;
    }
    if (tokens.length === 0) continue;
    trigger ??= startsTrigger(tokens);
    if (trigger && !endsTrigger(tokens)) tokens.push(token);
    else finish(token.end);
  }
  finish(tokens.at(-1)?.end ?? sql.length);
  return { statements, trailing: sql.slice(pieceStart) };
}

/** Line and column of offsets that are asked for in rising order. */
function lineCounter(text: string): (offset: number) => { line: number; column: number } {
  let line = 1;
  let lineStart = 0;
  return (offset) => {
    for (let next = text.indexOf('\n', lineStart); next >= 0 && next < offset; next = text.indexOf('\n', lineStart)) {
      line += 1;
      lineStart = next + 1;
    }
    return { line, column: offset - lineStart + 1 };
  };
}

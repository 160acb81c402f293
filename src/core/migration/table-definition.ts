import { foldName, normaliseSql } from '../schema/normalise.ts';
import { isKeyword, nameOf, type Token } from '../schema/sql-lexer.ts';
import { splitStatements } from '../schema/statement-split.ts';

/** A column as it stands between two commas. */
export interface ColumnDefinition {
  readonly name: string;
  readonly text: string;
  /** The same for all orders of its constraints and all spellings. */
  readonly canonical: string;
  readonly notNull: boolean;
}

export interface TableDefinition {
  readonly name: string;
  readonly columns: readonly ColumnDefinition[];
  /** Constraints of the table: text and canonical form. */
  readonly constraints: readonly {
    readonly text: string;
    readonly canonical: string;
    readonly name: string | undefined;
  }[];
  /** What stands behind the parentheses: STRICT, WITHOUT ROWID. */
  readonly options: string;
  /** The same statement for a table of another name. */
  rename(quotedName: string): string;
}

const constraintWords = ['CONSTRAINT', 'PRIMARY', 'UNIQUE', 'CHECK', 'FOREIGN'];

/** Takes a CREATE TABLE apart by its tokens; undefined for CREATE TABLE ... AS and whatever has no column list. */
export function readTableDefinition(sql: string): TableDefinition | undefined {
  const statement = splitStatements(sql).statements[0];
  if (statement === undefined) return undefined;
  const { tokens, text, start } = statement;
  const open = tokens.findIndex((token) => token.text === '(');
  const at = nameIndex(tokens);
  const nameToken = tokens[at];
  if (nameToken === undefined || open < 0 || tokens.slice(0, open).some((token) => isKeyword(token, 'AS')))
    return undefined;
  const { parts, close } = splitParts(tokens, open);
  const textOf = (part: readonly Token[]): string =>
    text.slice((part[0]?.start ?? start) - start, (part.at(-1)?.end ?? start) - start);
  const isConstraint = (part: readonly Token[]): boolean => constraintWords.some((word) => isKeyword(part[0], word));
  return {
    name: nameOf(nameToken) ?? '',
    columns: parts.filter((part) => !isConstraint(part)).map((part) => readColumn(part, textOf(part))),
    constraints: parts.filter(isConstraint).map((part) => ({
      text: textOf(part),
      canonical: normaliseSql(textOf(part)),
      name: isKeyword(part[0], 'CONSTRAINT') && part[1] !== undefined ? nameOf(part[1]) : undefined,
    })),
    options: normaliseSql(textOf(tokens.slice(close + 1)))
      .split(' , ')
      .sort()
      .join(' , '),
    rename: (quoted) => `CREATE TABLE ${quoted}${text.slice(nameToken.end - start)}`,
  };
}

/** Position of the table's name: behind TABLE, IF NOT EXISTS and a schema name. */
function nameIndex(tokens: readonly Token[]): number {
  let at = tokens.findIndex((token) => isKeyword(token, 'TABLE')) + 1;
  if (isKeyword(tokens[at], 'IF')) at += 3;
  return tokens[at + 1]?.text === '.' ? at + 2 : at;
}

function splitParts(tokens: readonly Token[], open: number): { parts: Token[][]; close: number } {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (let index = open; index < tokens.length; index++) {
    const token = tokens[index] as Token;
    if (token.text === '(' && depth++ === 0) continue;
    if (token.text === ')' && --depth === 0) return { parts: parts.filter((part) => part.length > 0), close: index };
    if (token.text === ',' && depth === 1) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return { parts: parts.filter((part) => part.length > 0), close: tokens.length };
}

const chunkStarts = [
  'CONSTRAINT',
  'PRIMARY',
  'NOT',
  'NULL',
  'UNIQUE',
  'CHECK',
  'DEFAULT',
  'COLLATE',
  'REFERENCES',
  'GENERATED',
  'AS',
];

/** Type and constraints of a column, the constraints sorted: ALTER puts a new one at the end. */
function readColumn(part: readonly Token[], text: string): ColumnDefinition {
  const chunks: Token[][] = [[]];
  let depth = 0;
  for (const [index, token] of part.entries()) {
    if (depth === 0 && index > 0 && startsChunk(part, index)) chunks.push([]);
    if (token.text === '(') depth += 1;
    if (token.text === ')') depth -= 1;
    chunks.at(-1)?.push(token);
  }
  const [head = [], ...constraints] = chunks.map((chunk) => chunk.map((token) => normaliseSql(token.text)).join(' '));
  return {
    name: nameOf(part[0] as Token) ?? '',
    text,
    canonical: [String(head), ...constraints.sort()].join(' | '),
    notNull: constraints.includes('not null'),
  };
}

function startsChunk(part: readonly Token[], index: number): boolean {
  const token = part[index];
  const before = part[index - 1];
  const word = chunkStarts.find((start) => isKeyword(token, start));
  if (word === undefined) return false;
  // The name of a constraint is followed by what it names.
  if (isKeyword(part[index - 2], 'CONSTRAINT')) return false;
  if (word === 'NULL') return !['NOT', 'SET', 'DEFAULT'].some((other) => isKeyword(before, other));
  if (word === 'DEFAULT') return !isKeyword(before, 'SET');
  if (word === 'NOT') return !isKeyword(part[index + 1], 'DEFERRABLE');
  if (word === 'AS') return !isKeyword(before, 'ALWAYS');
  return true;
}

/** True when both define the same table; the order of columns and of constraints does not count. */
export function sameDefinition(left: TableDefinition, right: TableDefinition): boolean {
  const form = (one: TableDefinition): string =>
    [
      one.columns
        .map((column) => column.canonical)
        .sort()
        .join('\n'),
      one.constraints
        .map((constraint) => constraint.canonical)
        .sort()
        .join('\n'),
      one.options,
    ].join('\n\n');
  return form(left) === form(right);
}

export function findColumn(definition: TableDefinition, name: string): ColumnDefinition | undefined {
  return definition.columns.find((column) => foldName(column.name) === foldName(name));
}

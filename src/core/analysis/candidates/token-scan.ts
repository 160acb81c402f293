import { isKeyword, isTrivia, nameOf, type Token, tokenize } from '../../schema/sql-lexer.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { aliasesOf } from '../query-plan/plan-facts.ts';

/**
 * What the text of a statement suggests: sort lists, constant conditions, expressions. A liberal scan of tokens that may
 * be wrong, because the planner accepts or rejects every index that comes of it.
 */

export interface SortTerm {
  readonly column: string;
  readonly collation?: string;
  readonly descending: boolean;
}

export interface SortList {
  readonly table: string;
  readonly terms: readonly SortTerm[];
}

export interface ConstantCondition {
  readonly table: string;
  readonly column: string;
  /** Condition of a partial index, with the column quoted as an identifier by the caller's table. */
  readonly where: string;
}

export interface Expression {
  readonly table: string;
  /** Without aliases. */
  readonly text: string;
}

export interface TextSuggestions {
  readonly sorts: readonly SortList[];
  readonly constants: readonly ConstantCondition[];
  readonly expressions: readonly Expression[];
  /** The statement compares without regard to letter case. */
  readonly ignoresCase: boolean;
}

type Columns = ReadonlyMap<string, ReadonlySet<string>>;

/** `columns` are the columns that the statement reads, by table. */
export function suggestFromText(sql: string, columns: Columns): TextSuggestions {
  const tokens = tokenize(sql).filter((token) => !isTrivia(token));
  const reader = new ColumnReader(tokens, aliasesOf(sql, new Set(columns.keys())), columns);
  return {
    sorts: findSorts(tokens, reader),
    constants: findConstants(tokens, reader),
    expressions: findExpressions(tokens, reader),
    ignoresCase: tokens.some((token) => isKeyword(token, 'LIKE') || isKeyword(token, 'NOCASE')),
  };
}

interface FoundColumn {
  readonly table: string;
  readonly column: string;
  /** Position behind it. */
  readonly next: number;
}

/** Reads `column` and `alias.column` at a position. */
class ColumnReader {
  readonly #tokens: readonly Token[];
  readonly #aliases: ReadonlyMap<string, string>;
  readonly #columns: Columns;

  constructor(tokens: readonly Token[], aliases: ReadonlyMap<string, string>, columns: Columns) {
    this.#tokens = tokens;
    this.#aliases = aliases;
    this.#columns = columns;
  }

  at(position: number): FoundColumn | undefined {
    const first = this.#name(position);
    if (first === undefined) return undefined;
    if (this.#tokens[position + 1]?.text === '.') {
      const table = this.#aliases.get(first.toLowerCase());
      const column = this.#column(table, this.#name(position + 2));
      return table === undefined || column === undefined ? undefined : { table, column, next: position + 3 };
    }
    for (const table of this.#columns.keys()) {
      const column = this.#column(table, first);
      if (column !== undefined) return { table, column, next: position + 1 };
    }
    return undefined;
  }

  #name(position: number): string | undefined {
    const token = this.#tokens[position];
    return token === undefined || token.kind === 'string' ? undefined : nameOf(token);
  }

  #column(table: string | undefined, name: string | undefined): string | undefined {
    if (table === undefined || name === undefined) return undefined;
    const wanted = name.toLowerCase();
    return [...(this.#columns.get(table) ?? [])].find((column) => column.toLowerCase() === wanted);
  }
}

function findSorts(tokens: readonly Token[], reader: ColumnReader): SortList[] {
  const found: SortList[] = [];
  for (const [index, token] of tokens.entries()) {
    if (isKeyword(token, 'BY') && (isKeyword(tokens[index - 1], 'ORDER') || isKeyword(tokens[index - 1], 'GROUP'))) {
      const list = readSort(tokens, index + 1, reader);
      if (list !== undefined) found.push(list);
    }
    // min() and max() take the first or last entry of an index.
    if ((isKeyword(token, 'MIN') || isKeyword(token, 'MAX')) && tokens[index + 1]?.text === '(') {
      const column = reader.at(index + 2);
      if (column !== undefined && tokens[column.next]?.text === ')') {
        found.push({ table: column.table, terms: [{ column: column.column, descending: false }] });
      }
    }
  }
  return found;
}

/** The leading terms of a list that are columns of one table. */
function readSort(tokens: readonly Token[], start: number, reader: ColumnReader): SortList | undefined {
  const terms: SortTerm[] = [];
  let table: string | undefined;
  for (let position = start; ; ) {
    const column = reader.at(position);
    if (column === undefined || (table !== undefined && column.table !== table)) break;
    table = column.table;
    position = column.next;
    let collation: string | undefined;
    if (isKeyword(tokens[position], 'COLLATE')) {
      collation = tokens[position + 1]?.text.toUpperCase();
      position += 2;
    }
    const descending = isKeyword(tokens[position], 'DESC');
    if (descending || isKeyword(tokens[position], 'ASC')) position += 1;
    terms.push({ column: column.column, descending, ...(collation === undefined ? {} : { collation }) });
    if (tokens[position]?.text !== ',') break;
    position += 1;
  }
  if (table === undefined || terms.length === 0) return undefined;
  // An index is read backwards for a list that descends throughout.
  const all = terms.every((term) => term.descending);
  return { table, terms: all ? terms.map((term) => ({ ...term, descending: false })) : terms };
}

const literal = new Set(['number', 'string']);

function findConstants(tokens: readonly Token[], reader: ColumnReader): ConstantCondition[] {
  const found: ConstantCondition[] = [];
  for (const index of tokens.keys()) {
    if (tokens[index - 1]?.text === '.') continue;
    const column = reader.at(index);
    if (column === undefined) continue;
    const condition = readConstant(tokens, column.next);
    if (condition === undefined) continue;
    found.push({ table: column.table, column: column.column, where: condition });
  }
  return found;
}

/** The text behind the column: `= literal`, `IN (literals)`, `IS NULL`, `IS NOT NULL`. */
function readConstant(tokens: readonly Token[], at: number): string | undefined {
  const token = tokens[at];
  const next = tokens[at + 1];
  if (token === undefined || next === undefined) return undefined;
  if ((token.text === '=' || token.text === '==') && literal.has(next.kind)) return `= ${next.text}`;
  if (isKeyword(token, 'IS')) {
    if (isKeyword(next, 'NULL')) return 'IS NULL';
    return isKeyword(next, 'NOT') && isKeyword(tokens[at + 2], 'NULL') ? 'IS NOT NULL' : undefined;
  }
  if (!isKeyword(token, 'IN') || next.text !== '(') return undefined;
  const texts: string[] = [];
  for (let position = at + 2; ; position += 2) {
    const value = tokens[position];
    if (value === undefined || !literal.has(value.kind)) return undefined;
    texts.push(value.text);
    if (tokens[position + 1]?.text === ')') return `IN (${texts.join(', ')})`;
    if (tokens[position + 1]?.text !== ',') return undefined;
  }
}

/** Functions that give the same for the same arguments, and that people search by. */
const indexable = new Set([
  'lower',
  'upper',
  'json_extract',
  'substr',
  'abs',
  'length',
  'trim',
  'round',
  'hex',
  'coalesce',
  'ifnull',
]);

function findExpressions(tokens: readonly Token[], reader: ColumnReader): Expression[] {
  const found: Expression[] = [];
  for (const [index, token] of tokens.entries()) {
    const arrow = tokens[index - 1]?.text === '.' ? undefined : readArrow(tokens, index, reader);
    if (arrow !== undefined) found.push(arrow);
    if (token.kind !== 'word' || !indexable.has(token.text.toLowerCase()) || tokens[index + 1]?.text !== '(') continue;
    const call = readCall(tokens, index, reader);
    if (call !== undefined) found.push(call);
  }
  return found;
}

function readArrow(tokens: readonly Token[], index: number, reader: ColumnReader): Expression | undefined {
  const column = reader.at(index);
  const operator = column === undefined ? undefined : tokens[column.next];
  const path = column === undefined ? undefined : tokens[column.next + 1];
  if (column === undefined || path === undefined || !literal.has(path.kind)) return undefined;
  if (operator?.text !== '->' && operator?.text !== '->>') return undefined;
  return { table: column.table, text: `${quoteIdentifier(column.column)} ${operator.text} ${path.text}` };
}

/** `fn(column, literal, ...)`. */
function readCall(tokens: readonly Token[], index: number, reader: ColumnReader): Expression | undefined {
  const column = reader.at(index + 2);
  if (column === undefined) return undefined;
  const parts = [quoteIdentifier(column.column)];
  for (let position = column.next; ; position += 2) {
    const token = tokens[position];
    if (token?.text === ')') {
      return { table: column.table, text: `${tokens[index]?.text.toLowerCase()}(${parts.join(', ')})` };
    }
    const argument = tokens[position + 1];
    if (token?.text !== ',' || argument === undefined || !literal.has(argument.kind)) return undefined;
    parts.push(argument.text);
  }
}

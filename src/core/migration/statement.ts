import { foldName } from '../schema/normalise.ts';
import { isKeyword, nameOf, type Token, tokenize } from '../schema/sql-lexer.ts';
import { type SqlStatement, splitStatements } from '../schema/statement-split.ts';
import { type DataDirective, readDataDirective } from './data-directive.ts';
import { invalid } from './invalid.ts';
import { readTableDirective, type TableDirective } from './table-directive.ts';

export type StatementKind =
  | 'create_table'
  | 'create_index'
  | 'create_view'
  | 'create_trigger'
  | 'create_virtual_table'
  /** A CREATE TABLE below `-- migrate:table`. */
  | 'change_table'
  | 'alter_table'
  | 'rename_table'
  | 'drop_column'
  | 'drop_table'
  | 'drop_index'
  | 'drop_view'
  | 'drop_trigger'
  | 'insert'
  | 'update'
  | 'delete'
  | 'select'
  | 'pragma'
  | 'transaction'
  | 'vacuum'
  | 'attach'
  | 'other';

/** One statement of a migration. */
export interface Statement {
  readonly text: string;
  /** In the file, from 1. */
  readonly line: number;
  readonly column: number;
  readonly kind: StatementKind;
  /** The object that it makes, changes or drops, as written. */
  readonly target: string | undefined;
  /** The table whose index, trigger or rows it is about. */
  readonly table: string | undefined;
  /** New name of a RENAME TO. */
  readonly renameTo: string | undefined;
  /** Every name in it, folded: more than the objects it uses, never fewer. */
  readonly names: ReadonlySet<string>;
  /** Only for `change_table`. */
  readonly directive?: TableDirective;
  /** Runs in batches along a key. */
  readonly data?: DataDirective;
}

/** The statements of a text whose first line is line `firstLine` of its file. */
export function readStatements(text: string, firstLine: number, file = 'statement'): Statement[] {
  const split = splitStatements(text);
  const statements = split.statements.map((statement) => classify(statement, firstLine, file));
  const lonely = /^\s*--\s*migrate:(table|data)(?=\s|$)/m.exec(split.trailing)?.[1];
  if (lonely !== undefined) {
    throw invalid(`${file}: no statement stands below migrate:${lonely}`, 'put the statement below it');
  }
  const long = statements.find((one) => one.data !== undefined || one.directive?.online === true);
  if (long !== undefined && statements.length > 1) {
    throw invalid(
      `${file}:${long.line}: ${long.data === undefined ? 'an online change' : 'a data step'} stands alone in its section`,
      'put the other statements into a file of their own: this one takes many transactions',
    );
  }
  return statements;
}

function classify(statement: SqlStatement, firstLine: number, file: string): Statement {
  const { tokens } = statement;
  const line = firstLine + statement.line - 1;
  const classified = kindAndTarget(tokens);
  const on = ['create_index', 'create_trigger'].includes(classified.kind)
    ? objectName(tokens, after(tokens, 'ON'))
    : undefined;
  const found = {
    text: statement.text,
    line,
    column: statement.column,
    ...classified,
    table: on ?? classified.target,
    // Most statements are never asked for their names.
    get names(): ReadonlySet<string> {
      const names = namesIn(statement.text);
      Object.defineProperty(this, 'names', { value: names, enumerable: true });
      return names;
    },
  };
  const lines = statement.leading.split('\n').length;
  const place = (index: number): string => `${file}:${line - lines + 1 + index}`;
  const directive = readTableDirective(statement.leading, place);
  const data = readDataDirective(statement, place);
  if (directive === undefined) return data === undefined ? found : { ...found, data };
  if (data !== undefined) {
    throw invalid(`${file}:${line}: migrate:table and migrate:data stand above one statement`, 'keep one of them');
  }
  if (found.kind !== 'create_table') {
    throw invalid(
      `${file}:${line}: migrate:table needs a CREATE TABLE below it`,
      'put the wanted definition of the table there',
    );
  }
  return { ...found, kind: 'change_table', directive };
}

function namesIn(text: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const token of tokenize(text)) {
    const name = nameOf(token);
    if (name !== undefined) names.add(foldName(name));
  }
  return names;
}

type Classified = Pick<Statement, 'kind' | 'target' | 'renameTo'>;

const transactionWords = ['BEGIN', 'COMMIT', 'END', 'ROLLBACK', 'SAVEPOINT', 'RELEASE'];

function kindAndTarget(tokens: readonly Token[]): Classified {
  const first = tokens[0]?.kind === 'word' ? tokens[0].text.toUpperCase() : '';
  const plain = (kind: StatementKind, at = -1): Classified => ({
    kind,
    target: at < 0 ? undefined : objectName(tokens, at),
    renameTo: undefined,
  });
  if (transactionWords.includes(first)) return plain('transaction');
  switch (first) {
    case 'CREATE':
      return create(tokens);
    case 'ALTER':
      return alter(tokens);
    case 'DROP':
      return drop(tokens);
    case 'INSERT':
    case 'REPLACE':
      return plain('insert', after(tokens, 'INTO'));
    case 'UPDATE':
      return plain('update', isKeyword(tokens[1], 'OR') ? 3 : 1);
    case 'DELETE':
      return plain('delete', after(tokens, 'FROM'));
    case 'WITH':
      return withClause(tokens);
    case 'SELECT':
    case 'VALUES':
    case 'EXPLAIN':
      return plain('select');
    case 'PRAGMA':
      return plain('pragma');
    case 'VACUUM':
      return plain('vacuum');
    case 'ATTACH':
    case 'DETACH':
      return plain('attach');
    default:
      return plain('other');
  }
}

const createKinds: Readonly<Record<string, StatementKind>> = {
  TABLE: 'create_table',
  INDEX: 'create_index',
  VIEW: 'create_view',
  TRIGGER: 'create_trigger',
};

function create(tokens: readonly Token[]): Classified {
  let at = 1;
  while (['TEMP', 'TEMPORARY', 'UNIQUE', 'VIRTUAL'].some((word) => isKeyword(tokens[at], word))) at += 1;
  const virtual = isKeyword(tokens[1], 'VIRTUAL');
  const kind = createKinds[tokens[at]?.text.toUpperCase() ?? ''] ?? 'other';
  at += 1;
  if (isKeyword(tokens[at], 'IF')) at += 3;
  return { kind: virtual ? 'create_virtual_table' : kind, target: objectName(tokens, at), renameTo: undefined };
}

function alter(tokens: readonly Token[]): Classified {
  const target = objectName(tokens, 2);
  const at = isDot(tokens[3]) ? 5 : 3;
  if (isKeyword(tokens[at], 'RENAME') && isKeyword(tokens[at + 1], 'TO')) {
    return { kind: 'rename_table', target, renameTo: objectName(tokens, at + 2) };
  }
  const dropsColumn = isKeyword(tokens[at], 'DROP') && !isKeyword(tokens[at + 1], 'CONSTRAINT');
  return { kind: dropsColumn ? 'drop_column' : 'alter_table', target, renameTo: undefined };
}

const dropKinds: Readonly<Record<string, StatementKind>> = {
  TABLE: 'drop_table',
  INDEX: 'drop_index',
  VIEW: 'drop_view',
  TRIGGER: 'drop_trigger',
};

function drop(tokens: readonly Token[]): Classified {
  const kind = dropKinds[tokens[1]?.text.toUpperCase() ?? ''] ?? 'other';
  return { kind, target: objectName(tokens, isKeyword(tokens[2], 'IF') ? 4 : 2), renameTo: undefined };
}

/** The statement behind common table expressions: the first such keyword outside parentheses. */
function withClause(tokens: readonly Token[]): Classified {
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    if (token.text === '(') depth += 1;
    if (token.text === ')') depth -= 1;
    if (
      depth === 0 &&
      index > 0 &&
      ['INSERT', 'REPLACE', 'UPDATE', 'DELETE', 'SELECT', 'VALUES'].some((word) => isKeyword(token, word))
    ) {
      return kindAndTarget(tokens.slice(index));
    }
  }
  return { kind: 'other', target: undefined, renameTo: undefined };
}

function after(tokens: readonly Token[], keyword: string): number {
  const at = tokens.findIndex((token) => isKeyword(token, keyword));
  return at < 0 ? -1 : at + 1;
}

function isDot(token: Token | undefined): boolean {
  return token?.text === '.';
}

/** The name at `at`, behind a schema name when there is one. */
function objectName(tokens: readonly Token[], at: number): string | undefined {
  const token = isDot(tokens[at + 1]) ? tokens[at + 2] : tokens[at];
  return token === undefined ? undefined : nameOf(token);
}

/** True for what can remove objects or change their shape. */
export function changesObjects(statement: Statement): boolean {
  return [
    'alter_table',
    'rename_table',
    'drop_column',
    'drop_table',
    'drop_index',
    'drop_view',
    'drop_trigger',
    'change_table',
  ].includes(statement.kind);
}

/** True for what can change rows, or what a foreign key compares them with. */
export function changesRows(statement: Statement): boolean {
  return ['insert', 'update', 'delete', 'alter_table', 'rename_table', 'drop_table', 'change_table', 'other'].includes(
    statement.kind,
  );
}

/** True for what throws data away and cannot be undone by another statement. */
export function isDestructive(statement: Statement): boolean {
  return ['drop_table', 'drop_column', 'change_table', 'delete', 'update'].includes(statement.kind);
}

import { isKeyword, type Token } from '../../schema/sql-lexer.ts';
import { splitStatements } from '../../schema/statement-split.ts';
import { hitAt, type LintHit, type LintRule, type LintTarget } from '../lint-rule.ts';
import type { Statement } from '../statement.ts';
import { readTableDefinition } from '../table-definition.ts';

const tokensOf = (statement: Statement): readonly Token[] =>
  splitStatements(statement.text).statements[0]?.tokens ?? [];

const has = (tokens: readonly Token[], word: string): boolean => tokens.some((token) => isKeyword(token, word));

/** One hit per statement for which `message` finds something. */
function perStatement(message: (statement: Statement, tokens: readonly Token[]) => string | undefined, hint: string) {
  return ({ statements }: LintTarget): LintHit[] =>
    statements.flatMap((statement) => {
      const text = message(statement, tokensOf(statement));
      return text === undefined ? [] : [hitAt(statement, text, hint)];
    });
}

function addsRequiredColumn({ kind, target }: Statement, tokens: readonly Token[]): string | undefined {
  if (
    kind !== 'alter_table' ||
    !has(tokens, 'ADD') ||
    has(tokens, 'CONSTRAINT') ||
    has(tokens, 'GENERATED') ||
    has(tokens, 'AS')
  )
    return undefined;
  const required = tokens.some((token, index) => isKeyword(token, 'NOT') && isKeyword(tokens[index + 1], 'NULL'));
  return required && !has(tokens, 'DEFAULT')
    ? `adds a NOT NULL column to ${target} without a default: it fails as soon as there is a row`
    : undefined;
}

function dependsOnOrder({ kind, target }: Statement, tokens: readonly Token[]): string | undefined {
  const star = tokens.some(
    (token, index) =>
      token.text === '*' &&
      (isKeyword(tokens[index - 1], 'SELECT') ||
        isKeyword(tokens[index - 1], 'DISTINCT') ||
        isKeyword(tokens[index - 1], 'ALL')),
  );
  if (kind === 'insert') {
    const into = tokens.findIndex((token) => isKeyword(token, 'INTO'));
    const behind = tokens[tokens[into + 2]?.text === '.' ? into + 4 : into + 2];
    if (behind?.text !== '(' && !isKeyword(behind, 'DEFAULT')) return `inserts into ${target} by position`;
  }
  return star && ['insert', 'create_view', 'create_table'].includes(kind) ? 'takes whatever SELECT * gives' : undefined;
}

const ignoredPragmas = ['foreign_keys', 'journal_mode', 'synchronous', 'page_size', 'auto_vacuum', 'encoding'];

function pragmaName(tokens: readonly Token[]): string {
  const at = tokens[2]?.text === '.' ? 3 : 1;
  return tokens[at]?.text.toLowerCase() ?? '';
}

function ignoredPragma({ kind }: Statement, tokens: readonly Token[]): string | undefined {
  if (kind !== 'pragma') return undefined;
  const name = pragmaName(tokens);
  return ignoredPragmas.includes(name) ? `PRAGMA ${name} does nothing, or fails, inside a transaction` : undefined;
}

function changesUserVersion({ kind }: Statement, tokens: readonly Token[]): string | undefined {
  const sets = tokens.some((token) => token.text === '=' || token.text === '(');
  return kind === 'pragma' && pragmaName(tokens) === 'user_version' && sets
    ? 'changes user_version, which other programs may use'
    : undefined;
}

/** `"text"` behind DEFAULT is always meant as a literal; SQLite here takes it for a name. */
function doubleQuotedDefault(_: Statement, tokens: readonly Token[]): string | undefined {
  const found = tokens.find(
    (token, index) =>
      token.kind === 'quoted_name' && token.text.startsWith('"') && isKeyword(tokens[index - 1], 'DEFAULT'),
  );
  return found === undefined ? undefined : `${found.text} is a name, not a text`;
}

const changingWords = ['random', 'randomblob', 'current_timestamp', 'current_date', 'current_time'];
const clockFunctions = ['date', 'time', 'datetime', 'julianday', 'unixepoch', 'strftime'];

/** The tokens of a value behind DEFAULT: one, or what stands in parentheses. */
function defaultValue(tokens: readonly Token[], at: number): readonly Token[] {
  if (tokens[at]?.text !== '(') return tokens.slice(at, at + 1);
  let depth = 0;
  for (let index = at; index < tokens.length; index++) {
    if (tokens[index]?.text === '(') depth += 1;
    if (tokens[index]?.text === ')' && --depth === 0) return tokens.slice(at, index + 1);
  }
  return tokens.slice(at);
}

function isChanging(value: readonly Token[]): boolean {
  return value.some((token, index) => {
    if (token.kind !== 'word') return false;
    const word = token.text.toLowerCase();
    if (changingWords.includes(word)) return true;
    // A function of the clock without an argument takes the present time, as it does with 'now'.
    const now = value.some((other) => other.kind === 'string' && other.text.toLowerCase() === "'now'");
    return clockFunctions.includes(word) && (now || value[index + 2]?.text === ')');
  });
}

function changingDefault({ kind }: Statement, tokens: readonly Token[]): string | undefined {
  if (kind !== 'create_table' && kind !== 'change_table' && kind !== 'alter_table') return undefined;
  const found = tokens.some(
    (token, index) =>
      isKeyword(token, 'DEFAULT') &&
      !isKeyword(tokens[index - 1], 'SET') &&
      isChanging(defaultValue(tokens, index + 1)),
  );
  return found ? 'has a default that differs from row to row, so that a replay gives other data' : undefined;
}

/** Another tool, or a restored backup, may run the statement again. */
const unguarded = perStatement(
  ({ kind, target }, tokens) =>
    /^(create|drop)_(?!column)/.test(kind) && !has(tokens.slice(0, 6), 'IF')
      ? `${kind.replaceAll('_', ' ')} ${target} fails when it runs a second time`
      : undefined,
  'write IF NOT EXISTS or IF EXISTS: without a transaction a file may be repeated in part',
);

/** Rules that look at one statement at a time. */
export const statementRules: readonly LintRule[] = [
  {
    code: 'M008',
    level: 'error',
    summary: 'NOT NULL column without default',
    check: perStatement(addsRequiredColumn, 'add a DEFAULT, or use migrate:table with fill='),
  },
  {
    code: 'M009',
    level: 'warning',
    summary: 'positional INSERT, SELECT *',
    check: perStatement(dependsOnOrder, 'name the columns'),
  },
  {
    code: 'M011',
    level: 'warning',
    summary: 'UPDATE or DELETE of a whole table',
    check: perStatement(
      ({ kind, target }, tokens) =>
        (kind === 'update' || kind === 'delete') && !has(tokens, 'WHERE')
          ? `${kind === 'update' ? 'updates' : 'deletes'} every row of ${target} in one transaction`
          : undefined,
      'run it in batches with migrate:data, limit it with WHERE, or accept the lock with lint-ignore=M011:reason',
    ),
  },
  {
    code: 'M012',
    level: 'error',
    summary: 'transaction control in the file',
    check: perStatement(
      ({ kind }) => (kind === 'transaction' ? 'controls the transaction, which is refused' : undefined),
      'remove it: the file runs in one transaction',
    ),
  },
  {
    code: 'M013',
    level: 'warning',
    summary: 'PRAGMA that a transaction ignores',
    check: perStatement(ignoredPragma, 'set it outside of migrations'),
  },
  {
    code: 'M014',
    level: 'warning',
    summary: 'no way back, and not marked irreversible',
    check: ({ migration }) =>
      migration.down !== undefined || migration.up.options.irreversible || migration.kind === 'repeatable'
        ? []
        : [hitAt(undefined, 'has no down section', 'write one, or mark it: -- migrate:up irreversible')],
  },
  {
    code: 'M015',
    level: 'error',
    summary: 'text in double quotes',
    check: (target) => {
      const { failure } = target;
      const told = failure?.reason.includes('should this be a string literal in single-quotes') === true;
      return [
        ...perStatement(doubleQuotedDefault, 'write it in single quotes')(target),
        ...(told ? [hitAt(failure, failure?.reason ?? '', 'write it in single quotes')] : []),
      ];
    },
  },
  {
    code: 'M016',
    level: 'error',
    summary: 'transaction=false without IF EXISTS or IF NOT EXISTS',
    check: (target) => (target.migration.up.options.transaction ? [] : unguarded(target)),
  },
  {
    code: 'M018',
    level: 'warning',
    summary: 'default that differs from row to row',
    check: perStatement(changingDefault, 'let the program give the value'),
  },
  {
    code: 'M023',
    level: 'off',
    summary: 'new table that is not STRICT',
    check: perStatement(({ kind, target, text }) => {
      if (kind !== 'create_table' && kind !== 'change_table') return undefined;
      const options = readTableDefinition(text)?.options;
      return options?.includes('strict') === false
        ? `table ${target} is not STRICT: any value fits any column`
        : undefined;
    }, 'write STRICT behind the definition'),
  },
  {
    code: 'M025',
    level: 'warning',
    summary: 'user_version changed',
    check: perStatement(changesUserVersion, 'the history keeps the version'),
  },
];

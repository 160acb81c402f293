import { isKeyword } from '../schema/sql-lexer.ts';
import type { SqlStatement } from '../schema/statement-split.ts';
import { invalid } from './invalid.ts';

/** What `-- migrate:data` above a statement asks for: run it in batches along a key. */
export interface DataDirective {
  readonly table: string;
  /** Column whose values divide the table into batches. */
  readonly key: string;
  /** Rows per batch; the configured number otherwise. */
  readonly batch: number | undefined;
}

const directive = /^--\s*migrate:data(?=\s|$)(.*)$/;
const changing = ['INSERT', 'REPLACE', 'UPDATE', 'DELETE'];

/** Finds the directive in the comments before a statement, which must use `@after` and `@upto`. */
export function readDataDirective(statement: SqlStatement, place: (line: number) => string): DataDirective | undefined {
  let found: DataDirective | undefined;
  let where = '';
  for (const [index, line] of statement.leading.split('\n').entries()) {
    const match = directive.exec(line.trim());
    if (match === null) continue;
    where = place(index);
    if (found !== undefined) throw invalid(`${where}: migrate:data stands twice above one statement`, 'keep one');
    found = parseOptions(match[1] ?? '', where);
  }
  if (found !== undefined) requireBounds(statement, where);
  return found;
}

function parseOptions(text: string, place: string): DataDirective {
  const values = new Map<string, string>();
  for (const word of text.match(/(?:"[^"]*"|\S)+/g) ?? []) {
    const [, name = '', raw = ''] = /^(table|key|batch)[=:](.+)$/.exec(word) ?? [];
    if (name === '' || values.has(name)) {
      throw invalid(`${place}: ${JSON.stringify(word)} is not understood`, 'write table=trades key=id batch=5000');
    }
    values.set(name, raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw);
  }
  const [table, key, batch] = ['table', 'key', 'batch'].map((name) => values.get(name));
  if (table === undefined || key === undefined) {
    throw invalid(`${place}: migrate:data needs a table and a key`, 'write table=trades key=id');
  }
  if (batch !== undefined && !/^[1-9]\d{0,8}$/.test(batch)) {
    throw invalid(`${place}: ${JSON.stringify(batch)} is no number of rows`, 'write it like batch=5000');
  }
  return { table, key, batch: batch === undefined ? undefined : Number(batch) };
}

/** Without both bounds each batch would run over the whole table. */
function requireBounds({ tokens }: SqlStatement, place: string): void {
  const first = changing.some((word) => isKeyword(tokens[0], word)) || isKeyword(tokens[0], 'WITH');
  if (!first) throw invalid(`${place}: migrate:data needs an INSERT, UPDATE or DELETE below it`, 'write one statement');
  const variables = new Set(tokens.filter((token) => token.kind === 'variable').map((token) => token.text));
  for (const name of ['@after', '@upto']) {
    if (!variables.delete(name)) {
      throw invalid(`${place}: the statement does not use ${name}`, 'limit it like: WHERE id > @after AND id <= @upto');
    }
  }
  const [other] = variables;
  if (other !== undefined) throw invalid(`${place}: nothing gives ${other} a value`, 'only @after and @upto have one');
}

import type { RecordValue } from '../file-format/record.ts';
import { PageSource } from './page-source.ts';
import { readSchema, readTable } from './schema-pages.ts';
import type { HealthTarget } from './target.ts';

/**
 * Rows of a small ordinary table by column name, read from its pages. Undefined when there is no such table. Integers
 * that a number can hold exactly are numbers. A column without a stored value (added later) is null.
 */
export function readRowsOf(target: HealthTarget, table: string): Readonly<Record<string, unknown>>[] | undefined {
  const source = new PageSource(target);
  const entry = readSchema(source, target.usableSize).entries.find(
    ({ type, name }) => type === 'table' && name.toLowerCase() === table.toLowerCase(),
  );
  if (entry === undefined) return undefined;
  const columns = columnsOf(entry.sql);
  return readTable(source, entry.rootPage, target.usableSize).rows.map((values) =>
    Object.fromEntries(columns.map((column, index) => [column, plain(values[index])])),
  );
}

function plain(value: RecordValue | undefined): unknown {
  if (typeof value !== 'bigint') return value ?? null;
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

const constraintWords = /^(constraint|primary|unique|check|foreign)$/i;

/** Names of the columns of a CREATE TABLE, in order. */
export function columnsOf(sql: string): string[] {
  const tokens =
    sql.match(/--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|\w+|[^\s\w]/g) ?? [];
  const names: string[] = [];
  let depth = 0;
  let atStart = false;
  for (const token of tokens.filter((text) => !/^(--|\/\*)/.test(text))) {
    if (token === '(') atStart = ++depth === 1;
    else if (token === ')') {
      if (--depth === 0) break;
    } else if (token === ',' && depth === 1) atStart = true;
    else if (atStart) {
      atStart = false;
      if (constraintWords.test(token)) break;
      names.push(unquoted(token));
    }
  }
  return names;
}

function unquoted(token: string): string {
  const quote = token[0];
  if (quote === '[') return token.slice(1, -1);
  if (quote !== '"' && quote !== '`' && quote !== "'") return token;
  return token.slice(1, -1).replaceAll(quote + quote, quote);
}

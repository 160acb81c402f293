import { TradedbError } from '../../error.ts';
import { type SqlStatement, splitStatements } from '../../schema/statement-split.ts';
import type { SqlParameters } from '../../sqlite/statement.ts';
import { engineFromJson } from './capture-log.ts';
import { decodeParameters, parseJson } from './parameter-value.ts';
import type { WorkloadBuilder } from './workload-builder.ts';

interface Directives {
  name?: string;
  weight?: number;
  readonly sets: { values: SqlParameters; executions: number }[];
  readonly pragmas: string[];
}

/** Adds the statements of an annotated SQL file. A directive is a comment such as `-- @weight 120` before its statement. */
export function readSqlFile(text: string, path: string, builder: WorkloadBuilder): void {
  const { statements, trailing } = splitStatements(text);
  for (const statement of statements) {
    const directives = readDirectives(statement.leading, firstLine(statement), path, builder);
    const sets = directives.sets.length === 0 ? [{ values: [], executions: 1 }] : directives.sets;
    builder.add({
      sql: statement.text,
      tokens: statement.tokens,
      name: directives.name,
      weight: directives.weight ?? 1,
      sets,
      pragmas: directives.pragmas,
    });
  }
  readDirectives(trailing, text.split('\n').length - trailing.split('\n').length + 1, path, builder);
}

function firstLine(statement: SqlStatement): number {
  return statement.line - (statement.leading.split('\n').length - 1);
}

function readDirectives(comments: string, firstLineNumber: number, path: string, builder: WorkloadBuilder): Directives {
  const found: Directives = { sets: [], pragmas: [] };
  for (const [offset, line] of comments.split('\n').entries()) {
    const match = /^\s*--\s*@(\w+)\s*(.*?)\s*$/.exec(line);
    if (match === null) continue;
    const [, word = '', value = ''] = match;
    try {
      applyDirective(word, value, found, builder);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new TradedbError('usage', `${path}:${firstLineNumber + offset}: @${word}: ${why}`, {
        hint: 'directives are @name, @weight, @params, @pragma, and for the file @period and @engine',
        cause: error,
      });
    }
  }
  return found;
}

function applyDirective(word: string, value: string, found: Directives, builder: WorkloadBuilder): void {
  switch (word) {
    case 'name':
      found.name = required(value);
      return;
    case 'weight':
      found.weight = positive(value);
      return;
    case 'params':
      found.sets.push(parseParameters(value));
      return;
    case 'pragma':
      found.pragmas.push(parsePragma(value));
      return;
    case 'period':
      builder.period = required(value);
      return;
    case 'engine':
      builder.engine = engineFromJson(parseJson(value));
      return;
    default:
      throw new TradedbError('usage', 'unknown directive');
  }
}

/** Settings of a connection that change how a statement runs and nothing that stays. */
const knownPragmas = new Set(
  'automatic_index,cache_size,case_sensitive_like,foreign_keys,mmap_size,recursive_triggers,reverse_unordered_selects,temp_store,threads'.split(
    ',',
  ),
);

function parsePragma(text: string): string {
  const match = /^(\w+)\s*=\s*(-?\w+)$/.exec(text);
  const name = match?.[1]?.toLowerCase() ?? '';
  if (match === null || !knownPragmas.has(name)) {
    throw new TradedbError('usage', `expected name=value with one of ${[...knownPragmas].join(', ')}`);
  }
  return `${name}=${match[2]}`;
}

/** `[1,"a"]` or `{"id":1}`, with an optional ` x40` for the number of executions. */
function parseParameters(text: string): { values: SqlParameters; executions: number } {
  const count = /\sx(\d+)$/.exec(text);
  const json = count === null ? text : text.slice(0, count.index);
  return { values: decodeParameters(parseJson(json)), executions: count === null ? 1 : positive(count[1] ?? '') };
}

function required(text: string): string {
  if (text === '') throw new TradedbError('usage', 'a value is missing');
  return text;
}

function positive(text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (text === '' || !Number.isFinite(value) || value <= 0)
    throw new TradedbError('usage', 'expected a number above 0');
  return value;
}

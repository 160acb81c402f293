import { TradedbError } from '../../error.ts';
import { readColumns, type SchemaObject } from '../../schema/introspect.ts';
import { foldName } from '../../schema/normalise.ts';
import { isKeyword, nameOf } from '../../schema/sql-lexer.ts';
import { splitStatements } from '../../schema/statement-split.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';

/** Views and triggers that do not compile, by `type name`, with SQLite's words. */
export type BrokenObjects = ReadonlyMap<string, string>;

/** Compiles every view, and for every trigger the statement that would fire it; runs nothing. */
export function findBroken(connection: Connection, objects: readonly SchemaObject[]): BrokenObjects {
  const broken = new Map<string, string>();
  const compiled = new Map<string, string | undefined>();
  const compile = (sql: string): string | undefined => {
    if (!compiled.has(sql)) compiled.set(sql, compileError(connection, sql));
    return compiled.get(sql);
  };
  for (const object of objects) {
    if (object.type === 'view') {
      const error = compile(`SELECT * FROM ${quoteIdentifier(object.name)}`);
      if (error !== undefined) broken.set(`view ${object.name}`, error);
    } else if (object.type === 'trigger') {
      const error = triggerError(connection, object, compile);
      if (error !== undefined) broken.set(`trigger ${object.name}`, error);
    }
  }
  return broken;
}

function triggerError(
  connection: Connection,
  trigger: SchemaObject,
  compile: (sql: string) => string | undefined,
): string | undefined {
  const { event, columns } = triggerHeader(trigger.sql);
  const table = quoteIdentifier(trigger.table);
  if (event === 'insert') return compile(`INSERT INTO ${table} DEFAULT VALUES`);
  if (event === 'delete') return compile(`DELETE FROM ${table} WHERE 1`);
  const present = readColumns(connection, trigger.table).filter(
    (column) => column.generated === 'no' && !column.hidden,
  );
  const names = new Set(present.map((column) => foldName(column.name)));
  const gone = columns.find((column) => !names.has(foldName(column)));
  if (gone !== undefined) return `it waits for updates of ${gone}, which ${trigger.table} no longer has`;
  const assignments = present.map((column) => `${quoteIdentifier(column.name)} = ${quoteIdentifier(column.name)}`);
  return assignments.length === 0 ? undefined : compile(`UPDATE ${table} SET ${assignments.join(', ')}`);
}

/** Event and `OF` columns from the head of a CREATE TRIGGER. */
function triggerHeader(sql: string): { event: 'insert' | 'update' | 'delete'; columns: string[] } {
  const tokens = splitStatements(sql).statements[0]?.tokens ?? [];
  const on = tokens.findIndex((token, index) => index > 2 && isKeyword(token, 'ON'));
  const head = tokens.slice(2, on);
  if (head.some((token, index) => index > 0 && isKeyword(token, 'INSERT'))) return { event: 'insert', columns: [] };
  if (head.some((token, index) => index > 0 && isKeyword(token, 'DELETE'))) return { event: 'delete', columns: [] };
  // The OF of INSTEAD OF stands before UPDATE.
  const of = head.findIndex((token, index) => isKeyword(token, 'OF') && isKeyword(head[index - 1], 'UPDATE'));
  const columns = of < 0 ? [] : head.slice(of + 1).flatMap((token) => nameOf(token) ?? []);
  return { event: 'update', columns };
}

function compileError(connection: Connection, sql: string): string | undefined {
  try {
    connection.prepare(sql);
    return undefined;
  } catch (error) {
    if (error instanceof TradedbError && error.code === 'sql_error') return error.message;
    throw error;
  }
}

import { readColumns } from '../../schema/introspect.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { Laboratory } from './laboratory.ts';
import { readTableText, withOption } from './table-form.ts';

/** A table whose values all have the declared types already: STRICT would keep it so. */
export interface StrictAdvice {
  readonly table: string;
  readonly sql: string;
}

/** What STRICT accepts for a declared type, as a condition that no value may fulfil. */
const violations: Readonly<Record<string, (column: string) => string>> = {
  INT: (column) => `typeof(${column}) NOT IN ('integer', 'null')`,
  INTEGER: (column) => `typeof(${column}) NOT IN ('integer', 'null')`,
  REAL: (column) => `typeof(${column}) NOT IN ('real', 'integer', 'null')`,
  TEXT: (column) => `typeof(${column}) NOT IN ('text', 'null')`,
  BLOB: (column) => `typeof(${column}) NOT IN ('blob', 'null')`,
  ANY: () => 'FALSE',
};
const capMs = 5000;

/** Tables of the workload that could be STRICT as they are; every row is looked at, in the child. */
export async function adviseStrict(laboratory: Laboratory, deadline: number): Promise<StrictAdvice[]> {
  const { copy, client, study } = laboratory;
  const used = new Set(study.queries.flatMap(({ use }) => [...use.tables]));
  const found: StrictAdvice[] = [];
  for (const { name, sql } of looseTables(copy)) {
    const condition = used.has(name) ? conditionOf(copy, name) : undefined;
    const text = readTableText(sql);
    if (condition === undefined || text === undefined || laboratory.now() > deadline) continue;
    const query = `SELECT 1 FROM ${quoteIdentifier(name)} WHERE ${condition} LIMIT 1`;
    const wrong = await client.digest({ sql: query, values: [], pragmas: [], hidden: [] }, capMs);
    if (wrong?.rows === 0) found.push({ table: name, sql: withOption(text, name, 'STRICT') });
  }
  return found;
}

function looseTables(copy: Connection): { name: string; sql: string }[] {
  return copy.all(
    `SELECT t.name AS name, s.sql AS sql FROM pragma_table_list t JOIN sqlite_schema s ON s.type = 'table' AND s.name = t.name
     WHERE t.schema = 'main' AND t.type = 'table' AND t.strict = 0 AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`,
  );
}

/** Undefined when a declared type is none that STRICT knows. */
function conditionOf(copy: Connection, table: string): string | undefined {
  const parts: string[] = [];
  for (const column of readColumns(copy, table)) {
    const violation = violations[column.type.toUpperCase()];
    if (violation === undefined) return undefined;
    parts.push(violation(quoteIdentifier(column.name)));
  }
  return parts.length === 0 ? undefined : parts.join(' OR ');
}

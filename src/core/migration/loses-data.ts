import { listTables } from '../schema/introspect.ts';
import { foldName } from '../schema/normalise.ts';
import type { Connection } from '../sqlite/connection.ts';
import { quoteIdentifier } from '../sqlite/quote-identifier.ts';
import type { Section } from './migration.ts';
import { isDestructive } from './statement.ts';

/**
 * Whether the sections drop or overwrite rows that are there now. Empty tables hold nothing to lose; what a program
 * does is not known before, so it counts as soon as there is any row.
 */
export function losesData(connection: Connection, sections: readonly Section[]): boolean {
  const tables = new Map(
    listTables(connection)
      .filter((table) => table.kind === 'table' || table.kind === 'virtual')
      .map((table) => [foldName(table.name), table.name]),
  );
  const hasRows = (name: string): boolean => {
    const table = tables.get(foldName(name));
    return table !== undefined && connection.get(`SELECT 1 FROM ${quoteIdentifier(table)} LIMIT 1`) !== undefined;
  };
  return sections.some((section) =>
    section.program !== undefined
      ? [...tables.keys()].some(hasRows)
      : section.statements.some((one) => isDestructive(one) && one.target !== undefined && hasRows(one.target)),
  );
}

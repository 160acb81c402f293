import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fromFileSystem } from '../error.ts';
import { listTables, type ObjectType } from '../schema/introspect.ts';
import type { Connection } from '../sqlite/connection.ts';
import { userObjects } from './snapshot.ts';
import { diffLines, type LineChange } from './text-difference.ts';

export interface SchemaDump {
  /** SQL that makes the same schema in an empty database. */
  readonly sql: string;
  readonly sha256: string;
  readonly objectCount: number;
}

const titles: readonly (readonly [ObjectType, string])[] = [
  ['table', 'Tables'],
  ['index', 'Indexes'],
  ['view', 'Views'],
  ['trigger', 'Triggers'],
];

/**
 * The schema as text, one statement per object, in the order in which they were made within each kind: so a change
 * shows up as a small difference under version control. History and tables that virtual tables make are left out.
 */
export function dumpSchema(connection: Connection, historyTable: string): SchemaDump {
  const shadows = new Set(
    listTables(connection)
      .filter((table) => table.kind === 'shadow')
      .map((table) => table.name),
  );
  const objects = userObjects(connection, historyTable).filter((object) => !shadows.has(object.table));
  const parts = titles.flatMap(([type, title]) => {
    const statements = objects.filter((object) => object.type === type).map((object) => `${object.sql.trimEnd()};\n`);
    return statements.length === 0 ? [] : [`-- ${title}\n\n${statements.join('\n')}`];
  });
  const sql = parts.join('\n');
  return { sql, sha256: hash('sha256', sql, 'hex'), objectCount: objects.length };
}

export interface DumpComparison {
  readonly file: string;
  readonly equal: boolean;
  /** Empty when equal. */
  readonly lines: readonly LineChange[];
}

/** Compares a dump with a file; line ends do not matter. */
export function compareDump(dump: SchemaDump, path: string): DumpComparison {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').replaceAll('\r\n', '\n');
  } catch (error) {
    throw fromFileSystem(error, path);
  }
  const equal = text.trimEnd() === dump.sql.trimEnd();
  return { file: path, equal, lines: equal ? [] : diffLines(text, dump.sql) };
}

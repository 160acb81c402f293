import { readObjects, type SchemaObject } from '../../schema/introspect.ts';
import { foldName } from '../../schema/normalise.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteText } from '../../sqlite/quote-identifier.ts';
import type { Statement } from '../statement.ts';

export interface ObjectRecord {
  readonly objects: readonly SchemaObject[];
  /** Largest id ever given per AUTOINCREMENT table, by folded name. */
  readonly sequences: ReadonlyMap<string, number>;
}

export function recordObjects(connection: Connection): ObjectRecord {
  const objects = readObjects(connection);
  const sequences = new Map<string, number>();
  if (connection.get(`SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence'`) !== undefined) {
    for (const row of connection.all<{ name: string; seq: number }>('SELECT name, seq FROM main.sqlite_sequence')) {
      sequences.set(foldName(row.name), row.seq);
    }
  }
  return { objects, sequences };
}

export interface LostObject {
  readonly reason: string;
  readonly hint: string;
}

/**
 * Indexes and triggers that are gone although their table is still there and nobody dropped them by name, and
 * AUTOINCREMENT counters that went back: what a table rebuild forgets.
 */
export function lostObjects(before: ObjectRecord, after: ObjectRecord, statements: readonly Statement[]): LostObject[] {
  const now = new Set(after.objects.map((object) => foldName(object.name)));
  const dropped = new Set(
    statements
      .filter((statement) => statement.kind.startsWith('drop_'))
      .map((statement) => `${statement.kind} ${foldName(statement.target ?? '')}`),
  );
  const lost: LostObject[] = [];
  for (const object of before.objects) {
    if (object.type !== 'index' && object.type !== 'trigger') continue;
    if (now.has(foldName(object.name)) || !now.has(foldName(object.table))) continue;
    if (dropped.has(`drop_${object.type} ${foldName(object.name)}`)) continue;
    lost.push({
      reason: `would lose ${object.type} ${object.name} on ${object.table}`,
      hint: `create the ${object.type} again after the rebuild, or drop it by name`,
    });
  }
  return [...lost, ...lostSequences(before, after, statements)];
}

function lostSequences(before: ObjectRecord, after: ObjectRecord, statements: readonly Statement[]): LostObject[] {
  if (statements.some((statement) => statement.names.has('sqlite_sequence') && statement.kind !== 'select')) return [];
  const lost: LostObject[] = [];
  for (const object of after.objects) {
    if (object.type !== 'table' || !/\bautoincrement\b/i.test(object.sql)) continue;
    const old = before.sequences.get(foldName(object.name));
    const current = after.sequences.get(foldName(object.name)) ?? 0;
    if (old === undefined || current >= old) continue;
    lost.push({
      reason: `would set the AUTOINCREMENT counter of ${object.name} back from ${old} to ${current}, so that ids are given twice`,
      hint: `after the rebuild: DELETE FROM sqlite_sequence WHERE name = ${quoteText(object.name)}; INSERT INTO sqlite_sequence VALUES(${quoteText(object.name)}, ${old});`,
    });
  }
  return lost;
}

import { listTables, readColumns, readForeignKeys, readReferences, sameName } from '../../schema/introspect.ts';
import type { Connection } from '../../sqlite/connection.ts';
import type { DataDirective } from '../data-directive.ts';
import { failureAt, type Place } from '../failure.ts';
import type { Statement } from '../statement.ts';

interface Wanted {
  readonly statement: Statement;
  readonly directive: DataDirective;
  readonly place: Place;
  /** The author said foreign-keys=on. */
  readonly foreignKeys: boolean;
}

const rowidNames = ['rowid', '_rowid_', 'oid'];

/** Whether the table can be walked along the key, and the statement may run with foreign keys on. Gives its exact name. */
export function requireFit(connection: Connection, { statement, directive, place, foreignKeys }: Wanted): string {
  const table = listTables(connection).find((one) => sameName(one.name, directive.table));
  if (table?.kind !== 'table') {
    throw failureAt(place, `migrate:data names ${directive.table}, which is no table`, { hint: 'correct the name' });
  }
  requireKey(connection, { ...table, key: directive.key, place });
  if (!foreignKeys) requireNoCascade(connection, statement, place);
  return table.name;
}

function requireKey(
  connection: Connection,
  { name, withoutRowid, key, place }: { name: string; withoutRowid: boolean; key: string; place: Place },
): void {
  const column = readColumns(connection, name).find((one) => sameName(one.name, key));
  if (column === undefined && (withoutRowid || !rowidNames.includes(key.toLowerCase()))) {
    throw failureAt(place, `migrate:data names the key ${key}, which ${name} does not have`, {
      hint: 'correct the name',
    });
  }
  if (column === undefined || column.keyPosition === 1) return;
  const leading = connection.get(
    `SELECT 1 FROM pragma_index_list(?, 'main') l, pragma_index_info(l.name, 'main') c
     WHERE l.partial = 0 AND c.seqno = 0 AND c.name = ? COLLATE NOCASE`,
    [name, column.name],
  );
  if (leading !== undefined) return;
  throw failureAt(place, `no index of ${name} begins with ${key}: every batch would read the whole table`, {
    hint: 'take the primary key, or create an index on it first',
  });
}

/** Batches run with foreign keys on; what that would delete or change elsewhere must be wanted. */
function requireNoCascade(connection: Connection, statement: Statement, place: Place): void {
  const { target } = statement;
  if (target === undefined) return;
  const removes = statement.kind === 'delete' || (statement.kind === 'insert' && statement.names.has('replace'));
  for (const { child, parent } of readReferences(connection)) {
    if (!sameName(parent, target)) continue;
    const harmful = readForeignKeys(connection, child).find(
      (key) => sameName(key.parent, target) && isAction(removes ? key.onDelete : key.onUpdate),
    );
    if (harmful === undefined) continue;
    const action = removes ? `ON DELETE ${harmful.onDelete}` : `ON UPDATE ${harmful.onUpdate}`;
    throw failureAt(place, `would change rows of ${child} too (${action})`, {
      hint: 'say that this is wanted with foreign-keys=on behind migrate:up',
    });
  }
}

function isAction(action: string): boolean {
  return action !== 'NO ACTION' && action !== 'RESTRICT';
}

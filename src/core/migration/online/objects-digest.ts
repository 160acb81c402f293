import { hash } from 'node:crypto';
import { readObjects, sameName } from '../../schema/introspect.ts';
import type { Connection } from '../../sqlite/connection.ts';

/** Digest of the table and of what stands on it, our own triggers left out. */
export function objectsDigest(connection: Connection, table: string): string {
  const objects = readObjects(connection)
    .filter((object) => sameName(object.table, table) && !object.name.startsWith('_tradedb_'))
    .map(({ type, name, sql }) => [type, name, sql]);
  return hash('sha256', JSON.stringify(objects), 'hex');
}

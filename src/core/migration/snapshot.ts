import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { schemaDigest } from '../schema/digest.ts';
import { readObjects, type SchemaObject, sameName } from '../schema/introspect.ts';
import type { Connection } from '../sqlite/connection.ts';

export interface SchemaSnapshot {
  readonly digest: string;
  readonly blob: Uint8Array;
}

/** The objects that belong to the user: neither the history nor our own working tables. */
export function userObjects(connection: Connection, historyTable: string): SchemaObject[] {
  return userObjectsOf(readObjects(connection), historyTable);
}

/** The same of objects that were read in another way. */
export function userObjectsOf(objects: readonly SchemaObject[], historyTable: string): SchemaObject[] {
  return objects.filter(
    (object) =>
      !sameName(object.table, historyTable) &&
      !object.name.startsWith('_tradedb_') &&
      !object.table.startsWith('_tradedb_'),
  );
}

/** What drift and status compare with later. */
export function takeSnapshot(connection: Connection, historyTable: string): SchemaSnapshot {
  const objects = userObjects(connection, historyTable);
  return { digest: schemaDigest(objects), blob: zstdCompressSync(Buffer.from(JSON.stringify(objects))) };
}

export function openSnapshot(blob: Uint8Array): SchemaObject[] {
  return JSON.parse(snapshotText(blob)) as SchemaObject[];
}

/** As `takeSnapshot` wrote it: equal texts are equal schemas. */
export function snapshotText(blob: Uint8Array): string {
  return zstdDecompressSync(blob).toString('utf8');
}

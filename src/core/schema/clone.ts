import { type Connection, type ConnectionPorts, openMemory } from '../sqlite/connection.ts';
import { listTables, type ObjectType, readObjects, type SchemaObject } from './introspect.ts';

export interface SchemaClone {
  /** A private database in memory with the same objects and no rows; the caller closes it. */
  readonly connection: Connection;
  /** Objects that this build of SQLite cannot make again, such as tables of an unknown virtual table module. */
  readonly skipped: readonly { readonly object: SchemaObject; readonly reason: string }[];
}

const replayOrder: readonly ObjectType[] = ['table', 'index', 'view', 'trigger'];

/** Replays the schema of a database into memory. Reads nothing but the schema, so its cost does not grow with the rows. */
export function cloneSchema(source: Connection, ports: ConnectionPorts): SchemaClone {
  const shadows = new Set(
    listTables(source)
      .filter((table) => table.kind === 'shadow')
      .map((table) => table.name),
  );
  const objects = readObjects(source).filter((object) => !shadows.has(object.table));
  const connection = openMemory(ports);
  connection.exec(`PRAGMA encoding = '${String(source.pragmaValue('encoding'))}'`);
  return { connection, skipped: replayObjects(connection, objects) };
}

/** Makes the objects in an empty database: tables before what stands on them. Returns those that could not be made. */
export function replayObjects(connection: Connection, objects: readonly SchemaObject[]): SchemaClone['skipped'] {
  const skipped: { object: SchemaObject; reason: string }[] = [];
  connection.exec('PRAGMA foreign_keys = OFF; BEGIN');
  for (const type of replayOrder) {
    for (const object of objects) {
      if (object.type !== type) continue;
      try {
        connection.exec(object.sql);
      } catch (error) {
        skipped.push({ object, reason: error instanceof Error ? error.message : String(error) });
      }
    }
  }
  connection.exec('COMMIT');
  return skipped;
}

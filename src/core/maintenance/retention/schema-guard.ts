import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';

/** Inside a transaction: throws when the schema is not the one that the work was planned by. */
export function requireSchema(connection: Connection, schemaVersion: number): void {
  if (Number(connection.pragmaValue('schema_version')) === schemaVersion) return;
  throw new TradedbError('database_locked', `the schema of ${JSON.stringify(connection.path)} was changed meanwhile`, {
    hint: 'run it again; nothing was deleted after the change',
  });
}

import { cloneSchema } from '../../schema/clone.ts';
import type { Connection, ConnectionPorts } from '../../sqlite/connection.ts';
import { copyStatistics } from './copied-statistics.ts';

/**
 * The schema of a database in memory, without rows but with its statistics: it plans like the real one, and an index
 * can be tried on it for nothing. The caller closes it.
 */
export function createShadow(
  source: Connection,
  ports: ConnectionPorts,
  options: { readonly stat4: boolean } = { stat4: true },
): Connection {
  const { connection } = cloneSchema(source, ports);
  connection.pragma('foreign_keys = ON');
  copyStatistics(source, connection, options);
  return connection;
}

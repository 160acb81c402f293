import { existsSync } from 'node:fs';
import { TradedbError } from '../error.ts';
import { type Connection, openReadOnly, openReadWrite } from '../sqlite/connection.ts';
import type { ConnectionSettings } from '../sqlite/connection-settings.ts';
import { normalProfile } from '../sqlite/pragma-profile.ts';

/**
 * A connection for a dry run. A read-only one leaves `-wal` and `-shm` beside a closed database, because only a
 * connection that may write removes them; so there a writable one is used. The caller must only ask questions
 * (query_only cannot hold it to that: it refuses PRAGMA optimize even where that only lists).
 */
export function openWithoutTrace(database: string, settings: ConnectionSettings): Connection {
  const inUse = ['-wal', '-shm', '-journal'].some((suffix) => existsSync(`${database}${suffix}`));
  if (inUse) return openReadOnly(database, settings);
  try {
    return openReadWrite(database, { ...normalProfile, foreignKeys: false }, settings);
  } catch (error) {
    if (error instanceof TradedbError && (error.code === 'read_only' || error.code === 'permission_denied')) {
      return openReadOnly(database, settings);
    }
    throw error;
  }
}

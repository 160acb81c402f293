import { type Connection, type ConnectionPorts, openReadOnly } from '../connection.ts';
import type { ReaderSettings } from './protocol.ts';

/** The connection of one background reader. */
export function openReader(settings: ReaderSettings, ports: ConnectionPorts): Connection {
  const { path, busyTimeoutMs, statementCacheSize } = settings;
  return openReadOnly(path, { ...ports, busyTimeoutMs, statementCacheSize }, settings);
}

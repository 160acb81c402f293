import type { Connection } from './connection.ts';
import { rawHandle } from './raw-handle.ts';

/**
 * Runs `fn` while rows of sqlite_schema can be changed, and locks the schema again whatever happens. For the last step
 * of an online table change and for disposable copies alone: a wrong row makes the file unreadable. `fn` bumps
 * schema_version itself, so that other connections notice.
 */
export function withWritableSchema<T>(connection: Connection, fn: () => T): T {
  const raw = rawHandle(connection);
  raw.unsafeMode(true);
  try {
    connection.pragma('writable_schema = 1');
    return fn();
  } finally {
    try {
      connection.pragma('writable_schema = 0');
    } finally {
      raw.unsafeMode(false);
    }
  }
}

import { Connection, type ConnectionSettings } from './connection.ts';
import { openRaw } from './driver.ts';
import { translateError } from './translate-error.ts';

export interface ExclusiveHold {
  /** Keeps the connection, and with it the lock, from being collected. */
  readonly connection: Connection;
  /** The WAL was copied into the database file and is empty. */
  readonly checkpointed: boolean;
}

/**
 * Takes the database for this process alone, in any journal mode; `database_locked` when somebody else has it open.
 * Meant for a child process that is killed afterwards: a connection that closes would delete the `-wal` by its name,
 * which may be another database's by then.
 */
export function holdExclusively(
  path: string,
  settings: ConnectionSettings & { readonly checkpoint: boolean },
): ExclusiveHold {
  try {
    const raw = openRaw(path, { fileMustExist: true, timeout: 0 });
    const connection = new Connection(raw, path, false, settings);
    // Before the first access: only then does SQLite lock the file itself instead of sharing the wal-index.
    connection.pragma('locking_mode = EXCLUSIVE');
    connection.exec('BEGIN EXCLUSIVE; COMMIT');
    let checkpointed = false;
    if (settings.checkpoint) {
      const [row] = connection.pragma('wal_checkpoint(TRUNCATE)');
      checkpointed = Number(row?.busy) === 0;
    }
    connection.exec('BEGIN EXCLUSIVE');
    return { connection, checkpointed };
  } catch (error) {
    throw translateError(error, path);
  }
}

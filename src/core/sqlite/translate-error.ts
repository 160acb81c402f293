import Database from 'better-sqlite3';
import { type ErrorCode, TradedbError } from '../error.ts';

/** True for the errors after which waiting and trying again makes sense. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error);
  return code?.startsWith('SQLITE_BUSY') === true || code === 'SQLITE_LOCKED_SHAREDCACHE';
}

/** The extended result code of SQLite, such as `SQLITE_CONSTRAINT_UNIQUE`, or undefined for other errors. */
export function sqliteCode(error: unknown): string | undefined {
  if (error instanceof Database.SqliteError) return error.code;
  if (error instanceof TradedbError && typeof error.details?.sqliteCode === 'string') {
    return error.details.sqliteCode;
  }
  return undefined;
}

/** Turns an SqliteError into a TradedbError that names the database; every other error is returned unchanged. */
export function translateError(error: unknown, path: string): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const { code } = error;
  const about = JSON.stringify(path);
  const make = (kind: ErrorCode, message: string, hint?: string): TradedbError =>
    new TradedbError(kind, message, {
      ...(hint === undefined ? {} : { hint }),
      details: { sqliteCode: code, path },
      cause: error,
    });

  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return make(
      'database_locked',
      `database ${about} is locked by another process`,
      'try again, or raise database.busyTimeout',
    );
  }
  if (code.startsWith('SQLITE_CORRUPT')) {
    return make(
      'database_corrupt',
      `database ${about} is damaged: ${error.message}`,
      'do not write to it; see: tradedb health --full',
    );
  }
  if (code === 'SQLITE_NOTADB') {
    return make('not_a_database', `${about} is not an SQLite database (or it is encrypted)`, 'check the path');
  }
  if (code === 'SQLITE_FULL') {
    return make(
      'disk_full',
      `no space left for database ${about}`,
      'free some space on that file system and try again',
    );
  }
  if (code.startsWith('SQLITE_CONSTRAINT')) return make('constraint_violation', error.message);
  if (code.startsWith('SQLITE_READONLY')) {
    return make(
      'read_only',
      `database ${about} cannot be written: ${error.message}`,
      'check the permissions of the file and of its folder',
    );
  }
  if (code === 'SQLITE_PERM' || code === 'SQLITE_AUTH')
    return make('permission_denied', `no permission for database ${about}`);
  if (code.startsWith('SQLITE_CANTOPEN')) {
    return make(
      'io_error',
      `database ${about} cannot be opened: ${error.message}`,
      'check that the folder exists and can be written',
    );
  }
  if (code.startsWith('SQLITE_IOERR'))
    return make('io_error', `input/output error on database ${about}: ${error.message}`);
  return make('sql_error', error.message);
}

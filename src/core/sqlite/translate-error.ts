import { type ErrorCode, TradedbError } from '../error.ts';
import { isDriverError } from './driver.ts';

/** True for the errors after which waiting and trying again makes sense. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error);
  return code?.startsWith('SQLITE_BUSY') === true || code === 'SQLITE_LOCKED_SHAREDCACHE';
}

/** The extended result code of SQLite, such as `SQLITE_CONSTRAINT_UNIQUE`, or undefined for other errors. */
export function sqliteCode(error: unknown): string | undefined {
  if (isDriverError(error)) return error.code;
  if (error instanceof TradedbError && typeof error.details?.sqliteCode === 'string') {
    return error.details.sqliteCode;
  }
  return undefined;
}

/** What kind of failure it is, for a caller that decides what to do next. */
export type ErrorClass = 'retryable' | 'constraint' | 'corruption' | 'disk' | 'usage' | 'other';

/** The class of an error of this room. `retryable`: nothing was changed, and the same call may succeed later. */
export function errorClass(error: unknown): ErrorClass {
  return error instanceof TradedbError ? (classes[error.code] ?? 'other') : 'other';
}

const classes: Partial<Record<ErrorCode, ErrorClass>> = {
  database_locked: 'retryable',
  queue_full: 'retryable',
  pool_exhausted: 'retryable',
  deadline_exceeded: 'retryable',
  constraint_violation: 'constraint',
  database_corrupt: 'corruption',
  not_a_database: 'corruption',
  disk_full: 'disk',
  io_error: 'disk',
  read_only: 'usage',
  permission_denied: 'usage',
  sql_error: 'usage',
  usage: 'usage',
  async_transaction: 'usage',
  statement_busy: 'usage',
  database_closed: 'usage',
  database_not_found: 'usage',
  database_exists: 'usage',
  database_empty: 'usage',
};

/** Turns an error of the driver into a TradedbError that names the database; every other error is returned unchanged. */
export function translateError(error: unknown, path: string): unknown {
  if (!isDriverError(error)) return translateMisuse(error, path);
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

/** better-sqlite3 reports wrong use as plain TypeError and RangeError; only their text tells them apart. */
function translateMisuse(error: unknown, path: string): unknown {
  if (error instanceof TradedbError || !(error instanceof TypeError || error instanceof RangeError)) return error;
  const { message } = error;
  if (message === 'The database connection is not open') {
    return new TradedbError('database_closed', `database ${JSON.stringify(path)} is closed`, { cause: error });
  }
  if (message.endsWith('is busy executing a query')) {
    return new TradedbError('statement_busy', 'an open iterator still uses this statement or connection', {
      hint: 'read the iterator to its end, or leave its loop, before the next call',
      cause: error,
    });
  }
  if (
    /^(Too (few|many) parameter|Missing named parameter|SQLite3 can only bind|The supplied SQL|The bound |This statement|Named|You )/.test(
      message,
    )
  ) {
    return new TradedbError('sql_error', message, { cause: error });
  }
  return error;
}

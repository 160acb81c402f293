import { renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { makeFolder } from '../../make-folder.ts';
import { type Connection, createDatabase, openReadOnly, openReadWrite } from '../../sqlite/connection.ts';
import { normalProfile } from '../../sqlite/pragma-profile.ts';

const schemaVersion = 1;
const pageSizeBytes = 4096;

const schema = `
CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  database TEXT NOT NULL,
  name TEXT NOT NULL,
  UNIQUE (database, name)
) STRICT;
CREATE TABLE rollup (
  level INTEGER NOT NULL,
  series INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  bucket INTEGER NOT NULL,
  min REAL NOT NULL,
  max REAL NOT NULL,
  sum REAL NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (level, series, slot)
) STRICT, WITHOUT ROWID;
CREATE TABLE event (
  slot INTEGER PRIMARY KEY,
  number INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  database TEXT NOT NULL,
  kind TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
CREATE TABLE ring (level INTEGER PRIMARY KEY, length INTEGER NOT NULL) STRICT;
PRAGMA user_version = ${schemaVersion};
`;

export interface OpenedHistory {
  readonly connection: Connection;
  readonly inode: number;
  /** Why the history that was there could not be used; undefined when it could, or when there was none. */
  readonly lost: string | undefined;
}

/** Opens the file, or makes it. One that cannot be used is put aside under another name. Throws when nothing can be made. */
export function openHistory(path: string, maxBytes: number, context: OperationContext): OpenedHistory {
  makeFolder(dirname(path));
  let lost: string | undefined;
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0) {
    try {
      const connection = openReadWrite(path, profile, settings(context));
      const version = connection.pragmaValue('user_version');
      if (version === schemaVersion) return limited(connection, maxBytes, undefined);
      connection.close();
      lost = `it has version ${version}, this program writes ${schemaVersion}`;
    } catch (error) {
      if (!isUnusable(error)) throw error;
      lost = error.message;
    }
    putAside(path);
  }
  const connection = createDatabase(path, profile, settings(context));
  connection.exec(schema);
  return limited(connection, maxBytes, lost);
}

/** For looking only, beside the service that writes it; undefined when there is none. */
export function openHistoryForReading(path: string, context: OperationContext): Connection | undefined {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0) return undefined;
  try {
    const connection = openReadOnly(path, settings(context));
    if (connection.pragmaValue('user_version') === schemaVersion) return connection;
    connection.close();
    return undefined;
  } catch (error) {
    if (isUnusable(error)) return undefined;
    throw error;
  }
}

/** A WAL of a history is small; a page more or less of the file does not matter, a full disk does. */
const profile = { ...normalProfile, walAutocheckpointPages: 1000, cacheSizeBytes: 4 * 1024 * 1024, pageSizeBytes };

function settings(context: OperationContext) {
  return { clock: context.clock, random: context.random, busyTimeoutMs: 1000 };
}

function limited(connection: Connection, maxBytes: number, lost: string | undefined): OpenedHistory {
  connection.pragma(`max_page_count = ${Math.max(64, Math.floor(maxBytes / pageSizeBytes))}`);
  return { connection, inode: statSync(connection.path).ino, lost };
}

function isUnusable(error: unknown): error is TradedbError {
  return error instanceof TradedbError && ['not_a_database', 'database_corrupt', 'sql_error'].includes(error.code);
}

/** One damaged file is kept for whoever wants to look; an older one gives way. */
function putAside(path: string): void {
  renameSync(path, `${path}.unusable`);
  for (const side of ['-wal', '-shm']) rmSync(`${path}${side}`, { force: true });
}

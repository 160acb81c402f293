import { basename } from 'node:path';
import { TradedbError } from '../error.ts';
import { LiveReader } from '../file-access/live-reader.ts';
import type { DatabaseHeader } from '../file-format/database-header.ts';
import { openReadOnly } from '../sqlite/connection.ts';
import type { ConnectionSettings } from '../sqlite/connection-settings.ts';
import { type DatabaseSpace, readSpace } from './space.ts';

/**
 * The space of a database, without leaving a trace. Where a WAL and its index are there already, SQLite is asked.
 * Otherwise even a read-only connection would leave a new `-shm` behind, so the header is read as bytes by a child.
 */
export async function inspectSpace(
  database: string,
  settings: ConnectionSettings & { readonly signal?: AbortSignal },
): Promise<DatabaseSpace> {
  const reader = new LiveReader(database, settings);
  try {
    const files = await reader.identities();
    if (files.wal !== null && files.shm !== null) return askSqlite(database, settings);
    const header = await reader.header();
    if (header === null) {
      throw new TradedbError(
        'not_a_database',
        `${JSON.stringify(database)} is not an SQLite database (or it is encrypted)`,
        {
          hint: `check the path; the file ${JSON.stringify(basename(database))} does not begin like one`,
        },
      );
    }
    // Left by a crash: what the WAL holds counts, although nobody has rebuilt its index yet.
    const scan = files.wal === null ? null : await reader.wal();
    const sizeBytes = files.database?.sizeBytes ?? 0;
    return fromHeader(header, sizeBytes, scan?.lastCommit?.pagesAfterCommit);
  } finally {
    await reader.close();
  }
}

function askSqlite(database: string, settings: ConnectionSettings): DatabaseSpace {
  const connection = openReadOnly(database, settings);
  try {
    return readSpace(connection);
  } finally {
    connection.close();
  }
}

function fromHeader(header: DatabaseHeader, sizeBytes: number, walPages: number | undefined): DatabaseSpace {
  const byHeader = header.pageCountValid ? header.pageCount : Math.floor(sizeBytes / header.pageSizeBytes);
  return {
    sizeBytes,
    pageSizeBytes: header.pageSizeBytes,
    pageCount: walPages ?? byHeader,
    freePages: header.freelistPages,
    autoVacuum: header.largestRootPage === 0 ? 'none' : header.incrementalVacuum ? 'incremental' : 'full',
    journalMode: header.readVersion === 2 ? 'wal' : 'delete',
  };
}

import type { Clock, Random } from '../../context.ts';
import { retryWhileBusy } from '../../sqlite/busy-retry.ts';
import { type Connection, openReadOnly } from '../../sqlite/connection.ts';

/**
 * A read transaction that holds one committed state of the database still: checkpoints stop at it, and what it needs
 * from the WAL is not overwritten. The connection is read-only, because a read-write one that closes last would delete
 * the WAL.
 */
export interface Pin {
  readonly connection: Connection;
  readonly sqliteVersion: string;
  release(): void;
}

export function pin(path: string, ports: { clock: Clock; random: Random }, busyTimeoutMs: number): Pin {
  const connection = openReadOnly(path, { ...ports, busyTimeoutMs });
  try {
    const sqliteVersion = connection.sqliteVersion;
    retryWhileBusy(
      () => {
        if (!connection.inTransaction) connection.run('BEGIN');
        connection.value('SELECT count(*) FROM sqlite_schema');
      },
      { ...ports, deadlineMs: busyTimeoutMs, path },
    );
    return {
      connection,
      sqliteVersion,
      release() {
        if (!connection.isOpen) return;
        if (connection.inTransaction) connection.run('COMMIT');
        connection.close();
      },
    };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** The newest link of an audit log, and its first one, by which it is recognised. Hashes in hexadecimal. */
export interface AuditHead {
  readonly seq: number;
  readonly hash: string;
  readonly chainStart: string;
}

/** Looks for an audit log in the pinned state; the room that knows audit logs is not known here. */
export type ReadAuditHead = (connection: Connection) => AuditHead | undefined;

export interface PinnedFacts {
  readonly userVersion: number;
  readonly applicationId: number;
  readonly schemaCookie: number;
  readonly sqliteVersion: string;
  readonly audit?: AuditHead;
}

/** What the manifest says of the pinned state. */
export function factsOf({ connection, sqliteVersion }: Pin, readAuditHead?: ReadAuditHead): PinnedFacts {
  const audit = readAuditHead?.(connection);
  const number = (name: string): number => Number(connection.pragmaValue(name) ?? 0);
  return {
    userVersion: number('user_version'),
    applicationId: number('application_id'),
    schemaCookie: number('schema_version'),
    sqliteVersion,
    ...(audit === undefined ? {} : { audit }),
  };
}

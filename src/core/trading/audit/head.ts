import type { Connection } from '../../sqlite/connection.ts';

/** The newest link of a log as text, and its first one, by which the log is recognised. Hashes in hexadecimal. */
export interface AuditHeadFacts {
  readonly seq: number;
  readonly hash: string;
  /** Hash of row 1. */
  readonly chainStart: string;
}

const columns = ['seq', 'ts_us', 'actor', 'action', 'entity', 'entity_id', 'payload', 'prev_hash', 'hash'];

/** True when there is an audit log of the reference schema; a table that only has its name is none. */
export function hasAuditLog(connection: Connection): boolean {
  const found = connection
    .all<{ name: string }>("SELECT name FROM pragma_table_info('audit_log')")
    .map(({ name }) => name);
  return columns.every((name) => found.includes(name));
}

/** The head as it stands there, without a proof; undefined when there is no log, or nothing in it yet. */
export function auditHead(connection: Connection): AuditHeadFacts | undefined {
  if (!hasAuditLog(connection)) return undefined;
  const last = connection.get<{ seq: number; hash: string }>(
    'SELECT seq, lower(hex(hash)) AS hash FROM audit_log ORDER BY seq DESC LIMIT 1',
  );
  if (last === undefined || last.hash.length !== 64) return undefined;
  return { ...last, chainStart: hashAt(connection, 1) ?? '' };
}

/** The stored hash of a row; undefined when there is no such row. */
export function hashAt(connection: Connection, seq: number): string | undefined {
  const found = connection.value('SELECT lower(hex(hash)) FROM audit_log WHERE seq = ?', [seq]);
  return typeof found === 'string' ? found : undefined;
}

import type { Connection } from '../../src/core/sqlite/connection.ts';
import { createDatabase } from '../../src/core/sqlite/connection.ts';
import { normalProfile } from '../../src/core/sqlite/pragma-profile.ts';
import { type AuditHead, auditHash, auditStart } from '../../src/core/trading/audit/chain.ts';
import { applyReferenceSchema } from '../../src/core/trading/reference-schema.ts';
import { testPorts } from './context.ts';

export interface AuditEntry {
  readonly actor?: string;
  readonly entityId?: string;
  readonly payload?: string;
}

/** Appends rows to the log as the store does, a minute apart. */
export function appendAudit(connection: Connection, entries: readonly AuditEntry[]): void {
  connection.tx(() => {
    let head =
      connection.get<AuditHead>('SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1') ??
      (auditStart as AuditHead);
    for (const { actor = 'engine', entityId = '1', payload = '{}' } of entries) {
      const seq = head.seq + 1;
      const tsUs = 1_700_000_000_000_000 + seq * 60_000_000;
      const hash = auditHash(head.hash, { seq, tsUs, actor, action: 'place', entity: 'order', entityId, payload });
      const row = [seq, tsUs, actor, 'place', 'order', entityId, payload, head.hash, hash] as const;
      connection.run('INSERT INTO audit_log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', row);
      head = { seq, hash };
    }
  });
}

export function rowsOfAudit(count: number, from = 1): AuditEntry[] {
  return Array.from({ length: count }, (_, index) => ({
    entityId: String(from + index),
    payload: JSON.stringify({ after: { status: 'NEW', note: 'x'.repeat((from + index) % 50) } }),
  }));
}

/** A database file of the trading schema whose log has so many rows. */
export function createAuditedDatabase(path: string, rows: number): void {
  const connection = createDatabase(path, normalProfile, testPorts);
  try {
    applyReferenceSchema(connection);
    appendAudit(connection, rowsOfAudit(rows));
  } finally {
    connection.close();
  }
}

export const dropAuditTriggers = 'DROP TRIGGER audit_next; DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete;';

/** Writes the log anew from a row on, with other content and right hashes, as somebody with the program could. */
export function rewriteAudit(connection: Connection, from: number, count: number): void {
  connection.exec(`DELETE FROM audit_log WHERE seq >= ${from}`);
  appendAudit(
    connection,
    rowsOfAudit(count).map((entry) => ({ ...entry, actor: 'somebody else' })),
  );
}

import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';

/**
 * The hash chain of audit_log: hash = SHA-256(previous hash, then the UTF-8 of the JSON array
 * [seq, ts_us, actor, action, entity, entity_id, payload]). It shows edits, removals and insertions. It does not show a
 * rewrite of the whole table unless the head was noted outside the database, and it is no write-once storage.
 */
export interface AuditRow {
  readonly seq: number;
  readonly tsUs: number;
  readonly actor: string;
  readonly action: string;
  readonly entity: string;
  readonly entityId: string;
  /** The stored JSON text. */
  readonly payload: string;
}

export interface AuditHead {
  readonly seq: number;
  readonly hash: Uint8Array;
}

/** What stands before the first row. */
export const auditStart: AuditHead = { seq: 0, hash: new Uint8Array(32) };

let scratch = Buffer.allocUnsafe(4096);

export function auditHash(previous: Uint8Array, row: AuditRow): Uint8Array {
  const text = JSON.stringify([row.seq, row.tsUs, row.actor, row.action, row.entity, row.entityId, row.payload]);
  // Three bytes at most for each UTF-16 unit of the text.
  const room = previous.length + text.length * 3;
  if (scratch.length < room) scratch = Buffer.allocUnsafe(room);
  scratch.set(previous, 0);
  const end = previous.length + scratch.write(text, previous.length, 'utf8');
  // One call instead of create, update, digest: a third of the time, and every write of the store pays it.
  return hash('sha256', scratch.subarray(0, end), 'buffer');
}

export type AuditValue = null | number | bigint | string | boolean | AuditFields;
export interface AuditFields {
  readonly [name: string]: AuditValue;
}

/** JSON with sorted keys and without spaces; integers beyond 2^53 become text. */
export function auditPayload(value: AuditValue): string {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? value.toString() : `"${value}"`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const parts = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${auditPayload(value[name] ?? null)}`);
  return `{${parts.join(',')}}`;
}

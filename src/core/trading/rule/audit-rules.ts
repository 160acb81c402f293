import type { Connection } from '../../sqlite/connection.ts';
import { auditHash, auditStart } from '../audit-chain.ts';
import type { Offender, Rule } from './rule.ts';

interface Link {
  readonly seq: number;
  readonly tsUs: number;
  readonly actor: string;
  readonly action: string;
  readonly entity: string;
  readonly entityId: string;
  readonly payload: string;
  readonly prev_hash: Uint8Array;
  readonly hash: Uint8Array;
}

const same = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0;

/** Walks the chain and names the links that do not fit; stops at the first, because nothing after it is proven. */
function* brokenLinks(connection: Connection): Generator<Offender> {
  let seq = auditStart.seq;
  let hash = auditStart.hash;
  const rows = connection.iterate<Link>(
    `SELECT seq, ts_us AS tsUs, actor, action, entity, entity_id AS entityId, payload, prev_hash, hash
     FROM audit_log ORDER BY seq`,
  );
  for (const row of rows) {
    if (row.seq !== seq + 1) {
      yield { subject: `audit row ${seq + 1} is missing` };
      return;
    }
    if (!same(row.prev_hash, hash)) {
      yield { subject: `audit row ${row.seq} does not follow row ${seq}` };
      return;
    }
    if (!same(row.hash, auditHash(hash, row))) {
      yield { subject: `audit row ${row.seq} was changed` };
      return;
    }
    seq = row.seq;
    hash = row.hash;
  }
}

export const auditRules: readonly Rule[] = [
  {
    id: 'I28',
    tier: 'deep',
    severity: 'critical',
    sentence: 'the audit chain is whole',
    tables: ['audit_log'],
    after: [],
    sql: '',
    inspect: brokenLinks,
  },
];

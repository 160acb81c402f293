import type { Connection } from '../../sqlite/connection.ts';
import { auditHash, auditStart } from '../audit-chain.ts';
import type { Offender, Rule } from './rule.ts';

type Row = readonly [
  seq: number,
  tsUs: number,
  actor: string,
  action: string,
  entity: string,
  entityId: string,
  payload: string,
  hash: Uint8Array,
];

const batchRows = 2000;

/** The first row whose predecessor's hash is not the stored one; SQLite compares, so that no blob is copied out for it. */
function firstLoose(connection: Connection): number {
  const seq = connection.value(
    `SELECT a.seq FROM audit_log a LEFT JOIN audit_log p ON p.seq = a.seq - 1
     WHERE a.prev_hash IS NOT coalesce(p.hash, zeroblob(32)) ORDER BY a.seq LIMIT 1`,
  );
  return typeof seq === 'number' ? seq : Number.POSITIVE_INFINITY;
}

/** Walks the chain and names the first link that does not fit: nothing after it is proven. */
function* brokenLinks(connection: Connection): Generator<Offender> {
  const loose = firstLoose(connection);
  let { seq, hash } = auditStart;
  const next = connection
    .prepare(
      `SELECT seq, ts_us, actor, action, entity, entity_id, payload, hash FROM audit_log
       WHERE seq > ? ORDER BY seq LIMIT ${batchRows}`,
    )
    .asArrays();
  for (let rows = next.all<Row>([0]); rows.length > 0; rows = next.all<Row>([seq])) {
    for (const [number, tsUs, actor, action, entity, entityId, payload, stored] of rows) {
      const problem =
        number !== seq + 1
          ? `audit row ${seq + 1} is missing`
          : number === loose
            ? `audit row ${number} does not follow row ${seq}`
            : Buffer.compare(
                  stored,
                  auditHash(hash, { seq: number, tsUs, actor, action, entity, entityId, payload }),
                ) === 0
              ? undefined
              : `audit row ${number} was changed`;
      if (problem !== undefined) {
        yield { subject: problem };
        return;
      }
      seq = number;
      hash = stored;
    }
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

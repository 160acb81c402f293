import { type AuditFields, type AuditHead, auditHash, auditPayload, auditStart } from '../audit/chain.ts';
import type { SampleBatch } from './row-sink.ts';

/** The audit chain of the sample market: one row for each thing that the store would have recorded. */
export class SampleAudit {
  #head: AuditHead = auditStart;

  record(
    batch: SampleBatch,
    entry: { tsUs: number; action: string; entity: string; entityId: number },
    payload: AuditFields,
  ): void {
    const row = {
      seq: this.#head.seq + 1,
      tsUs: entry.tsUs,
      actor: 'sample',
      action: entry.action,
      entity: entry.entity,
      entityId: String(entry.entityId),
      payload: auditPayload(payload),
    };
    const hash = auditHash(this.#head.hash, row);
    batch.audit_log.push([
      row.seq,
      row.tsUs,
      row.actor,
      row.action,
      row.entity,
      row.entityId,
      row.payload,
      this.#head.hash,
      hash,
    ]);
    this.#head = { seq: row.seq, hash };
  }
}

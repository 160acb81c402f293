import { hash } from 'node:crypto';
import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import type { SqlValue, Statement } from '../../sqlite/statement.ts';
import { type AuditHead, auditStart } from './chain.ts';

/** The first place at which the chain does not fit; nothing from there on is proven. */
export interface BrokenLink {
  readonly seq: number;
  /** `loose`: it names another predecessor than the row before it. */
  readonly kind: 'missing' | 'extra' | 'loose' | 'changed';
  readonly message: string;
}

export interface AuditWalk {
  /** Rows that were read and proven. */
  readonly rows: number;
  /** The last link that is proven; where the walk began when there was none. */
  readonly head: AuditHead;
  readonly broken: BrokenLink | undefined;
}

export interface WalkRange {
  /** Link behind which the walk begins, taken as proven; the beginning of the log by default. */
  readonly after?: AuditHead;
  /** Last row to look at; all by default. */
  readonly through?: number;
}

const hashBytes = 32;
const mostRows = 1000;
const fewRows = 32;
/** Texts of a batch together: large payloads make for small batches. */
const batchBytes = 1024 * 1024;

/** SQLite's JSON is that of `auditHash`, byte for byte, and needs no value of the row to become a JavaScript one. */
const text = 'json_array(seq, ts_us, actor, action, entity, entity_id, payload)';
const rowsBehind = 'FROM audit_log WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?';

type Batch = readonly [rows: number, first: number, last: number, inputs: Buffer | null, own: Buffer | null];
type Single = readonly [seq: number, text: Buffer | string | null, prev: SqlValue, own: SqlValue];

/**
 * Walks the chain, a batch at a time, and ends at the first link that does not fit. Each batch is a snapshot of its own:
 * rows that are appended meanwhile do no harm, and no reader holds back a checkpoint. Yields the rows of each batch.
 */
export function* walkAudit(connection: Connection, range: WalkRange = {}): Generator<number, AuditWalk> {
  const walk = new Walk(connection, range);
  let rows = 0;
  for (;;) {
    const proven = walk.batch();
    rows += proven;
    if (walk.broken !== undefined || proven === 0) break;
    yield proven;
  }
  return { rows, head: walk.head, broken: walk.broken };
}

/** The whole walk at once. */
export function walkWholeAudit(connection: Connection, range: WalkRange = {}): AuditWalk {
  const steps = walkAudit(connection, range);
  for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return step.value;
}

class Walk {
  head: AuditHead;
  broken: BrokenLink | undefined;
  readonly #through: bigint;
  /** Undefined where text is not UTF-8: its bytes cannot be taken as they are. */
  readonly #batch: Statement | undefined;
  readonly #single: Statement;
  #limit = fewRows;

  constructor(connection: Connection, { after, through }: WalkRange) {
    this.head = after ?? auditStart;
    this.#through = through === undefined ? 2n ** 63n - 1n : BigInt(through);
    const isUtf8 = connection.pragmaValue('encoding') === 'UTF-8';
    // Hashes have 32 bytes and JSON has no line break of its own: so the parts can be told apart again.
    if (isUtf8) {
      this.#batch = connection
        .prepare(
          `SELECT count(*), min(seq), max(seq), CAST(group_concat(prev_hash || ${text}, char(10)) AS BLOB),
             CAST(group_concat(hash, '') AS BLOB)
           FROM (SELECT * ${rowsBehind})`,
        )
        .asArrays();
    }
    const noJson = "'blob' IN (typeof(actor), typeof(action), typeof(entity), typeof(entity_id), typeof(payload))";
    const bytes = isUtf8 ? `CAST(${text} AS BLOB)` : text;
    this.#single = connection
      .prepare(`SELECT seq, iif(${noJson}, NULL, ${bytes}), prev_hash, hash ${rowsBehind}`)
      .asArrays();
  }

  /** Proves some more rows and says how many; 0 at the end, and where the chain breaks at once. */
  batch(): number {
    const read = this.#read();
    if (read?.[0] === 0) return 0;
    return read !== undefined && this.#fits(read) ? read[0] : this.#oneByOne();
  }

  /** Undefined when the rows cannot be put together: what is wrong shows in the single rows. */
  #read(): Batch | undefined {
    try {
      const read = this.#batch?.get<Batch>(this.#place());
      const bytes = read?.[3]?.length ?? 0;
      if (bytes > 0) this.#limit = Math.max(1, Math.min(mostRows, Math.floor((batchBytes * (read?.[0] ?? 1)) / bytes)));
      return read;
    } catch (error) {
      if (error instanceof TradedbError && error.code === 'database_corrupt') throw error;
      this.#limit = 1;
      return undefined;
    }
  }

  #place(): readonly SqlValue[] {
    // Rows numbered below 1 would otherwise hide before the first one.
    const after = this.head.seq === 0 ? -(2n ** 63n) : BigInt(this.head.seq);
    return [after, this.#through, BigInt(this.#limit)];
  }

  #fits([rows, first, last, inputs, own]: Batch): boolean {
    if (first !== this.head.seq + 1 || last - first + 1 !== rows) return false;
    if (inputs === null || own?.length !== hashBytes * rows) return false;
    if (inputs.compare(this.head.hash, 0, hashBytes, 0, hashBytes) !== 0) return false;
    let at = 0;
    for (let row = 0; row < rows; row += 1) {
      const before = hashBytes * (row - 1);
      if (row > 0 && own.compare(inputs, at, at + hashBytes, before, before + hashBytes) !== 0) return false;
      const end = inputs.indexOf(10, at + hashBytes);
      const stop = end === -1 ? inputs.length : end;
      const right = hash('sha256', inputs.subarray(at, stop), 'buffer');
      if (own.compare(right, 0, hashBytes, before + hashBytes, before + 2 * hashBytes) !== 0) return false;
      at = stop + 1;
    }
    this.head = { seq: last, hash: Uint8Array.from(own.subarray(-hashBytes)) };
    return true;
  }

  #oneByOne(): number {
    let proven = 0;
    for (const [seq, value, prev, own] of this.#single.iterate<Single>(this.#place())) {
      this.broken = this.#fault(seq, value, prev, own);
      if (this.broken !== undefined) return proven;
      this.head = { seq, hash: own as Uint8Array };
      proven += 1;
    }
    return proven;
  }

  #fault(seq: number, value: Single[1], prev: SqlValue, own: SqlValue): BrokenLink | undefined {
    const expected = this.head.seq + 1;
    if (seq < expected) return { seq, kind: 'extra', message: `audit row ${seq} stands before the first row` };
    if (seq > expected) return { seq: expected, kind: 'missing', message: `audit row ${expected} is missing` };
    if (!(prev instanceof Uint8Array) || Buffer.compare(prev, this.head.hash) !== 0) {
      const after = seq === 1 ? 'is not the beginning of a chain' : `does not follow row ${seq - 1}`;
      return { seq, kind: 'loose', message: `audit row ${seq} ${after}` };
    }
    if (value !== null && own instanceof Uint8Array) {
      const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
      if (hash('sha256', Buffer.concat([prev, bytes]), 'buffer').equals(own)) return undefined;
    }
    return { seq, kind: 'changed', message: `audit row ${seq} was changed` };
  }
}

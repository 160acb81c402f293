import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { type AuditFields, type AuditHead, auditHash, auditPayload, auditStart } from '../audit/chain.ts';
import { type Instrument, instrumentById } from '../instrument.ts';
import { microseconds } from '../time.ts';
import { CommittedCache } from './committed-cache.ts';
import { type OrderRow, orderColumns } from './order-row.ts';
import { Outbox } from './outbox.ts';
import type { StoreEvent } from './types.ts';

export interface StoreOptions {
  /** Who writes, in the audit log. */
  readonly actor?: string;
  /** Off: no audit rows, and therefore no subscriptions. */
  readonly audit?: boolean;
  /** How long after the end of an order a fill of before may still arrive. */
  readonly fillToleranceUs?: number;
  /** Microseconds; the connection's clock by default. A simulated market gives its own time. */
  readonly nowUs?: () => number;
  readonly onListenerError?: (error: unknown) => void;
}

interface Pending {
  readonly event: StoreEvent;
  readonly hash: Uint8Array | undefined;
}

/** What all operations of the order store share: the connection, the time, the audit chain, the events. */
export class StoreSession {
  readonly connection: Connection;
  readonly outbox: Outbox;
  readonly auditEnabled: boolean;
  readonly fillToleranceUs: number;
  /** Ids of ledger accounts by account, asset and kind. */
  readonly ledgerAccounts = new CommittedCache<number>();
  readonly #actor: string;
  readonly #nowUs: () => number;
  #pending: Pending[] = [];
  /** Events of calls inside a transaction of the caller, whose end nobody tells us. */
  #unsettled: Pending[] = [];
  #inside = false;

  constructor(connection: Connection, options: StoreOptions) {
    this.connection = connection;
    this.auditEnabled = options.audit ?? true;
    this.fillToleranceUs = options.fillToleranceUs ?? 1_000_000;
    this.#actor = options.actor ?? 'engine';
    this.#nowUs = options.nowUs ?? (() => microseconds(connection.ports.clock.wallTime()));
    this.outbox = new Outbox(options.onListenerError ?? (() => {}));
  }

  nowUs(): number {
    return this.#nowUs();
  }

  /** One transaction. Events are delivered after the outermost COMMIT; a rollback drops them. */
  write<T>(fn: () => T): T {
    if (this.connection.inTransaction) return this.#writeInside(fn);
    this.settle();
    const result = this.connection.tx(() => {
      this.#pending = [];
      this.#inside = true;
      this.ledgerAccounts.startTransaction();
      try {
        return fn();
      } finally {
        this.#inside = false;
      }
    });
    const events = this.#pending.map((pending) => pending.event);
    this.#pending = [];
    this.outbox.deliver(events);
    return result;
  }

  #writeInside<T>(fn: () => T): T {
    if (!this.#inside) return this.#writeInsideForeign(fn);
    const mark = this.#pending.length;
    try {
      return this.connection.tx(fn);
    } catch (error) {
      this.#pending.length = mark;
      throw error;
    }
  }

  #writeInsideForeign<T>(fn: () => T): T {
    this.#pending = [];
    this.#inside = true;
    this.ledgerAccounts.forgetUntilCommit();
    try {
      const result = this.connection.tx(fn);
      if (this.#unsettled.length === 0 && this.#pending.length > 0)
        this.connection.ports.clock.defer(() => this.settle());
      this.#unsettled.push(...this.#pending);
      return result;
    } finally {
      this.#inside = false;
      this.#pending = [];
    }
  }

  /** Delivers what a transaction of the caller has committed: the audit row with its hash is there, or it is not. */
  settle(): void {
    if (this.#unsettled.length === 0 || !this.connection.isOpen) return;
    if (this.connection.inTransaction) {
      this.connection.ports.clock.after(1, () => this.settle());
      return;
    }
    const candidates = this.#unsettled;
    this.#unsettled = [];
    const committed = candidates.filter(({ event, hash }) => {
      const stored = this.connection.value('SELECT hash FROM audit_log WHERE seq = ?', [event.auditSeq ?? 0]);
      return stored instanceof Uint8Array && hash !== undefined && Buffer.from(hash).equals(stored);
    });
    this.outbox.deliver(committed.map(({ event }) => event));
  }

  order(orderId: number): OrderRow {
    const row = this.connection.get<OrderRow>(`SELECT ${orderColumns} FROM orders WHERE order_id = ?`, [orderId]);
    if (row === undefined) throw new TradedbError('order_not_found', `there is no order ${orderId}`);
    return row;
  }

  instrument(instrumentId: number): Instrument {
    return instrumentById(this.connection, instrumentId);
  }

  /** Appends one audit row and keeps the event until the commit. */
  record(
    entry: { readonly entity: string; readonly entityId: number; readonly payload: AuditFields },
    event: Omit<StoreEvent, 'auditSeq'>,
  ): void {
    if (!this.auditEnabled) return;
    const head =
      this.connection.get<AuditHead>('SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1') ?? auditStart;
    const row = {
      seq: head.seq + 1,
      tsUs: this.nowUs(),
      actor: this.#actor,
      action: event.action,
      entity: entry.entity,
      entityId: String(entry.entityId),
      payload: auditPayload(entry.payload),
    };
    const hash = auditHash(head.hash, row);
    this.connection.run('INSERT INTO audit_log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', [
      row.seq,
      row.tsUs,
      row.actor,
      row.action,
      row.entity,
      row.entityId,
      row.payload,
      head.hash,
      hash,
    ]);
    if (this.outbox.hasListeners) this.#pending.push({ event: { ...event, auditSeq: row.seq }, hash });
  }
}

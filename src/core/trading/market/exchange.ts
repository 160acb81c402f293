import type { AuditFields } from '../audit/chain.ts';
import type { InstrumentData } from '../instrument.ts';
import type { OrderStatus } from '../order-state.ts';
import { fillEffect } from '../store/fill.ts';
import { type Fee, fundingLines, transferLines } from '../store/ledger-lines.ts';
import type { Sign } from '../units.ts';
import type { Outcome } from './order-flow.ts';
import { emptyBatch, type SampleBatch } from './row-sink.ts';
import { SampleAudit } from './sample-audit.ts';
import { SampleLedger } from './sample-ledger.ts';
import { addEvent, orderRow, reportDelayUs, type SampleOrder } from './sample-order.ts';

const feeBasisPoints = 2;

export interface NewSampleOrder {
  readonly accountId: number;
  readonly instrument: InstrumentData;
  readonly strategyId: number;
  readonly side: Sign;
  readonly price: number;
  readonly qty: number;
  readonly atUs: number;
  readonly outcome: Outcome;
}

/**
 * The sample market's books: does what the order store does, with the store's own arithmetic, but keeps state in memory
 * and gives out rows. Orders that have ended leave it, so it stays small however many there are.
 */
export class SampleExchange {
  readonly #ledger = new SampleLedger();
  readonly #audit = new SampleAudit();
  #batch: SampleBatch = emptyBatch();
  #orders = 0;
  #fills = 0;
  #fundings = 0;
  #ended: SampleOrder[] = [];

  get ledger(): SampleLedger {
    return this.#ledger;
  }

  get batch(): SampleBatch {
    return this.#batch;
  }

  get orders(): number {
    return this.#orders;
  }

  get fills(): number {
    return this.#fills;
  }

  /** Orders whose rows wait in the batch. */
  get waiting(): number {
    return this.#ended.length;
  }

  /** Hands the batch over and starts a new one. */
  takeBatch(): SampleBatch {
    const batch = this.#batch;
    // In the order of their keys, so that the tables grow at their end.
    for (const order of this.#ended.sort((left, right) => left.order_id - right.order_id)) {
      batch.orders.push(orderRow(order));
      for (const event of order.events) batch.order_events.push(event);
    }
    this.#batch = emptyBatch();
    this.#ended = [];
    return batch;
  }

  open(accountId: number, assetId: number, amount: bigint, atUs: number): void {
    const entry = { atUs, kind: 'opening', fillId: null, fundingId: null, accountId };
    this.#ledger.post(this.#batch, entry, transferLines(assetId, amount));
  }

  place(spec: NewSampleOrder, replaces: number | null): SampleOrder {
    this.#orders += 1;
    const order: SampleOrder = {
      order_id: this.#orders,
      accountId: spec.accountId,
      instrument: spec.instrument,
      strategyId: spec.strategyId,
      replaces,
      side: spec.side,
      price: spec.price,
      qty: spec.qty,
      createdUs: spec.atUs,
      outcome: spec.outcome,
      status: 'PENDING_NEW',
      filled_qty: 0,
      filled_notional: 0,
      isAcknowledged: replaces !== null,
      lastUs: spec.atUs,
      events: [],
    };
    const first = replaces === null ? 'PENDING_NEW' : 'NEW';
    addEvent(order, first, first, spec.atUs);
    this.#record(order, 'place', {
      after: {
        client_order_id: `s-${order.order_id}`,
        price: order.price,
        qty: order.qty,
        replaces_order_id: replaces,
        side: order.side,
        status: first,
        type: 'limit',
      },
    });
    return order;
  }

  acknowledge(order: SampleOrder, atUs: number): void {
    order.isAcknowledged = true;
    this.#move(order, 'acknowledge', ['NEW', 'NEW'], atUs);
  }

  requestCancel(order: SampleOrder, atUs: number): void {
    this.#move(order, 'request-cancel', ['PENDING_CANCEL', 'PENDING_CANCEL'], atUs);
  }

  end(order: SampleOrder, status: 'CANCELED' | 'REJECTED' | 'EXPIRED' | 'REPLACED', atUs: number): void {
    const actions = { CANCELED: 'cancel', REJECTED: 'reject', EXPIRED: 'expire', REPLACED: 'replace' } as const;
    this.#move(order, actions[status], [status, status], atUs);
    this.#retire(order);
  }

  /** Books a fill as the store would; an order that is complete then leaves. */
  fill(order: SampleOrder, execution: { price: number; qty: number; atUs: number; isMaker: boolean }): void {
    const { price, qty, atUs } = execution;
    const { instrument, accountId } = order;
    const key = { accountId, instrumentId: instrument.instrumentId };
    const quick = (price * qty * instrument.contractSize) / 10 ** (instrument.contractScale + instrument.qtyScale);
    const fee: Fee = {
      assetId: instrument.quoteAssetId,
      amount: BigInt(Math.floor((quick * feeBasisPoints) / 10_000)),
    };
    const before = this.#ledger.position(accountId, instrument.instrumentId);
    const effect = fillEffect(order, { price, qty, fee }, instrument, before);
    if (effect === undefined) return;
    this.#fills += 1;
    const fillId = this.#fills;
    const previous = { filled_notional: order.filled_notional, filled_qty: order.filled_qty, status: order.status };
    order.filled_qty = effect.filledQty;
    order.filled_notional = effect.filledNotional;
    addEvent(order, 'TRADE', effect.status, atUs);
    this.#batch.fills.push([
      fillId,
      order.order_id,
      accountId,
      instrument.instrumentId,
      `T${fillId}`,
      order.side,
      price,
      qty,
      effect.notional,
      effect.realized,
      fee.amount,
      fee.assetId,
      execution.isMaker ? 'M' : 'T',
      atUs,
      atUs + reportDelayUs,
      0,
      0,
    ]);
    this.#ledger.setPosition(key, effect.position, { fillId, atUs });
    this.#ledger.post(this.#batch, { atUs, kind: 'fill', fillId, fundingId: null, accountId }, effect.lines);
    this.#record(order, 'fill', {
      before: previous,
      after: { filled_notional: order.filled_notional, filled_qty: order.filled_qty, status: order.status },
      fill: { fill_id: fillId, price, qty, venue_trade_id: `T${fillId}` },
      position: { ...effect.position },
    });
    if (order.status === 'FILLED') this.#retire(order);
  }

  /** Funding on every open margin position, one payment each. */
  fund(margin: ReadonlyMap<number, InstrumentData>, atUs: number, rateE9: number): void {
    for (const { accountId, instrumentId, units } of this.#ledger.openPositions()) {
      const instrument = margin.get(instrumentId);
      const amount = (-units.cost * BigInt(rateE9)) / 1_000_000_000n;
      if (instrument === undefined || amount === 0n) continue;
      this.#fundings += 1;
      const fundingId = this.#fundings;
      const assetId = instrument.quoteAssetId;
      this.#batch.funding_payments.push([fundingId, accountId, instrumentId, atUs, rateE9, amount, assetId]);
      const entry = { atUs, kind: 'funding', fillId: null, fundingId, accountId };
      this.#ledger.post(this.#batch, entry, fundingLines(assetId, amount));
    }
  }

  #move(
    order: SampleOrder,
    action: string,
    [exec, to]: readonly [Parameters<typeof addEvent>[1], OrderStatus],
    atUs: number,
  ): void {
    const before = order.status;
    addEvent(order, exec, to, atUs);
    this.#record(order, action, { before: { status: before }, after: { status: to } });
  }

  #record(order: SampleOrder, action: string, payload: AuditFields): void {
    const entry = { tsUs: order.lastUs + reportDelayUs, action, entity: 'order', entityId: order.order_id };
    this.#audit.record(this.#batch, entry, payload);
  }

  #retire(order: SampleOrder): void {
    this.#ended.push(order);
  }
}

import { TradedbError } from '../../error.ts';
import { bound } from '../bound.ts';
import { safeInteger } from '../decimal.ts';
import type { InstrumentData } from '../instrument.ts';
import type { OrderStatus } from '../order-state.ts';
import { notionalOf } from '../units.ts';
import { assetByCode, post, unitsOf } from './ledger.ts';
import { type Fee, fillLines, type Line } from './ledger-lines.ts';
import { type OrderRow, orderState } from './order-row.ts';
import { applyFill, type PositionUnits } from './position.ts';
import { readPosition, writePosition } from './position-row.ts';
import type { StoreSession } from './session.ts';
import { describeOrder, recordOrder, transition } from './transition.ts';
import type { FillResult, NewFill } from './types.ts';

export interface FillEffect {
  readonly status: OrderStatus;
  readonly filledQty: number;
  readonly filledNotional: number;
  readonly notional: number;
  readonly realized: bigint;
  readonly position: PositionUnits;
  readonly lines: readonly Line[];
}

/** Where a fill leads from each state; the others cannot be filled. */
function statusAfterFill(status: OrderStatus, isComplete: boolean): OrderStatus | undefined {
  switch (status) {
    case 'PENDING_NEW':
    case 'NEW':
    case 'PARTIALLY_FILLED':
    case 'PENDING_REPLACE':
      return isComplete ? 'FILLED' : 'PARTIALLY_FILLED';
    case 'PENDING_CANCEL':
      return isComplete ? 'FILLED' : 'PENDING_CANCEL';
    case 'CANCELED':
    case 'EXPIRED':
      return status;
    default:
      return undefined;
  }
}

/** All that follows from a fill, computed without a database: the store and the generator share it. */
export function fillEffect(
  order: Pick<OrderRow, 'side' | 'qty' | 'filled_qty' | 'filled_notional' | 'status'>,
  fill: { readonly price: number; readonly qty: number; readonly fee: Fee | undefined },
  instrument: InstrumentData,
  before: PositionUnits,
): FillEffect | undefined {
  const filledQty = order.filled_qty + fill.qty;
  const status = statusAfterFill(order.status, filledQty === order.qty);
  if (status === undefined) return undefined;
  const notional = notionalOf(fill.price, fill.qty, instrument);
  const { side } = order;
  const { position, realized } = applyFill(before, { side, qty: fill.qty, notional });
  return {
    status,
    filledQty,
    filledNotional: order.filled_notional + notional,
    notional,
    realized,
    position,
    lines: fillLines(instrument, { side, qty: fill.qty, notional, realized, fee: fill.fee }),
  };
}

interface KnownFill {
  readonly fill_id: number;
  readonly order_id: number;
  readonly side: number;
  readonly price: number;
  readonly qty: number;
  readonly notional: number;
  readonly realized: number;
  readonly busted: number;
}

/**
 * Books an execution: order, event, fill, position, journal entry, postings, balances and audit row in one
 * transaction. The same venue trade id again is told as `repeated` and writes nothing.
 */
export function fill(session: StoreSession, orderId: number, report: NewFill): FillResult {
  return session.write(() => {
    const before = session.order(orderId);
    const known = knownFill(session, before, report);
    if (known !== undefined) {
      const { fill_id: fillId, notional, realized } = known;
      return { fillId, repeated: true, order: orderState(before), notional, realized };
    }
    return bookFill(session, before, report);
  });
}

function knownFill(session: StoreSession, order: OrderRow, report: NewFill): KnownFill | undefined {
  const rows = session.connection.all<KnownFill>(
    `SELECT fill_id, order_id, side, price, qty, notional, realized, busted FROM fills
     WHERE account_id = ${bound} AND instrument_id = ${bound} AND venue_trade_id = ${bound}`,
    [order.account_id, order.instrument_id, report.venueTradeId],
  );
  const id = JSON.stringify(report.venueTradeId);
  const same = rows.find((row) => row.order_id === order.order_id);
  if (same !== undefined) {
    if (same.price === report.price && same.qty === report.quantity) return same;
    throw new TradedbError('duplicate_order', `fill ${id} is known with another price or quantity`, {
      details: { fillId: same.fill_id },
    });
  }
  // A self-trade has one id on two orders, but on opposite sides.
  const other = rows.find((row) => row.side === order.side && row.busted === 0);
  if (other === undefined) return undefined;
  throw new TradedbError('duplicate_order', `fill ${id} belongs to order ${other.order_id} already`, {
    details: { fillId: other.fill_id, orderId: other.order_id },
  });
}

function bookFill(session: StoreSession, before: OrderRow, report: NewFill): FillResult {
  const instrument = session.instrument(before.instrument_id);
  instrument.requirePrice(report.price);
  instrument.requireQuantity(report.quantity);
  const execUs = report.execUs ?? session.nowUs();
  requireFillable(session, before, { qty: report.quantity, execUs });

  const fee = feeOf(session, report);
  const position = readPosition(session, before.account_id, before.instrument_id);
  const effect = fillEffect(before, { price: report.price, qty: report.quantity, fee }, instrument.data, position);
  if (effect === undefined) throw new TradedbError('internal', `${describeOrder(before)} passed the check of states`);

  const fillId = insertFill(session, before, { report, effect, fee, execUs });
  const after = transition(session, before, instrument.data, {
    to: effect.status,
    exec: 'TRADE',
    eventUs: execUs,
    filledQty: effect.filledQty,
    filledNotional: effect.filledNotional,
  });
  writePosition(session, before, effect.position, fillId);
  post(session, { accountId: before.account_id, atUs: execUs, kind: 'fill', fillId, lines: effect.lines });
  const { price, quantity: qty, venueTradeId: venue_trade_id } = report;
  recordOrder(session, 'fill', {
    before,
    after,
    more: { fill: { fill_id: fillId, price, qty, venue_trade_id }, position: { ...effect.position } },
    event: { kind: 'fill', fillId },
  });
  return {
    fillId,
    repeated: false,
    order: orderState(after),
    notional: effect.notional,
    realized: safeInteger(effect.realized, 'realized profit'),
  };
}

/** Throws `overfill`, or `illegal_transition` for a state without fills and for a fill that came too late. */
function requireFillable(session: StoreSession, order: OrderRow, fill: { qty: number; execUs: number }): void {
  const name = describeOrder(order);
  if (statusAfterFill(order.status, false) === undefined) {
    throw new TradedbError('illegal_transition', `${name} is ${order.status} and cannot be filled`, {
      details: { from: order.status, execType: 'TRADE' },
    });
  }
  if (order.filled_qty + fill.qty > order.qty) {
    throw new TradedbError(
      'overfill',
      `${name} has ${order.qty - order.filled_qty} left and was filled with ${fill.qty}`,
      {
        details: { left: order.qty - order.filled_qty, quantity: fill.qty },
      },
    );
  }
  if (order.status !== 'CANCELED' && order.status !== 'EXPIRED') return;
  const endedUs = session.connection.value(
    "SELECT min(event_us) FROM order_events WHERE order_id = ? AND to_status IN ('CANCELED', 'EXPIRED')",
    [order.order_id],
  );
  if (fill.execUs > Number(endedUs) + session.fillToleranceUs) {
    throw new TradedbError('illegal_transition', `${name} was ${order.status} before this fill was made`, {
      hint: 'trading.fillTolerance says how late a fill may be',
      details: { from: order.status, execType: 'TRADE' },
    });
  }
}

function feeOf(session: StoreSession, report: NewFill): Fee | undefined {
  if (report.fee === undefined) return undefined;
  const asset = assetByCode(session, report.fee.asset);
  return { assetId: asset.assetId, amount: unitsOf(report.fee.amount, asset) };
}

function insertFill(
  session: StoreSession,
  order: OrderRow,
  fill: { report: NewFill; effect: FillEffect; fee: Fee | undefined; execUs: number },
): number {
  const { report, effect } = fill;
  const liquidity = report.liquidity === undefined ? null : report.liquidity === 'maker' ? 'M' : 'T';
  const { lastInsertRowid } = session.connection.run(
    `INSERT INTO fills (order_id, account_id, instrument_id, venue_trade_id, side, price, qty, notional, realized, fee,
                        fee_asset_id, liquidity, exec_us, recv_us)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      order.order_id,
      order.account_id,
      order.instrument_id,
      report.venueTradeId,
      order.side,
      report.price,
      report.quantity,
      effect.notional,
      effect.realized,
      fill.fee?.amount ?? 0,
      fill.fee?.assetId ?? null,
      liquidity,
      fill.execUs,
      session.nowUs(),
    ],
  );
  return Number(lastInsertRowid);
}

import { TradedbError } from '../../error.ts';
import type { Instrument } from '../instrument.ts';
import type { OrderStatus } from '../order-state.ts';
import type { Sign } from '../units.ts';
import { post } from './ledger.ts';
import { type Fee, fillLines, negated, realizedLines } from './ledger-lines.ts';
import type { OrderRow } from './order-row.ts';
import { applyFill, flat, type PositionUnits } from './position.ts';
import { PositionAdjustments } from './position-adjustments.ts';
import { writePosition } from './position-row.ts';
import type { StoreSession } from './session.ts';
import { describeOrder, recordOrder, transition } from './transition.ts';

interface FillRow {
  readonly fill_id: bigint;
  readonly order_id: bigint;
  readonly side: bigint;
  readonly qty: bigint;
  readonly notional: bigint;
  readonly realized: bigint;
  readonly fee: bigint;
  readonly fee_asset_id: bigint | null;
  readonly recv_us: bigint;
  readonly busted: bigint;
}

const fillColumns = 'fill_id, order_id, side, qty, notional, realized, fee, fee_asset_id, recv_us, busted';

/** Where the bust of a fill leads; FILLED never becomes NEW, and pending and suspended orders must be settled first. */
function statusAfterBust(status: OrderStatus, leftQty: number): OrderStatus | undefined {
  switch (status) {
    case 'FILLED':
      return leftQty > 0 ? 'PARTIALLY_FILLED' : 'CANCELED';
    case 'PARTIALLY_FILLED':
    case 'PENDING_REPLACE':
      return leftQty > 0 ? 'PARTIALLY_FILLED' : 'NEW';
    case 'PENDING_CANCEL':
    case 'CANCELED':
    case 'EXPIRED':
      return status;
    default:
      return undefined;
  }
}

/**
 * The venue takes a fill back. The entry is negated, later fills of the pair are booked anew, and what they realized
 * differently is adjusted.
 */
export function bust(session: StoreSession, fillId: number, reason: string): void {
  session.write(() => {
    const fill = session.connection
      .prepare(`SELECT ${fillColumns} FROM fills WHERE fill_id = ?`)
      .withBigIntegers()
      .get<FillRow>([fillId]);
    if (fill === undefined) throw new TradedbError('order_not_found', `there is no fill ${fillId}`);
    if (fill.busted === 1n) return;
    bustFill(session, fill, reason);
  });
}

function bustFill(session: StoreSession, fill: FillRow, reason: string): void {
  const fillId = Number(fill.fill_id);
  const before = session.order(Number(fill.order_id));
  const leftQty = before.filled_qty - Number(fill.qty);
  const status = statusAfterBust(before.status, leftQty);
  if (status === undefined) {
    throw new TradedbError('illegal_transition', `${describeOrder(before)} is ${before.status}: no bust applies`, {
      details: { from: before.status, execType: 'TRADE_CANCEL' },
    });
  }
  const instrument = session.instrument(before.instrument_id);
  session.connection.run('UPDATE fills SET busted = 1 WHERE fill_id = ?', [fillId]);
  const after = transition(session, before, instrument.data, {
    to: status,
    exec: 'TRADE_CANCEL',
    note: reason,
    filledQty: leftQty,
    filledNotional: before.filled_notional - Number(fill.notional),
  });
  const atUs = session.nowUs();
  const lines = negated(entryOf(fill, instrument));
  post(session, { accountId: before.account_id, atUs, kind: 'bust', fillId, note: reason, lines });
  const change = replay(session, before);
  if (instrument.data.settlement === 'margin' && change !== 0n) {
    const adjustment = realizedLines(instrument.data.quoteAssetId, change);
    const note = `replay after the bust of fill ${fillId}`;
    post(session, { accountId: before.account_id, atUs, kind: 'adjust', note, lines: adjustment });
  }
  recordOrder(session, 'bust', {
    before,
    after,
    more: { fill: { fill_id: fillId }, reason },
    event: { kind: 'bust', fillId },
  });
}

function entryOf(fill: FillRow, instrument: Instrument): ReturnType<typeof fillLines> {
  const fee: Fee | undefined =
    fill.fee_asset_id === null ? undefined : { assetId: Number(fill.fee_asset_id), amount: fill.fee };
  return fillLines(instrument.data, {
    side: Number(fill.side) as Sign,
    qty: Number(fill.qty),
    notional: Number(fill.notional),
    realized: fill.realized,
    fee,
  });
}

/** Builds the position anew from all fills that stand; returns by how much the realized profit of fills changed. */
function replay(session: StoreSession, key: OrderRow): bigint {
  const fills = session.connection
    .prepare(
      `SELECT ${fillColumns} FROM fills WHERE account_id = ? AND instrument_id = ? AND busted = 0 ORDER BY fill_id`,
    )
    .withBigIntegers()
    .all<FillRow>([key.account_id, key.instrument_id]);
  const adjustments = new PositionAdjustments(session.connection, key.account_id, key.instrument_id);

  let position: PositionUnits = flat;
  let change = 0n;
  for (const fill of fills) {
    position = adjustments.applyUntil(fill.recv_us, position);
    const step = applyFill(position, {
      side: Number(fill.side) as Sign,
      qty: Number(fill.qty),
      notional: Number(fill.notional),
    });
    position = step.position;
    if (step.realized === fill.realized) continue;
    change += step.realized - fill.realized;
    session.connection.run('UPDATE fills SET realized = ? WHERE fill_id = ?', [step.realized, fill.fill_id]);
  }
  position = adjustments.applyUntil(undefined, position);
  writePosition(session, key, position, null);
  return change;
}

import { divideHalfEven, powerOfTen } from '../decimal.ts';
import type { InstrumentData } from '../instrument.ts';
import { isLegal, isOpen, type OrderStatus } from '../order-state.ts';
import type { OrderRow } from '../store/order-row.ts';
import type { PreparedFill, PreparedOrder } from './prepared-order.ts';
import { Unfit } from './unfit.ts';

/** A fill of the order as the target has it. */
export interface StoredFill {
  readonly fill_id: number;
  readonly venue_trade_id: string;
  readonly price: number;
  readonly qty: number;
  readonly notional: number;
  readonly fee: number;
  readonly fee_asset_id: number | null;
  readonly synthetic: number;
}

/** What must be done so that the stored order says what its source says now. */
export interface OrderChange {
  readonly newFills: readonly PreparedFill[];
  /** The fee of a stored fill that the bot has corrected since. */
  readonly fee: { readonly fill: StoredFill; readonly assetId: number | null; readonly amount: number } | undefined;
  /** Status behind each new fill, and the last one. */
  readonly statuses: readonly OrderStatus[];
}

/** The difference between two states of an order, when the later one can follow from the earlier one. */
export function orderChange(
  stored: OrderRow,
  fills: readonly StoredFill[],
  now: PreparedOrder,
  accountId: number,
): OrderChange | Unfit {
  if (
    stored.side !== now.unit.side ||
    stored.instrument_id !== now.instrument.instrumentId ||
    stored.account_id !== accountId
  ) {
    return changed('another instrument, account or side');
  }
  if (!isOpen(stored.status) && (stored.qty !== now.qty || stored.price !== now.price)) {
    return changed(`a ${stored.status} order has another price or quantity`);
  }
  const isSynthetic = now.fills.some(({ part }) => part.synthetic) || fills.some(({ synthetic }) => synthetic === 1);
  const difference = isSynthetic ? syntheticDifference(fills, now) : fillDifference(fills, now);
  if (difference instanceof Unfit) return difference;
  const statuses = statusPath(stored, difference.newFills, now);
  return statuses instanceof Unfit ? statuses : { ...difference, statuses };
}

const changed = (detail: string): Unfit => new Unfit('source_changed', detail);

type Difference = Pick<OrderChange, 'newFills' | 'fee'>;

/** Fills that the source names one by one: those that are stored must be there unchanged. */
function fillDifference(stored: readonly StoredFill[], now: PreparedOrder): Difference | Unfit {
  const byTrade = new Map(stored.map((fill) => [fill.venue_trade_id, fill]));
  const newFills: PreparedFill[] = [];
  for (const fill of now.fills) {
    const known = byTrade.get(fill.part.venueTradeId);
    if (known === undefined) {
      newFills.push(fill);
      continue;
    }
    byTrade.delete(fill.part.venueTradeId);
    if (known.price !== fill.price || known.qty !== fill.qty) {
      return changed(`fill ${fill.part.venueTradeId} has another price or quantity`);
    }
  }
  const [missing] = byTrade.values();
  return missing === undefined ? { newFills, fee: undefined } : changed(`fill ${missing.venue_trade_id} is gone`);
}

/** Totals of an order: what was added since becomes one more synthetic fill. */
function syntheticDifference(stored: readonly StoredFill[], now: PreparedOrder): Difference | Unfit {
  const [total] = now.fills;
  const last = stored.at(-1);
  if (total === undefined) {
    return last === undefined ? { newFills: [], fee: undefined } : changed('its fill is gone');
  }
  if (last === undefined) return { newFills: [total], fee: undefined };
  const sum = (value: (fill: StoredFill) => number): number => stored.reduce((all, fill) => all + value(fill), 0);
  const qty = total.qty - sum((fill) => fill.qty);
  const notional = total.notional - sum((fill) => fill.notional);
  const [fee] = total.fees;
  const paid = sum((fill) => fill.fee);
  const isSameAsset = (fee?.assetId ?? null) === last.fee_asset_id || fee === undefined || paid === 0;
  if (qty === 0) {
    if (notional !== 0) return changed('the price of its fill is another one');
    if (isSameAsset && (fee?.amount ?? 0) === paid) return { newFills: [], fee: undefined };
    const others = isSameAsset ? paid - last.fee : 0;
    if (!isSameAsset && stored.length > 1) return changed('its fees are in another asset');
    return { newFills: [], fee: { fill: last, assetId: fee?.assetId ?? null, amount: (fee?.amount ?? 0) - others } };
  }
  if (qty < 0 || notional < 0) return changed('it is filled less than it was');
  if (!isSameAsset) return changed('its fees are in another asset');
  const price = Math.max(1, averagePrice(notional, qty, now.instrument));
  const added = fee === undefined ? [] : [{ assetId: fee.assetId, amount: fee.amount - paid }];
  const part = { ...total.part, venueTradeId: `${total.part.venueTradeId}.${stored.length + 1}` };
  return { newFills: [{ part, price, qty, notional, fees: added }], fee: undefined };
}

function averagePrice(notional: number, qty: number, instrument: InstrumentData): number {
  const { quoteScale, priceScale, qtyScale, contractScale, contractSize } = instrument;
  const shift = priceScale + qtyScale + contractScale - quoteScale;
  const numerator = BigInt(notional) * (shift > 0 ? powerOfTen(shift) : 1n);
  const denominator = BigInt(qty) * BigInt(contractSize) * (shift < 0 ? powerOfTen(-shift) : 1n);
  return Number(divideHalfEven(numerator, denominator));
}

function statusPath(stored: OrderRow, newFills: readonly PreparedFill[], now: PreparedOrder): OrderStatus[] | Unfit {
  const path: OrderStatus[] = [];
  let status = stored.status;
  let filled = stored.filled_qty;
  for (const { qty } of newFills) {
    filled += qty;
    const isEnded = status === 'CANCELED' || status === 'EXPIRED';
    const next = isEnded ? status : filled === now.qty && now.status === 'FILLED' ? 'FILLED' : 'PARTIALLY_FILLED';
    if (!isLegal(status, next)) return changed(`a ${status} order was filled`);
    path.push(next);
    status = next;
  }
  if (now.status !== status) {
    if (!isLegal(status, now.status) || status === 'FILLED') return changed(`it was ${status} and is ${now.status}`);
    path.push(now.status);
  }
  return path;
}

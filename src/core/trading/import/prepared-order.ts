import { TradedbError } from '../../error.ts';
import type { InstrumentData } from '../instrument.ts';
import { orderTimes } from '../mapping/source-time.ts';
import { isOpen, type OrderStatus } from '../order-state.ts';
import { baseUnitsOf, notionalOf } from '../units.ts';
import type { NumberReader } from './number-reader.ts';
import type { RawValue } from './raw-value.ts';
import type { TargetCatalog } from './target-catalog.ts';
import { Unfit } from './unfit.ts';
import type { FillPart, OrderUnit } from './unit.ts';

export interface PreparedFee {
  readonly assetId: number;
  readonly amount: number;
}

export interface PreparedFill {
  readonly part: FillPart;
  readonly price: number;
  readonly qty: number;
  readonly notional: number;
  readonly fees: readonly PreparedFee[];
}

/** An order whose numbers are integers of the target. */
export interface PreparedOrder {
  readonly unit: OrderUnit;
  readonly instrument: InstrumentData;
  readonly price: number | null;
  readonly stopPrice: number | null;
  readonly qty: number;
  readonly status: OrderStatus;
  readonly filledQty: number;
  readonly filledNotional: number;
  readonly updatedUs: number;
  readonly fills: readonly PreparedFill[];
}

/** Scales the numbers of an order and proves what the tables and the rules demand of it. */
export function prepareOrder(unit: OrderUnit, target: TargetCatalog, numbers: NumberReader): PreparedOrder | Unfit {
  const instrument = target.instrument(unit.instrument);
  const qty = amountOf(unit.qty, instrument.qtyScale, 'quantity', numbers);
  if (qty instanceof Unfit) return qty;
  const prices = pricesOf(unit, instrument, numbers);
  if (prices instanceof Unfit) return prices;
  if (!inRange(unit.createdUs)) return new Unfit('time_out_of_range', `created at ${unit.createdUs} us`);
  const fills: PreparedFill[] = [];
  let filledQty = 0;
  let filledNotional = 0;
  for (const part of unit.fills) {
    const fill = prepareFill(part, instrument, target, numbers);
    if (fill instanceof Unfit) return fill;
    filledQty += fill.qty;
    filledNotional += fill.notional;
    fills.push(fill);
  }
  if (filledQty > qty) return new Unfit('overfilled', `filled ${filledQty} of ${qty} units`);
  if (!Number.isSafeInteger(filledNotional)) return new Unfit('value_out_of_range', 'the sum of its fills');
  if (unit.status === 'REJECTED' && filledQty > 0) return new Unfit('rejected_with_fill', `filled ${filledQty} units`);
  const status = statusOf(unit.status, filledQty, qty);
  if (status === undefined) return new Unfit('status_unknown', `${unit.status}, filled ${filledQty} of ${qty} units`);
  const updatedUs = Math.max(unit.updatedUs, unit.createdUs);
  return { unit, instrument, ...prices, qty, status, filledQty, filledNotional, updatedUs, fills };
}

const inRange = (us: number): boolean => us >= orderTimes.fromUs && us <= orderTimes.toUs;

/** What a status means with this much filled; undefined when both cannot be true. */
function statusOf(status: OrderStatus, filledQty: number, qty: number): OrderStatus | undefined {
  if (status === 'FILLED') return filledQty === qty ? status : undefined;
  if (!isOpen(status) || filledQty === 0) return status === 'PARTIALLY_FILLED' ? 'NEW' : status;
  if (filledQty === qty) return 'FILLED';
  return status === 'NEW' || status === 'PENDING_NEW' ? 'PARTIALLY_FILLED' : status;
}

function amountOf(value: RawValue, scale: number, what: string, numbers: NumberReader): number | Unfit {
  if (value === null) return new Unfit('qty_zero', `no ${what}`);
  const units = numbers.read(value, scale);
  if (Number.isNaN(units)) return numbers.unfit(what, value, scale);
  if (units === 0) return new Unfit('qty_zero', `the ${what} is 0`);
  return units > 0 ? units : new Unfit('value_out_of_range', `the ${what} is ${String(value)}`);
}

type Prices = Pick<PreparedOrder, 'price' | 'stopPrice'>;

function pricesOf(unit: OrderUnit, { priceScale }: InstrumentData, numbers: NumberReader): Prices | Unfit {
  const needsPrice = unit.type === 'limit' || unit.type === 'stop_limit';
  const needsStop = unit.type === 'stop' || unit.type === 'stop_limit';
  const price = priceOf(unit.price, priceScale, { isNeeded: needsPrice, name: 'price' }, numbers);
  if (price instanceof Unfit) return price;
  const stopPrice = priceOf(unit.stopPrice, priceScale, { isNeeded: needsStop, name: 'stop price' }, numbers);
  return stopPrice instanceof Unfit ? stopPrice : { price, stopPrice };
}

function priceOf(
  value: RawValue,
  scale: number,
  { isNeeded, name }: { readonly isNeeded: boolean; readonly name: string },
  numbers: NumberReader,
): number | null | Unfit {
  if (value === null) return isNeeded ? new Unfit('price_missing', `no ${name}`) : null;
  const units = numbers.read(value, scale);
  if (Number.isNaN(units)) return numbers.unfit(name, value, scale);
  return units > 0 ? units : new Unfit('price_not_positive', `the ${name} is ${String(value)}`);
}

function prepareFill(
  part: FillPart,
  instrument: InstrumentData,
  target: TargetCatalog,
  numbers: NumberReader,
): PreparedFill | Unfit {
  const qty = amountOf(part.qty, instrument.qtyScale, 'filled quantity', numbers);
  if (qty instanceof Unfit) return qty;
  if (part.price === null) return new Unfit('price_missing', 'a fill without a price');
  const price = part.synthetic
    ? numbers.rounded(part.price, instrument.priceScale)
    : numbers.read(part.price, instrument.priceScale);
  if (Number.isNaN(price)) return numbers.unfit('price of a fill', part.price, instrument.priceScale);
  if (price <= 0) return new Unfit('price_not_positive', `the price of a fill is ${String(part.price)}`);
  if (!inRange(part.execUs)) return new Unfit('time_out_of_range', `filled at ${part.execUs} us`);
  const notional = fillNotional(part, { price, qty }, instrument, numbers);
  if (notional instanceof Unfit) return notional;
  if (notional === 0 && baseUnitsOf(qty, instrument) === 0n) {
    return new Unfit('value_out_of_range', 'a fill too small for the scales of its assets');
  }
  const fees: PreparedFee[] = [];
  for (const fee of part.fees) {
    const asset = target.asset(fee.asset);
    const amount = numbers.rounded(fee.amount, asset.scale);
    if (Number.isNaN(amount)) return numbers.unfit('fee', fee.amount, asset.scale);
    if (amount !== 0) fees.push({ assetId: asset.assetId, amount });
  }
  return { part, price, qty, notional, fees };
}

/** The source's own figure when it agrees with price x quantity, else the product. */
function fillNotional(
  part: FillPart,
  { price, qty }: { readonly price: number; readonly qty: number },
  instrument: InstrumentData,
  numbers: NumberReader,
): number | Unfit {
  let computed: number;
  try {
    computed = notionalOf(price, qty, instrument);
  } catch (error) {
    if (!(error instanceof TradedbError)) throw error;
    return new Unfit('value_out_of_range', error.message);
  }
  if (part.notional === undefined || part.notional === null) return computed;
  const given = numbers.rounded(part.notional, instrument.quoteScale);
  const { quoteScale, priceScale, qtyScale, contractSize, contractScale } = instrument;
  const halfTick = 0.5 * qty * contractSize * 10 ** (quoteScale - priceScale - qtyScale - contractScale);
  return Math.abs(given - computed) <= halfTick ? given : computed;
}

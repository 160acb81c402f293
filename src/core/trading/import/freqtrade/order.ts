import { formatDecimal } from '../../decimal.ts';
import type { OrderStatus } from '../../order-state.ts';
import { exactOf, exactScale } from '../../profile/exact.ts';
import type { OrderType } from '../../store/types.ts';
import type { Sign } from '../../units.ts';
import { attributeOf } from '../attribute.ts';
import type { RawValue } from '../raw-value.ts';
import type { Notes, SourceRow } from '../source.ts';
import { type Attributes, type FillPart, type Held, held, type OrderUnit, type RelatedRow } from '../unit.ts';
import { type FreqtradePorts, isShort, type Trade, tradeColumns } from './ports.ts';
import type { TradeOrders } from './trade-orders.ts';

/** Columns of `orders`, in the order in which the stream reads them. */
export const orderColumns = [
  'id',
  'ft_trade_id',
  'ft_order_side',
  'ft_pair',
  'ft_is_open',
  'order_id',
  'status',
  'order_type',
  'side',
  'price',
  'average',
  'amount',
  'filled',
  'cost',
  'stop_price',
  'order_date',
  'order_filled_date',
  'order_update_date',
  'ft_fee_base',
  'ft_amount',
  'ft_price',
  'ft_cancel_reason',
  'ft_order_tag',
  'symbol',
  'remaining',
  'funding_fee',
] as const;

export type OrderColumn = (typeof orderColumns)[number];
export type OrderRow = Readonly<Record<OrderColumn, RawValue>>;

/** The named columns of a row; what stands behind them are columns that a newer release brought. */
export function orderRow(row: SourceRow): OrderRow {
  const order: Record<string, RawValue> = {};
  for (let at = 0; at < orderColumns.length; at += 1) order[orderColumns[at] as string] = row[at] ?? null;
  return order as OrderRow;
}

export interface OrderPorts {
  readonly shared: FreqtradePorts;
  readonly orders: TradeOrders;
  readonly notes: Notes;
  /** Columns behind the known ones. */
  readonly unknownColumns: readonly string[];
}

/** An order of freqtrade as a unit: with one fill for what its totals say, because the bot keeps no single fills. */
export function mapOrder(row: SourceRow, ports: OrderPorts): OrderUnit | Held {
  const order = orderRow(row);
  const externalId = String(order.id);
  const { shared } = ports;
  const trade = shared.trade(order.ft_trade_id);
  if (trade === undefined) return held(externalId, 'orphan', `there is no trade ${String(order.ft_trade_id)}`);
  const related: RelatedRow[] = [{ table: 'trades', columns: tradeColumns, row: trade.values }];
  const hold = (reason: Held['reason'], detail: string): Held => held(externalId, reason, detail, related);
  if (order.ft_pair !== trade.pair) {
    return hold('wrong_parent', `the order is of ${String(order.ft_pair)}, its trade of ${String(trade.pair)}`);
  }
  const instrument = shared.instrumentOf(trade);
  if (typeof instrument === 'string') return hold(instrument, `pair ${String(trade.pair)}`);
  const side = sideOf(order, trade);
  if (side === undefined) return hold('side_unknown', `side ${String(order.side)}, ${String(order.ft_order_side)}`);
  const status = statusOf(order, ports.notes);
  if (status === undefined) return hold('status_unknown', `status ${String(order.status)}`);
  const times = timesOf(order, shared);
  if (typeof times === 'string') return hold(shared.timeFault, times);
  const entryId = ports.orders.firstEntry(trade, order.ft_trade_id);
  const fills = fillsOf(order, trade, { instrument, execUs: times.execUs, side, ports });
  const { type, price, stopPrice } = typeOf(order);
  return {
    kind: 'order',
    externalId,
    account: shared.accountOf(trade, order.order_id),
    instrument,
    strategy:
      typeof trade.strategy === 'string' ? shared.ports.catalog.strategy(trade.strategy, 'imported') : undefined,
    clientOrderId: `ft-${externalId}`,
    venueOrderId: typeof order.order_id === 'string' && order.order_id !== '' ? order.order_id : null,
    parent: entryId === undefined || entryId >= BigInt(order.id as bigint) ? undefined : String(entryId),
    side,
    type,
    tif: 'GTC',
    postOnly: false,
    reduceOnly: false,
    price,
    stopPrice,
    qty: order.amount ?? order.ft_amount,
    status,
    createdUs: times.createdUs,
    updatedUs: times.updatedUs,
    fills,
    events: undefined,
    note: typeof order.ft_cancel_reason === 'string' ? order.ft_cancel_reason : null,
    attributes: attributesOf(row, order, ports.unknownColumns),
    related,
  };
}

/** `stoploss` sells what a long trade bought, and buys back what a short one sold. */
function sideOf(order: OrderRow, trade: Trade): Sign | undefined {
  if (order.side === 'buy') return 1;
  if (order.side === 'sell') return -1;
  if (order.ft_order_side === 'buy') return 1;
  if (order.ft_order_side === 'sell') return -1;
  if (order.ft_order_side === 'stoploss') return isShort(trade) ? 1 : -1;
  return undefined;
}

const filledOf = (order: OrderRow): number => Number(order.filled ?? 0);

function statusOf(order: OrderRow, notes: Notes): OrderStatus | undefined {
  const isPart = filledOf(order) > 0;
  const amount = Number(order.amount ?? order.ft_amount ?? 0);
  const open: OrderStatus = isPart ? 'PARTIALLY_FILLED' : 'NEW';
  const ended: OrderStatus = isPart && filledOf(order) >= amount ? 'FILLED' : 'CANCELED';
  switch (typeof order.status === 'string' ? order.status.toLowerCase() : order.status) {
    case 'open':
      return open;
    case 'closed':
      if (ended === 'CANCELED') notes.add('orders closed with less filled than ordered: taken as cancelled');
      return ended;
    case 'canceled':
    case 'cancelled':
      return 'CANCELED';
    case 'expired':
      return 'EXPIRED';
    case 'rejected':
      return 'REJECTED';
    case null:
    case '':
      return Number(order.ft_is_open ?? 0) === 1 ? open : ended;
    default:
      return undefined;
  }
}

interface OrderTimes {
  readonly createdUs: number;
  readonly updatedUs: number;
  readonly execUs: number;
}

/** A missing time is told by the next best one; the column that cannot be read is named. */
function timesOf(order: OrderRow, shared: FreqtradePorts): OrderTimes | string {
  const read: Partial<Record<string, number>> = {};
  for (const column of ['order_date', 'order_filled_date', 'order_update_date'] as const) {
    const value = order[column];
    if (value === null) continue;
    const us = shared.timeOf(value);
    if (Number.isNaN(us)) return `${column} ${JSON.stringify(attributeOf(value))}`;
    read[column] = us;
  }
  const createdUs = read.order_date ?? read.order_update_date ?? read.order_filled_date;
  if (createdUs === undefined) return 'no time at all';
  const execUs = read.order_filled_date ?? read.order_update_date ?? createdUs;
  return { createdUs, execUs, updatedUs: read.order_update_date ?? execUs };
}

function typeOf(order: OrderRow): { type: OrderType; price: RawValue; stopPrice: RawValue } {
  const name = String(order.order_type ?? '').toLowerCase();
  const price = order.price ?? order.ft_price;
  if (name.includes('stop')) {
    // Before 2022.7 the trigger was kept nowhere but in the price.
    const stopPrice = order.stop_price ?? price ?? order.average;
    return price === null ? { type: 'stop', price, stopPrice } : { type: 'stop_limit', price, stopPrice };
  }
  if (name === 'market' || (name !== 'limit' && price === null))
    return { type: 'market', price: null, stopPrice: null };
  return { type: 'limit', price, stopPrice: null };
}

interface FillContext {
  readonly instrument: OrderUnit['instrument'];
  readonly execUs: number;
  readonly side: Sign;
  readonly ports: OrderPorts;
}

function fillsOf(order: OrderRow, trade: Trade, context: FillContext): FillPart[] {
  if (order.filled === null || order.filled === 0 || order.filled === 0n) return [];
  const externalId = String(order.id);
  const rate = order.average ?? order.price ?? order.ft_price;
  return [
    {
      externalId,
      venueTradeId: `ft-${externalId}`,
      price: rate,
      qty: order.filled,
      notional: order.cost ?? undefined,
      fees: feesOf(order, trade, { ...context, rate }),
      liquidity: null,
      execUs: context.execUs,
      synthetic: true,
    },
  ];
}

/** In base when the venue took it there, in a third currency when that is told for this one order, else the rate in quote. */
function feesOf(
  order: OrderRow,
  trade: Trade,
  { instrument, rate, side, ports }: FillContext & { readonly rate: RawValue },
): FillPart['fees'] {
  const inBase = exactOf(order.ft_fee_base);
  if (inBase !== undefined && inBase > 0n) return [{ asset: instrument.base, amount: order.ft_fee_base as number }];
  const isEntry = (side === -1) === isShort(trade);
  const currency = isEntry ? trade.fee_open_currency : trade.fee_close_currency;
  const cost = exactOf(isEntry ? trade.fee_open_cost : trade.fee_close_cost);
  if (
    typeof currency === 'string' &&
    cost !== undefined &&
    cost > 0n &&
    currency !== instrument.base &&
    currency !== instrument.quote &&
    ports.orders.filledOn(order.ft_trade_id, order.ft_order_side) === 1
  ) {
    return [{ asset: currency, amount: formatDecimal(cost, exactScale) }];
  }
  const share = exactOf(isEntry ? trade.fee_open : trade.fee_close);
  const filled = exactOf(order.filled);
  const price = exactOf(rate);
  if (share === undefined || filled === undefined || price === undefined || share === 0n) return [];
  return [{ asset: instrument.quote, amount: formatDecimal(share * filled * price, 3 * exactScale) }];
}

/** What has no place: the tag, the bot's own amount and price where they differ, columns of newer releases. */
function attributesOf(row: SourceRow, order: OrderRow, unknownColumns: readonly string[]): Attributes | undefined {
  const kept: Record<string, unknown> = {};
  if (order.ft_order_tag !== null) kept.ft_order_tag = attributeOf(order.ft_order_tag);
  for (const [own, plain] of [
    ['ft_amount', 'amount'],
    ['ft_price', 'price'],
  ] as const) {
    if (order[own] !== null && order[plain] !== null && order[own] !== order[plain])
      kept[own] = attributeOf(order[own]);
  }
  for (const [at, column] of unknownColumns.entries()) {
    const value = row[orderColumns.length + at] ?? null;
    if (value !== null) kept[column] = attributeOf(value);
  }
  return Object.keys(kept).length === 0 ? undefined : kept;
}

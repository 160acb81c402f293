/** Columns that a mapping file can fill, by stream. Times end in `_us`, whatever unit the source has. */

const instrument = ['venue', 'symbol', 'base', 'quote', 'kind'] as const;
const owner = ['account', 'mode', 'strategy'] as const;

export const streamColumns = {
  orders: [
    ...owner,
    ...instrument,
    'client_order_id',
    'venue_order_id',
    'parent',
    'side',
    'type',
    'tif',
    'post_only',
    'reduce_only',
    'price',
    'stop_price',
    'qty',
    'filled_qty',
    'average_price',
    'fee',
    'fee_asset',
    'status',
    'is_open',
    'created_us',
    'updated_us',
    'note',
  ],
  order_events: ['order', 'status', 'event_us', 'recv_us', 'note'],
  fills: [
    ...owner,
    ...instrument,
    'order',
    'venue_trade_id',
    'side',
    'price',
    'qty',
    'notional',
    'fee',
    'fee_asset',
    'liquidity',
    'exec_us',
  ],
  funding: ['account', 'mode', ...instrument, 'due_us', 'rate', 'amount'],
  locks: ['account', 'mode', ...instrument, 'side', 'reason', 'from_us', 'until_us', 'active'],
  state: ['scope', 'scope_id', 'key', 'value', 'updated_us'],
  candles: [
    ...instrument,
    'interval_s',
    'open_us',
    'open',
    'high',
    'low',
    'close',
    'volume',
    'trades',
    'quote_volume',
    'open_interest',
  ],
  ticks: [...instrument, 'ts_us', 'price', 'qty', 'taker_side', 'venue_trade_id'],
  quotes: [...instrument, 'ts_us', 'bid_px', 'bid_qty', 'ask_px', 'ask_qty'],
} as const;

export type StreamName = keyof typeof streamColumns;

/** What an import cannot do without. Rules of `health` ask for less. `hasOrders`: fills name orders that are a stream too. */
export function neededColumns(stream: StreamName, hasOrders: boolean): readonly string[] {
  return stream === 'fills' && hasOrders ? ['order', 'price', 'qty', 'exec_us'] : needed[stream];
}

const needed: Readonly<Record<StreamName, readonly string[]>> = {
  orders: ['symbol', 'side', 'qty', 'created_us'],
  order_events: ['order', 'status', 'event_us'],
  fills: ['symbol', 'side', 'price', 'qty', 'exec_us'],
  funding: ['symbol', 'due_us', 'amount'],
  locks: ['from_us', 'until_us'],
  state: ['key', 'value'],
  candles: ['symbol', 'interval_s', 'open_us', 'open', 'high', 'low', 'close', 'volume'],
  ticks: ['symbol', 'ts_us', 'price', 'qty'],
  quotes: ['symbol', 'ts_us', 'bid_px', 'ask_px'],
};

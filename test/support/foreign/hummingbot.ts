import type Database from 'better-sqlite3';
import {
  executors,
  fundingPayment,
  hummingbotReleases,
  hummingbotTables,
  marketData,
  marketState,
  metadata,
  oldTradeFill,
  order,
  orderStatus,
  tradeFill,
} from './hummingbot-schema.ts';
import { createTables, type ForeignRow, rowWriter } from './table.ts';

export type HummingbotGeneration = keyof typeof hummingbotReleases;

const strategy = { config_file_path: 'conf_pmm.yml', strategy: 'pure_market_making' };
const pair = { market: 'binance', symbol: 'BTC-USDT', base_asset: 'BTC', quote_asset: 'USDT' };
const decimal = /^(\d+)(?:\.(\d{1,6}))?$/;

/** Writes rows as the bot of a generation would: numbers are given as decimals and kept as that release keeps them. */
export function hummingbotWriter(db: Database.Database, generation: HummingbotGeneration) {
  const release = hummingbotReleases[generation];
  const isScaled = release >= hummingbotReleases.H4;
  createTables(db, hummingbotTables, release);
  const version =
    { H1: undefined, H2: 20210118, H3: 20210119, H4: 20220130 }[generation as 'H1'] ??
    (isScaled ? 20230516 : undefined);
  if (version !== undefined) rowWriter(db, metadata, release)({ key: 'local_db_version', value: String(version) });
  const number = (text: string): number | bigint => {
    if (!isScaled) return Number(text);
    const [, whole = '0', fraction = ''] = decimal.exec(text) ?? [];
    return BigInt(whole + fraction.padEnd(6, '0'));
  };
  const write = {
    order: rowWriter(db, order, release),
    status: rowWriter(db, orderStatus, release),
    oldFill: rowWriter(db, oldTradeFill, release),
    fill: rowWriter(db, tradeFill, release),
    funding: rowWriter(db, fundingPayment, release),
    state: rowWriter(db, marketState, release),
    data: rowWriter(db, marketData, release),
    executor: rowWriter(db, executors, release),
  };
  let nextFill = 1;
  return {
    order(id: string, { amount = '1', price = '0', ...more }: Record<string, string | number | null>): void {
      const row: ForeignRow = {
        id,
        ...strategy,
        ...pair,
        creation_timestamp: 1_700_000_000_000,
        last_update_timestamp: 1_700_000_009_000,
        order_type: 'LIMIT',
        amount: number(String(amount)),
        price: number(String(price)),
        leverage: 1,
        last_status: 'BuyOrderCompleted',
        exchange_order_id: `x-${id}`,
        position: 'NIL',
        ...more,
      };
      write.order(row);
    },
    status(orderId: string, status: string, timestamp = 1_700_000_000_000): void {
      write.status({ order_id: orderId, status, timestamp });
    },
    fill(
      orderId: string,
      trade: string,
      { amount = '1', price = '1', ...more }: Record<string, string | number | null>,
    ): void {
      const row: ForeignRow = {
        id: nextFill++,
        ...strategy,
        ...pair,
        timestamp: 1_700_000_001_000,
        order_id: orderId,
        trade_type: 'BUY',
        order_type: 'LIMIT',
        price: number(String(price)),
        amount: number(String(amount)),
        leverage: 1,
        trade_fee: JSON.stringify({ fee_type: 'AddedToCost', percent: '0', percent_token: null, flat_fees: [] }),
        trade_fee_in_quote: 0,
        exchange_trade_id: trade,
        position: 'NIL',
        ...more,
      };
      (isScaled ? write.fill : write.oldFill)(row);
    },
    funding: (row: ForeignRow): void =>
      write.funding({ ...strategy, ...pair, market: 'binance_perpetual', rate: 0.0001, ...row }),
    state: (row: ForeignRow): void => write.state({ ...strategy, market: 'binance', ...row }),
    data: (row: ForeignRow): void => write.data({ exchange: 'binance', trading_pair: 'BTC-USDT', ...row }),
    executor: (row: ForeignRow): void => write.executor(row),
  };
}

import Database from 'better-sqlite3';
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

const pad = (value: number): string => String(value).padStart(6, '0');

/** Orders in every state, with fees of every form, and rows of every other table. */
export function writeHummingbot(path: string, generation: HummingbotGeneration, orders = 60): void {
  const db = new Database(path);
  db.pragma('foreign_keys = 0');
  db.pragma('synchronous = OFF');
  const bot = hummingbotWriter(db, generation);
  const start = 1_700_000_000_000;
  const write = db.transaction(() => {
    for (let n = 0; n < orders; n += 1) {
      const at = start + n * 60_000;
      const id = `HBOT-${pad(n)}`;
      const isBuy = n % 2 === 0;
      const word = isBuy ? 'Buy' : 'Sell';
      const trade_type = isBuy ? 'BUY' : 'SELL';
      const end =
        ['OrderCancelled', `${word}OrderCompleted`, 'OrderFilled', 'OrderFailure', 'OrderExpired'][n % 5] ?? '';
      const time = { creation_timestamp: at, last_update_timestamp: at + 3000 };
      bot.order(id, { amount: '0.300000', price: `64${pad(n).slice(3)}.25`, last_status: end, ...time });
      bot.status(id, `${word}OrderCreated`, at);
      const fills = end.endsWith('Completed') ? 3 : end === 'OrderFilled' ? 1 : 0;
      for (let fill = 0; fill < fills; fill += 1) {
        bot.status(id, 'OrderFilled', at + 1000 + fill);
        const fee =
          n % 4 === 1
            ? { fee_type: 'AddedToCost', percent: '0.001', percent_token: null, flat_fees: [] }
            : {
                fee_type: 'AddedToCost',
                percent: '0',
                percent_token: null,
                flat_fees: [{ token: 'BNB', amount: '0.0001' }],
              };
        bot.fill(id, `t-${n}-${fill}`, {
          amount: '0.100000',
          price: `64${pad(n).slice(3)}.25`,
          timestamp: at + 1000 + fill,
          trade_type,
          trade_fee: JSON.stringify(fee),
        });
      }
      if (end !== 'OrderFilled') bot.status(id, end, at + 3000);
    }
    bot.fill('lost', 'alone', { amount: '1.5', price: '10', symbol: 'ETH-USDT', base_asset: 'ETH', timestamp: start });
    bot.funding({ timestamp: start, amount: -1.25 });
    bot.funding({ timestamp: start / 1000 + 3600, amount: 0.5 });
    bot.state({ timestamp: start, saved_state: '{"a":1}' });
    bot.state({ timestamp: start + 1, saved_state: '{"a":2}' });
    if (generation === 'H11') {
      const order_book = JSON.stringify({
        bid: [
          [64_000.5, 2, 1],
          [64_000, 3, 1],
        ],
        ask: [[64_001.5, 1, 1]],
      });
      db.exec("INSERT INTO Controllers VALUES ('main', 1, 1700000000.5, 'pmm', '{}')");
      db.exec("INSERT INTO InventoryCost VALUES (1, 'BTC', 'USDT', 1.5, 2)");
      bot.data({
        timestamp: BigInt(start) * 1_000_000n,
        mid_price: 0n,
        best_bid: 64_000_500_000n,
        best_ask: 64_001_500_000n,
        order_book,
      });
      bot.executor({
        id: 'e',
        timestamp: 1_700_000_000.5,
        type: 'grid',
        status: 1,
        config: '{}',
        net_pnl_quote: 1,
        is_active: 0,
        custom_info: '{}',
        controller_id: 'c',
      });
    }
  });
  write();
  db.close();
}

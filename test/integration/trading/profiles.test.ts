import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openReadOnly } from '../../../src/core/sqlite/connection.ts';
import { detectProfile, profileNamed, profiles } from '../../../src/core/trading/profile/profiles.ts';
import { runProfileRules } from '../../../src/core/trading/profile/run-profile.ts';
import type { RuleResult } from '../../../src/core/trading/rule/run-rules.ts';
import { writeBotFile } from '../../support/bot-file.ts';
import { testPorts } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

type Program = 'freqtrade' | 'hummingbot' | 'vnpy';

const nowUs = Date.parse('2024-02-01T00:00:00Z') * 1000;
const day = 86_400_000_000;

/** Every result; the file must be the same afterwards, byte by byte. */
function check(program: Program, damage = ''): RuleResult[] {
  const path = join(temporaryFolder(), 'bot.sqlite');
  writeBotFile(path, program, damage);
  const before = readFileSync(path);
  const profile = profileNamed(program);
  if (profile === undefined) throw new Error(program);
  const connection = openReadOnly(path, testPorts);
  try {
    const results = runProfileRules(connection, profile, { nowUs, tolUs: 1e6, fillTolUs: 1e6, staleUs: 100 * day });
    expect(() => connection.exec('DELETE FROM sqlite_schema')).toThrow();
    expect(connection.value('SELECT count(*) FROM sqlite_temp_schema')).toBe(0);
    return results;
  } finally {
    connection.close();
    expect(readFileSync(path).equals(before)).toBe(true);
  }
}

const broken = (results: readonly RuleResult[]): string[] =>
  results.filter(({ status }) => status !== 'ok' && status !== 'skipped').map(({ id }) => id);

/** Rule, what breaks it, what nearly does. */
const cases: Readonly<Record<Program, readonly [string, string, string?][]>> = {
  freqtrade: [
    [
      'FT01',
      'UPDATE trades SET amount = 1.49 WHERE id = 2',
      'UPDATE trades SET amount = 0.30000000000000004 WHERE id = 1',
    ],
    ['FT02', 'UPDATE trades SET close_rate = NULL WHERE id = 1', 'UPDATE trades SET close_rate = NULL WHERE id = 2'],
    [
      'FT03',
      "UPDATE orders SET status = 'canceled' WHERE id = 5",
      "UPDATE orders SET status = 'canceled', ft_is_open = 0 WHERE id = 5",
    ],
    ['FT04', 'UPDATE orders SET filled = 0.10000001 WHERE id = 1', 'UPDATE orders SET cost = 10.0004 WHERE id = 1'],
    ['FT04', 'UPDATE orders SET cost = 10.06 WHERE id = 1', 'UPDATE orders SET cost = 10.04 WHERE id = 1'],
    ['FT04', 'UPDATE orders SET remaining = 0.1 WHERE id = 1', 'UPDATE orders SET remaining = NULL WHERE id = 1'],
    ['FT05', 'UPDATE trade_custom_data SET ft_trade_id = 9', 'UPDATE trade_custom_data SET ft_trade_id = 2'],
    [
      'FT05',
      "INSERT INTO orders (id, ft_trade_id, ft_order_side, ft_pair, ft_is_open, order_id, order_date, filled) VALUES (9, 77, 'buy', 'BTC/USDT', 0, 'z', '2024-01-04 00:00:00.000000', 0)",
      'SELECT 1',
    ],
    [
      'FT06',
      "UPDATE orders SET ft_pair = 'BTC/USDT' WHERE id = 5",
      "UPDATE orders SET ft_pair = 'SOL/USDT' WHERE ft_trade_id = 2; UPDATE trades SET pair = 'SOL/USDT' WHERE id = 2",
    ],
    [
      'FT07',
      'UPDATE trades SET close_profit_abs = 2.938 WHERE id = 1',
      'UPDATE trades SET close_profit_abs = 2.93700001 WHERE id = 1',
    ],
    [
      'FT08',
      "UPDATE trades SET close_date = '2023-12-31 23:59:59.999999' WHERE id = 1",
      'UPDATE trades SET close_date = open_date WHERE id = 1',
    ],
    [
      'FT08',
      "UPDATE orders SET order_filled_date = 'soon' WHERE id = 1",
      "UPDATE orders SET order_filled_date = '2024-01-01 00:00:00.000001' WHERE id = 1",
    ],
    ['FT09', "UPDATE orders SET cost = '5m' WHERE id = 5", "UPDATE orders SET cost = '0' WHERE id = 5"],
    ['FT10', 'CREATE TABLE trades_bak0 AS SELECT * FROM trades', 'CREATE TABLE copy_of_trades AS SELECT * FROM trades'],
    ['FT11', 'ALTER TABLE trades ADD COLUMN moon_phase FLOAT', 'ALTER TABLE trades ADD COLUMN record_version INTEGER'],
    [
      'I03',
      'UPDATE orders SET price = 99.99, average = 100.00000001 WHERE id = 1',
      'UPDATE orders SET average = 100.00000000000001 WHERE id = 1',
    ],
    [
      'I05',
      "UPDATE orders SET order_date = '2024-01-01 00:00:01.000001' WHERE id = 1",
      "UPDATE orders SET order_date = '2024-01-01 00:00:01.000000' WHERE id = 1",
    ],
    [
      'I20',
      'UPDATE orders SET filled = 1.505, amount = 1.505, cost = 30.1 WHERE id = 4; UPDATE trades SET amount = 1.505 WHERE id = 2',
      'UPDATE orders SET filled = 1.51, amount = 1.51, cost = 30.2 WHERE id = 4; UPDATE trades SET amount = 1.51 WHERE id = 2',
    ],
    [
      'I25',
      "UPDATE orders SET order_date = '2024-02-01 00:00:01.000001' WHERE id = 5",
      "UPDATE orders SET order_date = '2024-02-01 00:00:01.000000' WHERE id = 5",
    ],
    [
      'I27',
      "UPDATE orders SET order_update_date = '2023-01-01 00:00:00.000000' WHERE id = 5",
      "UPDATE orders SET order_update_date = '2023-01-01 00:00:00.000000' WHERE id = 4",
    ],
  ],
  hummingbot: [
    [
      'HB01',
      "UPDATE TradeFill SET amount = 499997 WHERE exchange_trade_id = 't2'",
      "UPDATE TradeFill SET amount = 499998 WHERE exchange_trade_id = 't2'",
    ],
    ['HB01', 'DELETE FROM TradeFill'],
    [
      'HB02',
      "UPDATE \"Order\" SET last_status = 'OrderFilled' WHERE id = 'two'",
      'UPDATE OrderStatus SET timestamp = timestamp + 1 WHERE id = 5',
    ],
    [
      'HB03',
      "INSERT INTO TradeFill VALUES ('c', 'binance', 'BTC-USDT', 1700000001000, 'gone', 'BUY', 100000000, 1500000, 1, '{}', 0, 't3')",
      "INSERT INTO TradeFill VALUES ('c', 'binance', 'BTC-USDT', 1700000001000, 'two', 'BUY', 100000000, 1500000, 1, '{}', 0, 't3')",
    ],
    [
      'HB04',
      "UPDATE TradeFill SET price = 999 WHERE exchange_trade_id = 't2'",
      "UPDATE TradeFill SET price = 1000 WHERE exchange_trade_id = 't2'",
    ],
    [
      'HB05',
      "UPDATE TradeFill SET price = 99000000.5 WHERE exchange_trade_id = 't2'",
      "UPDATE TradeFill SET price = 99000000.0 WHERE exchange_trade_id = 't2'",
    ],
    [
      'HB06',
      'UPDATE MarketData SET timestamp = 1700000000000',
      'UPDATE MarketData SET timestamp = 1700000000000000001',
    ],
    [
      'HB06',
      "INSERT INTO FundingPayment VALUES (1700000000, 'binance', 0.1, 1)",
      "INSERT INTO FundingPayment VALUES (1700000000, 'bybit', 0.1, 1)",
    ],
    ['HB07', "UPDATE MarketState SET saved_state = '{'", 'UPDATE MarketState SET saved_state = NULL'],
    [
      'HB08',
      "INSERT INTO MarketState VALUES (2, 'c', 'binance', 1, '{}')",
      "INSERT INTO MarketState VALUES (2, 'd', 'binance', 1, '{}')",
    ],
    ['HB09', 'ALTER TABLE TradeFill DROP COLUMN trade_fee_in_quote', 'CREATE TABLE Executors (id TEXT)'],
    ['HB09', "UPDATE Metadata SET value = '20220130'"],
    [
      'HB10',
      'CREATE INDEX os_order_id ON OrderStatus (order_id)',
      'CREATE INDEX os_status ON OrderStatus (status, order_id)',
    ],
    [
      'I01',
      "UPDATE TradeFill SET amount = 499000 WHERE exchange_trade_id = 't2'",
      "UPDATE TradeFill SET amount = 499998 WHERE exchange_trade_id = 't2'",
    ],
    [
      'I03',
      "UPDATE TradeFill SET price = 100000001 WHERE exchange_trade_id = 't1'",
      "UPDATE TradeFill SET price = 100000000 WHERE exchange_trade_id = 't2'",
    ],
    [
      'I04',
      "UPDATE TradeFill SET trade_type = 'SELL' WHERE exchange_trade_id = 't1'",
      "UPDATE TradeFill SET trade_type = 'SELL'; UPDATE OrderStatus SET status = replace(status, 'Buy', 'Sell')",
    ],
    [
      'I05',
      "UPDATE TradeFill SET timestamp = 1699999999999 WHERE exchange_trade_id = 't1'",
      "UPDATE TradeFill SET timestamp = 1700000000000 WHERE exchange_trade_id = 't1'",
    ],
    [
      'I06',
      "INSERT INTO TradeFill VALUES ('c', 'binance', 'BTC-USDT', 1700000004001, 'two', 'BUY', 100000000, 1500000, 1, '{}', 0, 't3')",
      "INSERT INTO TradeFill VALUES ('c', 'binance', 'BTC-USDT', 1700000004000, 'two', 'BUY', 100000000, 1500000, 1, '{}', 0, 't3')",
    ],
    [
      'I10',
      'UPDATE OrderStatus SET timestamp = 1699999999000 WHERE id = 2',
      'UPDATE OrderStatus SET timestamp = 1700000000000 WHERE id = 2',
    ],
    [
      'I18',
      "INSERT INTO TradeFill VALUES ('c', 'binance', 'BTC-USDT', 1700000001000, 'two', 'BUY', 100000000, 1500000, 1, '{}', 0, 't1')",
      "INSERT INTO TradeFill VALUES ('c', 'binance', 'BTC-USDT', 1700000001000, 'two', 'BUY', 100000000, 1500000, 1, '{}', 0, 't3')",
    ],
    [
      'I25',
      'UPDATE "Order" SET creation_timestamp = 1900000000000 WHERE id = \'two\'',
      'UPDATE "Order" SET creation_timestamp = 1706745601000 WHERE id = \'two\'',
    ],
    [
      'I27',
      "UPDATE \"Order\" SET last_status = 'BuyOrderCreated', last_update_timestamp = 1600000000000 WHERE id = 'two'; DELETE FROM OrderStatus WHERE id = 5",
      'UPDATE "Order" SET last_update_timestamp = 1600000000000 WHERE id = \'two\'',
    ],
  ],
  vnpy: [
    ['VN01', 'UPDATE dbbaroverview SET count = 4', "UPDATE dbbaroverview SET start = '2024-01-05 09:00:00.000000'"],
    ['VN01', 'UPDATE dbtickoverview SET "end" = \'2024-01-05 09:00:03\''],
    [
      'VN02',
      "INSERT INTO dbbardata (symbol, exchange, datetime, interval, volume, open_price, high_price, low_price, close_price) VALUES ('rb2410', 'SHFE', '2024-01-05 09:00:00.000000', '1m', 5, 10, 10, 10, 10)",
      "UPDATE dbbardata SET datetime = '2024-01-05 09:00:00.000000' WHERE id = 1",
    ],
    ['VN03', 'UPDATE dbtickdata SET volume = 10.5 WHERE id = 3', 'UPDATE dbtickdata SET volume = 11 WHERE id = 3'],
    [
      'VN03',
      "UPDATE dbtickdata SET volume = 3, datetime = '2024-01-05 09:15:01.500000' WHERE id = 3",
      "UPDATE dbtickdata SET volume = 3, datetime = '2024-01-05 09:15:02.500000' WHERE id = 3",
    ],
    ['VN04', 'UPDATE dbbardata SET volume = -1 WHERE id = 1', 'UPDATE dbbardata SET volume = 0 WHERE id = 1'],
    ['VN04', "UPDATE dbbardata SET interval = '5m' WHERE id = 1", "UPDATE dbbardata SET interval = '1h' WHERE id = 1"],
    [
      'VN05',
      "UPDATE dbbardata SET datetime = '2024-01-05 09:00:00+08:00' WHERE id = 1",
      "UPDATE dbbardata SET datetime = '2024-01-05T09:00:00' WHERE id = 1",
    ],
    ['VN05', 'UPDATE dbtickdata SET datetime = 1700000000 WHERE id = 1'],
    ['VN06', 'DELETE FROM dbtickoverview', 'DELETE FROM dbtickoverview; DELETE FROM dbtickdata'],
    [
      'I21',
      'UPDATE dbbardata SET high_price = 10.19 WHERE id = 1',
      'UPDATE dbbardata SET high_price = 10.2 WHERE id = 1',
    ],
    [
      'I24',
      'UPDATE dbtickdata SET ask_price_1 = 10.0 WHERE id = 1',
      'UPDATE dbtickdata SET ask_price_1 = 0 WHERE id = 1',
    ],
    [
      'I25',
      "UPDATE dbtickdata SET datetime = '2024-02-01 14:00:02.000000' WHERE id = 3",
      "UPDATE dbtickdata SET datetime = '2024-02-01 14:00:01.000000' WHERE id = 3",
    ],
  ],
};

describe.each(Object.keys(cases) as Program[])('%s', (program) => {
  test('a clean file keeps every rule', () => {
    const results = check(program);
    expect(broken(results)).toEqual([]);
    expect(results.filter(({ status }) => status === 'skipped').map(({ id }) => id)).toEqual(
      program === 'vnpy' ? ['I22'] : [],
    );
  });

  test.each(cases[program])('%s: %s', (id, defect, nearMiss) => {
    expect(broken(check(program, defect))).toContain(id);
    if (nearMiss !== undefined) expect(broken(check(program, nearMiss))).not.toContain(id);
  });

  test('each rule has a defect and a near miss', () => {
    const profile = profileNamed(program);
    const tested = new Set(cases[program].filter(([, , nearMiss]) => nearMiss !== undefined).map(([id]) => id));
    const all = [...(profile?.rules.map(({ id }) => id) ?? []), ...(profile?.applies ?? [])];
    expect(all.filter((id) => !tested.has(id))).toEqual(program === 'vnpy' ? ['I22'] : []);
  });
});

test('a damaged order tells the cause of what follows from it', () => {
  const results = check(
    'freqtrade',
    "UPDATE orders SET ft_pair = 'BTC/USDT' WHERE id = 4; UPDATE trades SET amount = 9 WHERE id = 2",
  );
  expect(results.find(({ id }) => id === 'FT06')?.status).toBe('broken');
  expect(results.find(({ id }) => id === 'FT01')).toMatchObject({ status: 'explained', explainedBy: ['FT06'] });
});

test('the cost of a dry run with leverage is the stake', () => {
  const leveraged = 'ALTER TABLE trades ADD COLUMN leverage FLOAT; UPDATE trades SET leverage = 3;';
  expect(broken(check('freqtrade', `${leveraged} UPDATE orders SET cost = 10 WHERE id = 4`))).toEqual([]);
  expect(broken(check('freqtrade', `${leveraged} UPDATE orders SET cost = 15 WHERE id = 4`))).toEqual(['FT04']);
});

test('an old file without a column skips the rule that needs it, and says so', () => {
  const results = check('freqtrade', 'ALTER TABLE orders DROP COLUMN average');
  expect(results.find(({ id }) => id === 'FT04')).toMatchObject({
    status: 'skipped',
    reason: 'this file has no orders.average',
  });
  expect(broken(results)).toEqual([]);
});

test('programs are told apart by their tables alone', () => {
  for (const { name, tables } of profiles) expect(detectProfile(new Set([...tables, 'other']))?.name).toBe(name);
  expect(detectProfile(new Set(['trades', 'orders']))).toBeUndefined();
});

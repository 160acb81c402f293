import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Connection, openMemory } from '../../../src/core/sqlite/connection.ts';
import { EventQueue } from '../../../src/core/trading/market/event-queue.ts';
import { generateSample, type SampleOptions } from '../../../src/core/trading/market/generator.ts';
import { arrivals } from '../../../src/core/trading/market/order-flow.ts';
import { priceAt, pricePath } from '../../../src/core/trading/market/price-path.ts';
import { readDailyBars, samplePricesFile } from '../../../src/core/trading/market/sample-prices.ts';
import { SeededRandom, skewedIndex, ZipfRanks } from '../../../src/core/trading/market/seeded-random.ts';
import { sessionOf } from '../../../src/core/trading/market/trading-day.ts';
import { applyReferenceSchema } from '../../../src/core/trading/reference-schema.ts';
import { runRules } from '../../../src/core/trading/rule/run-rules.ts';
import { createOrderStore } from '../../../src/core/trading/store/order-store.ts';
import { microseconds } from '../../../src/core/trading/time.ts';
import { testContext, testPorts } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const small: SampleOptions = { orders: 3000, instruments: 12, days: 8, mix: 'oms', seed: 7 };

async function sample(options: Partial<SampleOptions> = {}): Promise<Connection> {
  const connection = openMemory(testPorts);
  applyReferenceSchema(connection);
  await generateSample(connection, { ...small, ...options }, testContext());
  return connection;
}

function digest(connection: Connection): string {
  const hash = createHash('sha256');
  for (const { name } of connection.all<{ name: string }>(
    "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
  )) {
    for (const row of connection
      .prepare(`SELECT * FROM "${name}" ORDER BY 1, 2, 3`)
      .withBigIntegers()
      .iterate(undefined)) {
      hash.update(Object.values(row).map(String).join('|'));
    }
  }
  return hash.digest('hex');
}

describe('bundled prices', () => {
  test('rounding to cents restores all 20,420 of them', async () => {
    const texts = readFileSync(samplePricesFile, 'utf8').trim().split('\n').slice(1);
    const bars = readDailyBars();
    expect(bars).toHaveLength(5105);
    let restored = 0;
    for (const [index, bar] of bars.entries()) {
      const columns = texts[index]?.split(',') ?? [];
      for (const [column, cents] of [bar.open, bar.high, bar.low, bar.close].entries()) {
        // The file holds the nearest 32-bit float of the price, written with six decimals.
        if (Math.fround(cents / 100).toFixed(6) === columns[column + 1]) restored += 1;
      }
    }
    expect(restored).toBe(20_420);
  });

  test.each([
    ['another header', 'a,b\n1,2\n', 'does not hold daily bars'],
    ['a high below the close', 'date,open,high,low,close,adjclose,volume\n2000-01-03,1,1,1,2,2,5\n', 'line 2'],
    ['no number', 'date,open,high,low,close,adjclose,volume\n2000-01-03,x,1,1,1,1,5\n', 'line 2'],
  ])('refuses a file with %s', async (_, text, message) => {
    const file = join(temporaryFolder(), 'prices.csv');
    writeFileSync(file, text);
    expect(() => readDailyBars(file)).toThrow(message);
  });

  test('a missing file is told', async () => {
    expect(() => readDailyBars('/nowhere/prices.csv')).toThrow('does not exist');
  });
});

describe('generator', () => {
  test.each(['oms', 'mm'] as const)('%s: every rule is silent', async (mix) => {
    const connection = await sample({ mix });
    const nowUs = microseconds(testPorts.clock.wallTime());
    const results = runRules(connection, { nowUs, tolUs: 1_000_000, staleUs: 86_400_000_000 });
    expect(results.filter((result) => result.status !== 'ok')).toEqual([]);
    expect(results).toHaveLength(32);
  });

  test('the same seed gives the same rows, another seed others', async () => {
    const first = digest(await sample());
    expect(digest(await sample())).toBe(first);
    expect(digest(await sample({ seed: 8 }))).not.toBe(first);
  });

  test('makes exactly the orders that were asked for', async () => {
    for (const orders of [0, 1, 7, 501]) {
      expect((await sample({ orders })).value('SELECT count(*) FROM orders')).toBe(orders);
    }
  });

  test('the index trades at its real prices', async () => {
    const connection = await sample();
    const stored = connection.all<{ open_us: number; open: number; high: number; low: number; close: number }>(
      "SELECT open_us, open, high, low, close FROM candles JOIN instruments USING (instrument_id) WHERE symbol = 'SP500' AND interval_s = 86400 ORDER BY open_us",
    );
    const real = readDailyBars();
    expect(stored).toHaveLength(real.length);
    expect(stored.at(-1)).toMatchObject({ open: real.at(-1)?.open, close: real.at(-1)?.close });
    const fills = connection.get<{ low: number; high: number }>(
      "SELECT min(price) AS low, max(price) AS high FROM fills JOIN instruments USING (instrument_id) WHERE symbol = 'SP500'",
    );
    const days = real.slice(-8);
    expect(fills?.low).toBeGreaterThanOrEqual(Math.min(...days.map((day) => day.low)) - 5);
    expect(fills?.high).toBeLessThanOrEqual(Math.max(...days.map((day) => day.high)) + 5);
  });

  test('flow has the shape that is documented', async () => {
    const connection = await sample({ orders: 12_000 });
    const count = (sql: string): number => Number(connection.value(sql));
    const cancels = count("SELECT count(*) FROM orders WHERE status = 'CANCELED'");
    const fills = count('SELECT count(*) FROM fills');
    expect(cancels / fills).toBeGreaterThan(4.2);
    expect(cancels / fills).toBeLessThan(5.4);
    const busiest = count('SELECT count(*) FROM orders GROUP BY instrument_id ORDER BY 1 DESC LIMIT 1');
    expect(busiest / 12_000).toBeGreaterThan(0.25);
    const hot = count(
      'SELECT sum(n) FROM (SELECT count(*) AS n FROM orders GROUP BY account_id ORDER BY n DESC LIMIT 4)',
    );
    expect(hot / 12_000).toBeGreaterThan(0.75);
    expect(count('SELECT count(*) FROM orders WHERE is_open = 1')).toBe(0);
  });

  test('the store goes on where the generator stopped', async () => {
    const connection = await sample();
    const store = createOrderStore(connection);
    const instrument = store.instrument('SAMPLE', 'SP500', 'equity');
    const accountId = Number(connection.value("SELECT account_id FROM accounts WHERE name = 'desk-01'"));
    const order = store.place({
      accountId,
      instrumentId: instrument.id,
      clientOrderId: 'new',
      side: 'buy',
      type: 'limit',
      price: instrument.price('2800.00'),
      quantity: instrument.quantity('3'),
    });
    store.fill(order.orderId, {
      venueTradeId: 'new',
      price: instrument.price('2799.50'),
      quantity: instrument.quantity('3'),
    });
    const nowUs = microseconds(testPorts.clock.wallTime()) + 1;
    const results = runRules(connection, { nowUs, tolUs: 1_000_000, staleUs: 86_400_000_000 });
    expect(results.filter((result) => result.status !== 'ok')).toEqual([]);
  });

  test('stops when it is cancelled and gives the settings of the connection back', async () => {
    const connection = openMemory(testPorts);
    connection.pragma('foreign_keys = 1');
    applyReferenceSchema(connection);
    const before = connection.pragmaValue('cache_size');
    const context = testContext({ signal: AbortSignal.abort() });
    await expect(generateSample(connection, small, context)).rejects.toThrow('cancelled');
    expect(connection.pragmaValue('foreign_keys')).toBe(1);
    expect(connection.pragmaValue('cache_size')).toBe(before);
  });
});

describe('parts', () => {
  test('a path touches open, high, low and close and stays between high and low', async () => {
    const random = new SeededRandom(3);
    for (const bar of readDailyBars().slice(-200)) {
      const path = pricePath(bar, random);
      expect([path[0], path.at(-1), Math.max(...path), Math.min(...path)]).toEqual([
        bar.open,
        bar.close,
        bar.high,
        bar.low,
      ]);
      expect(priceAt(path, 0)).toBe(bar.open);
      expect(priceAt(path, 1)).toBe(bar.close);
    }
  });

  test('arrivals are in order, inside the session, as many as wanted', async () => {
    const times = [...arrivals(5000, 0, 23_400_000_000, new SeededRandom(5))];
    expect(times).toHaveLength(5000);
    expect(times.every((time, index) => time > (times[index - 1] ?? 0) || index === 0)).toBe(true);
    expect(times.at(-1)).toBeLessThan(23_400_000_000);
    const firstTenth = times.filter((time) => time < 2_340_000_000).length;
    const middleTenth = times.filter((time) => time > 10_530_000_000 && time < 12_870_000_000).length;
    expect(firstTenth).toBeGreaterThan(middleTenth * 1.5);
  });

  test('the queue gives the earliest first and keeps the order of equals', async () => {
    const queue = new EventQueue<number>();
    const random = new SeededRandom(1);
    const pushed = Array.from({ length: 500 }, (_, number) => ({ atUs: random.integer(50), number }));
    for (const { atUs, number } of pushed) queue.push(atUs, number);
    const popped: { atUs: number; item: number }[] = [];
    for (let next = queue.pop(); next !== undefined; next = queue.pop())
      popped.push({ atUs: next.atUs, item: next.item });
    const wanted = pushed.toSorted((a, b) => a.atUs - b.atUs || a.number - b.number);
    expect(popped).toEqual(wanted.map(({ atUs, number }) => ({ atUs, item: number })));
    expect(queue.size).toBe(0);
  });

  test('draws have their documented shape', async () => {
    const random = new SeededRandom(11);
    const ranks = new ZipfRanks(50, 0.99);
    const counts = new Array<number>(50).fill(0);
    for (let draw = 0; draw < 50_000; draw++) counts[ranks.next(random)]! += 1;
    expect((counts[0] ?? 0) / (counts[9] ?? 1)).toBeCloseTo(10 ** 0.99, -0.5);
    const hot = Array.from({ length: 20_000 }, () => skewedIndex(random, 20)).filter((index) => index < 4).length;
    expect(hot / 20_000).toBeCloseTo(0.8, 1);
    const normal = Array.from({ length: 20_000 }, () => random.normal());
    expect(normal.reduce((sum, value) => sum + value, 0) / 20_000).toBeCloseTo(0, 1);
  });

  test('sessions follow the clock of New York', async () => {
    const hours = (date: string) =>
      (sessionOf(Date.parse(date) * 1000).openUs - Date.parse(date) * 1000) / 3_600_000_000;
    expect(hours('2020-03-06')).toBe(14.5);
    expect(hours('2020-03-09')).toBe(13.5);
    expect(hours('2020-10-30')).toBe(13.5);
    expect(hours('2020-11-02')).toBe(14.5);
    expect(hours('2000-03-31')).toBe(14.5);
    expect(hours('2000-04-03')).toBe(13.5);
    expect(hours('2000-10-30')).toBe(14.5);
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import { type Connection, openMemory } from '../../../src/core/sqlite/connection.ts';
import { SourceCatalog } from '../../../src/core/trading/import/catalog.ts';
import { detectFreqtrade } from '../../../src/core/trading/import/freqtrade/detect.ts';
import { locks } from '../../../src/core/trading/import/freqtrade/locks.ts';
import { reasons } from '../../../src/core/trading/import/reason.ts';
import type { SourceKey, SourceRow } from '../../../src/core/trading/import/source.ts';
import { SourceSchema } from '../../../src/core/trading/import/source-schema.ts';
import { tableRows } from '../../../src/core/trading/import/table-rows.ts';
import { SourceTime } from '../../../src/core/trading/mapping/source-time.ts';
import { testPorts } from '../../support/context.ts';

let connection: Connection;
afterEach(() => connection.close());

function sourceOf(sql: string): SourceSchema {
  connection = openMemory(testPorts);
  connection.exec(sql);
  return new SourceSchema(connection);
}

const minute = 60_000;

function readAll(rows: ReturnType<typeof tableRows>, slice: number): SourceRow[] {
  const found: SourceRow[] = [];
  let after: SourceKey | undefined;
  for (;;) {
    const { last, done, rows: count } = rows.read(after, { rows: slice, ms: minute }, (row) => found.push(row));
    expect(count).toBeLessThanOrEqual(slice);
    after = last ?? after;
    if (done) return found;
  }
}

describe('rows of a source table', () => {
  it('come once each, in key order, whatever the size of a slice', () => {
    const schema = sourceOf('CREATE TABLE t (a TEXT, b INTEGER, v REAL, PRIMARY KEY (a, b))');
    for (const [a, b] of [
      ['y', 1],
      ['x', 2],
      ['x', 10],
      ['y', 0],
      ['x', -1],
    ] as const) {
      connection.run('INSERT INTO t VALUES (?, ?, ?)', [a, b, b / 4]);
    }
    const range = () => tableRows(schema, { table: 't', columns: ['a', 'b', 'v'], key: ['a', 'b'] });
    const expected = [
      ['x', -1n, -0.25],
      ['x', 2n, 0.5],
      ['x', 10n, 2.5],
      ['y', 0n, 0],
      ['y', 1n, 0.25],
    ];
    for (const slice of [1, 2, 3, 5, 100]) expect(readAll(range(), slice)).toEqual(expected);
    expect(range().count()).toBe(5);
  });

  it('keep integers beyond 2^53, and read a column that an older schema lacks as NULL', () => {
    const schema = sourceOf('CREATE TABLE t (id INTEGER PRIMARY KEY, "strange ""name" TEXT)');
    connection.run('INSERT INTO t VALUES (?, ?)', [9_007_199_254_740_993n, 'here']);
    const columns = ['id', 'strange "name', 'added_later'];
    expect(readAll(tableRows(schema, { table: 't', columns, key: ['id'] }), 10)).toEqual([
      [9_007_199_254_740_993n, 'here', null],
    ]);
  });

  it('see what was written behind the last key, and nothing before it again', () => {
    const schema = sourceOf('CREATE TABLE t (id INTEGER PRIMARY KEY)');
    connection.run('INSERT INTO t VALUES (1), (2)');
    const rows = tableRows(schema, { table: 't', columns: ['id'], key: ['id'] });
    const seen: unknown[] = [];
    const take = (row: SourceRow): void => void seen.push(row[0]);
    const first = rows.read(undefined, { rows: 10, ms: minute }, take);
    connection.run('INSERT INTO t VALUES (0), (3)');
    const second = rows.read(first.last, { rows: 10, ms: minute }, take);
    expect(seen).toEqual([1n, 2n, 3n]);
    expect(rows.read(second.last, { rows: 10, ms: minute }, take)).toEqual({ rows: 0, last: undefined, done: true });
  });
});

describe('the catalogue of a source', () => {
  it('gives one object for one name, and keeps spot and perpetual of a pair apart', () => {
    connection = openMemory(testPorts);
    const catalog = new SourceCatalog();
    const pair = { venue: 'binance', symbol: 'BTC/USDT', base: 'BTC', quote: 'USDT' };
    const spot = catalog.instrument({ ...pair, kind: 'spot' });
    expect(catalog.instrument({ ...pair, kind: 'spot', tickSize: '0.1' })).toBe(spot);
    expect(catalog.instrument({ ...pair, kind: 'perp' })).not.toBe(spot);
    const live = catalog.account({ venue: 'binance', name: 'main', mode: 'live' });
    expect(catalog.account({ venue: 'binance', name: 'main', mode: 'paper' })).not.toBe(live);
    expect(catalog.strategy('Grid', '1')).toBe(catalog.strategy('Grid', '1'));
    expect([catalog.instruments.length, catalog.accounts.length, catalog.strategies.length]).toEqual([2, 2, 1]);
  });
});

describe('the generation of a freqtrade file', () => {
  /** Each step adds what a release added, so a file of the last step has the marks of all before it. */
  const steps = [
    ['F0', `CREATE TABLE trades (id, exchange, pair, is_open, fee_open, open_rate, open_date, stake_amount)`],
    ['F1', 'CREATE TABLE orders (id, order_id)'],
    ['F2', 'ALTER TABLE orders ADD COLUMN average'],
    ['F3', 'ALTER TABLE orders ADD COLUMN ft_fee_base'],
    ['F4', 'ALTER TABLE trades ADD COLUMN leverage'],
    ['F5', 'ALTER TABLE trades ADD COLUMN contract_size'],
    ['F6', 'ALTER TABLE orders ADD COLUMN ft_amount'],
    ['F7', 'ALTER TABLE trades ADD COLUMN is_stop_loss_trailing'],
    ['F8', 'ALTER TABLE orders ADD COLUMN ft_order_tag'],
    ['F9', 'ALTER TABLE trades ADD COLUMN precision_mode_price'],
    ['F10', 'ALTER TABLE trades ADD COLUMN record_version'],
    ['F11', 'CREATE TABLE wallet_history (timestamp)'],
  ] as const;

  it.each(steps.map(([name], index) => [name, index] as const))('%s is told by its newest mark', (name, index) => {
    const sql = steps.slice(0, index + 1).map(([, statement]) => statement);
    const found = detectFreqtrade(sourceOf(sql.join(';')));
    expect(found).toMatchObject({ system: 'freqtrade', generation: name });
    expect(found?.refused === undefined).toBe(name !== 'F0');
  });

  it('is not seen in tables of somebody else', () => {
    const other = 'CREATE TABLE trades (id, symbol, price); CREATE TABLE orders (id, average, ft_fee_base)';
    expect(detectFreqtrade(sourceOf(other))).toBeUndefined();
  });
});

describe('pair locks of freqtrade', () => {
  const table = `CREATE TABLE pairlocks (id INTEGER PRIMARY KEY, pair TEXT, side TEXT, reason TEXT, lock_time DATETIME,
                                         lock_end_time DATETIME, active BOOLEAN)`;

  function mapped(...row: readonly (string | number | null)[]) {
    const schema = sourceOf(table);
    const catalog = new SourceCatalog();
    const btc = catalog.instrument({ venue: 'x', symbol: 'BTC/USDT', kind: 'spot', base: 'BTC', quote: 'USDT' });
    const time = new SourceTime('UTC');
    const stream = locks({
      schema,
      account: catalog.account({ venue: 'x', name: 'main', mode: 'live' }),
      instrumentOf: (pair) => (pair === 'BTC/USDT' ? btc : undefined),
      timeOf: (value) => time.read(value),
    });
    connection.run('INSERT INTO pairlocks VALUES (?, ?, ?, ?, ?, ?, ?)', row);
    return readAll(stream.rows, 10).map((found) => stream.map(found))[0];
  }

  const from = '2024-08-01 10:00:00.000000';
  const until = '2024-08-01 11:00:00.000000';

  it('become locks of one pair and side, or of all', () => {
    expect(mapped(7, 'BTC/USDT', 'long', 'stoploss', from, until, 1)).toMatchObject({
      kind: 'lock',
      externalId: '7',
      instrument: { symbol: 'BTC/USDT' },
      side: 1,
      fromUs: 1_722_506_400_000_000,
      untilUs: 1_722_510_000_000_000,
      isActive: true,
    });
    connection.close();
    expect(mapped(8, '*', '*', null, from, until, 0)).toMatchObject({
      instrument: undefined,
      side: null,
      isActive: false,
    });
  });

  it.each([
    ['bad_time', [1, 'BTC/USDT', 'long', null, 'yesterday', until, 1]],
    ['bad_time', [1, 'BTC/USDT', 'long', null, from, null, 1]],
    ['bad_text', [1, null, 'long', null, from, until, 1]],
    ['orphan', [1, 'ETH/USDT', 'long', null, from, until, 1]],
  ] as const)('stay out as %s', (reason, row) => {
    expect(mapped(...row)).toMatchObject({ kind: 'held', externalId: '1', reason });
    expect(reasons).toContain(reason);
  });
});

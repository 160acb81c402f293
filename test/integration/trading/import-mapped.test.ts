import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openReadOnly } from '../../../src/core/sqlite/connection.ts';
import { mappingSystem } from '../../../src/core/trading/import/mapped/system.ts';
import type { ReaderOptions } from '../../../src/core/trading/import/source.ts';
import { SourceSchema } from '../../../src/core/trading/import/source-schema.ts';
import type { OrderUnit } from '../../../src/core/trading/import/unit.ts';
import { parseMapping } from '../../../src/core/trading/mapping/mapping.ts';
import { testPorts } from '../../support/context.ts';
import { type OpenedSource, openSource, readStream, streamOf, totalsOf } from '../../support/foreign/read-source.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** An engine of one's own: prices in hundredths, times in milliseconds, fills that nobody indexed. */
const schema = `
CREATE TABLE my_orders (oid INTEGER PRIMARY KEY, cid TEXT, sym TEXT, dir TEXT, kind TEXT, px INTEGER, q TEXT, st TEXT,
                        made INTEGER, tag TEXT);
CREATE TABLE my_fills (tid TEXT PRIMARY KEY, oid INTEGER, px INTEGER, q TEXT, fee REAL, fee_in TEXT, t INTEGER) WITHOUT ROWID;
CREATE TABLE my_events (oid INTEGER, n INTEGER, st TEXT, t INTEGER, PRIMARY KEY (oid, n));
CREATE TABLE my_funding (sym TEXT, t INTEGER, rate REAL, amt REAL);
CREATE TABLE my_locks (id INTEGER PRIMARY KEY, sym TEXT, a TEXT, b TEXT, why TEXT);
CREATE TABLE my_state (k TEXT PRIMARY KEY, v);
CREATE TABLE notes (a);
INSERT INTO my_orders VALUES
  (1, 'c1', 'BTC-USDT', 'B', 'limit', 6412345, '0.5', 'done', 1700000000000, 'grid'),
  (2, 'c2', 'BTC-USDT', 'S', 'market', NULL, '0.25', 'live', 1700000001000, NULL),
  (3, 'c3', 'ETH-USDT', 'B', 'limit', 200000, '2', 'done', 1700000002000, NULL),
  (4, 'c4', 'ETH-USDT', '?', 'limit', 200000, '2', 'done', 1700000003000, NULL),
  (5, 'c5', 'ETH-USDT', 'B', 'limit', 200000, '2', 'gone', 1700000003000, NULL),
  (6, 'c6', 'ETH-USDT', 'B', 'limit', 200000, '2', 'bad', 1700000003000, NULL),
  (7, 'c7', 'ETH-USDT', 'B', 'limit', 200000, '2', 'live', 7, NULL);
INSERT INTO my_fills VALUES
  ('t2', 1, 6412300, '0.3', 0.01, 'BNB', 1700000000900), ('t1', 1, 6412345, '0.2', 0.02, 'BNB', 1700000000500),
  ('t3', 2, 6420000, '0.1', 0.5, NULL, 1700000001500), ('t4', 3, 200000, '1.5', NULL, NULL, 1700000002500),
  ('t5', 99, 1, '1', NULL, NULL, 1700000002500), ('t6', 6, 200000, '1', NULL, NULL, 1700000003500);
INSERT INTO my_events VALUES (1, 1, 'live', 1700000000000), (1, 2, 'part', 1700000000500), (1, 3, 'done', 1700000000900),
  (98, 1, 'live', 1700000000000);
INSERT INTO my_funding VALUES ('BTC-USDT', 1700000000000, 0.0001, -1.25), ('BTC-USDT', 0, 0.0001, 1);
INSERT INTO my_locks VALUES (1, '*', '2024-01-05T10:00:00', '2024-01-05T11:00:00', 'loss'), (2, 'BTC-USDT', '2024-01-05T10:00:00', 'never', '');
INSERT INTO my_state VALUES ('a', '{"b":1}'), ('c', 'plain'), ('d', 5);`;

const statuses = { done: 'FILLED', live: 'NEW', part: 'PARTIALLY_FILLED', gone: 'CANCELED', bad: 'REJECTED' };
const mapping = {
  tradedbMapping: 1,
  name: 'my-engine',
  detect: { my_orders: ['oid', 'dir'] },
  timezone: 'UTC',
  streams: {
    orders: {
      from: 'my_orders',
      key: ['oid'],
      columns: {
        client_order_id: 'cid',
        symbol: 'sym',
        side: { column: 'dir', map: { B: 1, S: -1 } },
        type: 'kind',
        price: { column: 'px', scale: 2 },
        qty: 'q',
        status: { column: 'st', map: statuses },
        created_us: { column: 'made', unit: 'ms' },
        venue: { value: 'binance' },
      },
    },
    fills: {
      from: 'my_fills',
      key: ['tid'],
      columns: {
        order: 'oid',
        price: { column: 'px', scale: 2 },
        qty: 'q',
        fee: 'fee',
        fee_asset: 'fee_in',
        exec_us: { column: 't', unit: 'ms' },
      },
    },
    order_events: {
      from: 'my_events',
      key: ['oid', 'n'],
      columns: { order: 'oid', status: { column: 'st', map: statuses }, event_us: { column: 't', unit: 'ms' } },
    },
    funding: {
      from: 'my_funding',
      key: ['sym', 't'],
      columns: {
        symbol: 'sym',
        venue: { value: 'binance' },
        kind: { value: 'perp' },
        due_us: { column: 't', unit: 'ms' },
        rate: 'rate',
        amount: 'amt',
      },
    },
    locks: {
      from: 'my_locks',
      key: ['id'],
      columns: { symbol: 'sym', venue: { value: 'binance' }, from_us: 'a', until_us: 'b', reason: 'why' },
    },
    state: { from: 'my_state', key: ['k'], columns: { key: 'k', value: 'v' } },
  },
};

function open(sql = schema, of: object = mapping, options: Partial<ReaderOptions> = {}): OpenedSource {
  const path = join(temporaryFolder(), "own 'engine'.db");
  const db = new Database(path);
  db.pragma('synchronous = OFF');
  db.exec(sql);
  db.close();
  const connection = openReadOnly(path, testPorts);
  onTestFinished(() => connection.close());
  const opened = openSource(mappingSystem(parseMapping(JSON.stringify(of), 'm.json')), connection, options);
  onTestFinished(() => opened.reader.close?.());
  return opened;
}

const us = (ms: number): number => ms * 1000;

describe('an own schema by its mapping', () => {
  it('gives orders with fills and events, exact, and each row of the parts its order', async () => {
    const { reader, catalog, notes } = open();
    const { units } = await readStream(streamOf(reader, 'orders'));
    expect(units[0]).toMatchObject({
      kind: 'order',
      externalId: '1',
      clientOrderId: 'c1',
      instrument: { venue: 'binance', symbol: 'BTC-USDT', base: 'BTC', quote: 'USDT', kind: 'spot' },
      account: { name: 'main', mode: 'live' },
      side: 1,
      type: 'limit',
      price: '64123.45',
      qty: '0.5',
      status: 'FILLED',
      createdUs: us(1_700_000_000_000),
      updatedUs: us(1_700_000_000_900),
      note: null,
      attributes: { tag: 'grid' },
      fills: [
        { externalId: 't1', venueTradeId: 't1', price: '64123.45', qty: '0.2', execUs: us(1_700_000_000_500) },
        { externalId: 't2', price: '64123.00', qty: '0.3', fees: [{ asset: 'BNB', amount: 0.01 }] },
      ],
      events: [
        { exec: 'NEW', to: 'NEW', fill: undefined },
        { exec: 'TRADE', to: 'PARTIALLY_FILLED', fill: 0 },
        { exec: 'TRADE', to: 'FILLED', fill: 1, eventUs: us(1_700_000_000_900) },
      ],
    });
    expect((units[0] as OrderUnit).related?.map(({ table }) => table)).toEqual([
      'my_fills',
      'my_fills',
      'my_events',
      'my_events',
      'my_events',
    ]);
    expect(units.slice(1)).toMatchObject([
      {
        externalId: '2',
        type: 'market',
        price: null,
        status: 'PARTIALLY_FILLED',
        side: -1,
        events: undefined,
        fills: [{ fees: [{ asset: 'USDT', amount: 0.5 }] }],
      },
      { externalId: '3', status: 'CANCELED', note: 'the source calls it finished although not all was filled' },
      { kind: 'held', externalId: '4', reason: 'side_unknown', detail: '?' },
      { externalId: '5', status: 'CANCELED', fills: [] },
      { kind: 'held', externalId: '6', reason: 'rejected_with_fill' },
      { kind: 'held', externalId: '7', reason: 'time_out_of_range', detail: '7' },
    ]);
    expect(catalog.instruments).toHaveLength(2);
    expect(notes.get('orders of which the source calls it finished although not all was filled')).toBe(1);

    const fills = await readStream(streamOf(reader, 'fills'));
    expect(fills.units.map((unit) => (unit.kind === 'held' ? unit.reason : `${unit.kind}`))).toEqual([
      'part',
      'part',
      'part',
      'part',
      'orphan',
      'part',
    ]);
    const events = await readStream(streamOf(reader, 'order_events'));
    expect(events.units).toMatchObject([
      { kind: 'part', entity: 'order', externalId: '1' },
      { kind: 'part' },
      { kind: 'part' },
      { kind: 'held', externalId: '[98,1]', reason: 'orphan', detail: 'there is no order 98' },
    ]);
  });

  it('gives funding, locks and state, with a reason for each row that is none', async () => {
    const { reader } = open();
    expect((await readStream(streamOf(reader, 'funding'))).units).toMatchObject([
      { kind: 'funding', instrument: { kind: 'perp' }, rate: 0.0001, amount: -1.25, dueUs: us(1_700_000_000_000) },
      { kind: 'held', reason: 'bad_time', externalId: '["BTC-USDT",0]' },
    ]);
    expect((await readStream(streamOf(reader, 'locks'))).units).toMatchObject([
      {
        kind: 'lock',
        instrument: undefined,
        side: null,
        reason: 'loss',
        isActive: true,
        fromUs: Date.UTC(2024, 0, 5, 10) * 1000,
      },
      { kind: 'held', reason: 'bad_time', detail: 'never' },
    ]);
    expect((await readStream(streamOf(reader, 'state'))).units).toMatchObject([
      { kind: 'state', scope: 'engine', key: 'a', value: '{"b":1}' },
      { key: 'c', value: '"plain"' },
      { key: 'd', value: '5' },
    ]);
  });

  it('says what became of each column, and adds up what is not held', async () => {
    const { reader } = open();
    expect(reader.columns.filter(({ fate }) => fate !== 'mapped')).toEqual([
      { table: 'my_orders', column: 'tag', fate: 'attribute', target: 'external_attributes', reason: null },
      { table: 'notes', column: '*', fate: 'unknown', target: null, reason: 'the mapping does not name it' },
    ]);
    const lines = totalsOf(reader, {
      orders: ['4', '6', '7'],
      fills: ['t5'],
      funding: ['["BTC-USDT",0]'],
      locks: ['2'],
    });
    expect(lines).toEqual([
      'bought BTC-USDT: 0.2',
      'bought BTC-USDT: 0.3',
      'bought ETH-USDT: 1.5',
      'fees BTC-USDT BNB: 0.01',
      'fees BTC-USDT BNB: 0.02',
      'fees BTC-USDT USDT: 0.5',
      'fills BTC-USDT: 1',
      'fills BTC-USDT: 2',
      'fills ETH-USDT: 1',
      'funding BTC-USDT USDT: -1.25',
      'funding payments BTC-USDT: 1',
      'locks all: 1',
      'orders BTC-USDT: 1',
      'orders BTC-USDT: 1',
      'orders ETH-USDT: 1',
      'orders ETH-USDT: 1',
      'sold BTC-USDT: 0.1',
      'state all: 1',
      'state all: 1',
      'state all: 1',
    ]);
  });

  it('builds orders from fills where it keeps nothing else', async () => {
    const { fills } = mapping.streams;
    const columns = {
      ...fills.columns,
      symbol: { value: 'BTC-USDT' },
      side: { value: 'buy' },
      venue: { value: 'binance' },
    };
    const { reader } = open(schema, { ...mapping, streams: { fills: { ...fills, columns } } });
    const { units } = await readStream(streamOf(reader, 'fills'));
    expect(units[0]).toMatchObject({
      kind: 'order',
      externalId: 't1',
      clientOrderId: 'fill-t1',
      venueOrderId: '1',
      type: 'market',
      qty: '0.500000000000',
      status: 'FILLED',
      fills: [{ externalId: 't1' }, { externalId: 't2' }],
    });
    expect(units.slice(1).map((unit) => unit.kind)).toEqual(['part', 'order', 'order', 'order', 'order']);
  });

  it('takes totals for a fill where there are no fills', async () => {
    const sql = `CREATE TABLE o (id TEXT PRIMARY KEY, p REAL, q REAL, f REAL, a REAL, open INTEGER, t TEXT);
      INSERT INTO o VALUES ('x', 100, 2, 1.5, 99.5, 1, '2024-01-05 10:00:00'), ('y', 100, 2, 2, NULL, 0, '2024-01-05 10:00:00'),
                           ('z', 100, 2, 0, 0, 0, '2024-01-05 10:00:00')`;
    const columns = {
      symbol: { value: 'A/B' },
      side: { value: 'sell' },
      price: 'p',
      qty: 'q',
      filled_qty: 'f',
      average_price: 'a',
      is_open: 'open',
      created_us: 't',
    };
    const of = { ...mapping, detect: { o: ['id'] }, streams: { orders: { from: 'o', key: ['id'], columns } } };
    const { reader } = open(sql, of, { venue: 'v', timezone: 'Asia/Kathmandu' });
    const { units } = await readStream(streamOf(reader, 'orders'));
    expect(units).toMatchObject([
      {
        status: 'PARTIALLY_FILLED',
        createdUs: Date.UTC(2024, 0, 5, 4, 15) * 1000,
        fills: [{ price: 99.5, qty: 1.5, synthetic: true }],
      },
      { status: 'FILLED', fills: [{ price: 100, qty: 2 }] },
      { status: 'CANCELED', fills: [] },
    ]);
  });

  it.each([
    ['no table "nothing"', { funding: { from: 'nothing', key: ['a'], columns: {} } }],
    ['no column "zz"', { state: { from: 'my_state', key: ['zz'], columns: { key: 'k', value: 'v' } } }],
    ['does not say where value come from', { state: { from: 'my_state', key: ['k'], columns: { key: 'k' } } }],
    ['order_events needs streams.orders', { order_events: mapping.streams.order_events }],
    [
      'nothing says at which venue',
      { ticks: { from: 'my_fills', key: ['tid'], columns: { symbol: 'oid', ts_us: 't', price: 'px', qty: 'q' } } },
    ],
    ['need a key of one column', { ...mapping.streams, orders: { ...mapping.streams.orders, key: ['oid', 'sym'] } }],
  ])('is refused: %s', (message, streams) => {
    expect(() => open(schema, { ...mapping, streams })).toThrow(message);
  });

  it('is known by the tables that it names', () => {
    const path = join(temporaryFolder(), 'other.db');
    const db = new Database(path);
    db.exec('CREATE TABLE my_orders (oid)');
    db.close();
    const connection = openReadOnly(path, testPorts);
    onTestFinished(() => connection.close());
    const system = mappingSystem(parseMapping(JSON.stringify(mapping), 'm.json'));
    expect(system.detect(new SourceSchema(connection))).toBeUndefined();
  });
});

describe('rows of market data by a mapping', () => {
  const sql = `CREATE TABLE tape (n INTEGER PRIMARY KEY, s TEXT, t INTEGER, p TEXT, q TEXT, side TEXT, x TEXT)`;
  const ticks = {
    from: 'tape',
    key: ['n'],
    columns: { symbol: 's', ts_us: { column: 't', unit: 'ns' }, price: 'p', qty: 'q', taker_side: 'side' },
  };
  const of = { ...mapping, detect: { tape: [] }, streams: { ticks } };
  const rows = (count: number): string =>
    Array.from(
      { length: count },
      (_, n) =>
        `INSERT INTO tape VALUES (${n}, 'A-B', ${1_700_000_000_000_000_000n + BigInt(n)}, '1.5', '2', 'sell', 'u')`,
    ).join(';');

  it('are numbered within a microsecond, also where a run goes on in the middle of one', async () => {
    const { reader } = open(`${sql};${rows(6)}`, of, { venue: 'v', attributes: true });
    const whole = await readStream(streamOf(reader, 'ticks'));
    expect(whole.units.map((unit) => (unit.kind === 'market' ? unit.seq : unit.kind))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(whole.units[0]).toMatchObject({
      tsUs: 1_700_000_000_000_000,
      tick: { price: '1.5', takerSide: -1 },
      attributes: { x: 'u' },
    });

    const first = streamOf(open(`${sql};${rows(6)}`, of, { venue: 'v' }).reader, 'ticks');
    const slice = first.rows.read(undefined, { rows: 4, ms: 60_000 }, (row) => void first.map(row));
    const second = streamOf(open(`${sql};${rows(6)}`, of, { venue: 'v' }).reader, 'ticks');
    const rest = await readStream(
      second,
      slice.last?.map((part) => (typeof part === 'bigint' ? Number(part) : part)),
    );
    expect(rest.units.map((unit) => (unit.kind === 'market' ? unit.seq : unit.kind))).toEqual([4, 5]);
  });
});

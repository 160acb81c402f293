import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openReadOnly } from '../../../src/core/sqlite/connection.ts';
import { hummingbotSystem } from '../../../src/core/trading/import/hummingbot/system.ts';
import type { ReaderOptions } from '../../../src/core/trading/import/source.ts';
import { SourceSchema } from '../../../src/core/trading/import/source-schema.ts';
import type { FillPart, OrderUnit } from '../../../src/core/trading/import/unit.ts';
import { testPorts } from '../../support/context.ts';
import { type HummingbotGeneration, hummingbotWriter } from '../../support/foreign/hummingbot.ts';
import { hummingbotReleases } from '../../support/foreign/hummingbot-schema.ts';
import { type OpenedSource, openSource, readStream, streamOf, totalsOf } from '../../support/foreign/read-source.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const generations = Object.keys(hummingbotReleases) as HummingbotGeneration[];
const ms = 1000;

function fileOf(generation: HummingbotGeneration = 'H11') {
  const path = join(temporaryFolder(), 'hummingbot_trades.sqlite');
  const db = new Database(path);
  onTestFinished(() => void db.close());
  db.pragma('foreign_keys = 0');
  db.pragma('synchronous = OFF');
  const bot = hummingbotWriter(db, generation);
  return {
    db,
    ...bot,
    open(options: Partial<ReaderOptions> = {}): OpenedSource & { schema: SourceSchema } {
      const connection = openReadOnly(path, testPorts);
      onTestFinished(() => connection.close());
      const opened = openSource(hummingbotSystem, connection, options);
      onTestFinished(() => opened.reader.close?.());
      return { ...opened, schema: new SourceSchema(connection) };
    },
  };
}

/** One order with two fills and its events, as every generation can write it. */
function oneOrder(file: ReturnType<typeof fileOf>): void {
  file.order('HBOT-1', { amount: '0.3', price: '64123.45' });
  file.status('HBOT-1', 'BuyOrderCreated', 1_700_000_000_000);
  file.status('HBOT-1', 'OrderFilled', 1_700_000_001_000);
  file.status('HBOT-1', 'OrderFilled', 1_700_000_002_000);
  file.status('HBOT-1', 'BuyOrderCompleted', 1_700_000_002_500);
  file.fill('HBOT-1', 't2', { amount: '0.2', price: '64123.45', timestamp: 1_700_000_002_000 });
  file.fill('HBOT-1', 't1', { amount: '0.1', price: '64123.4', timestamp: 1_700_000_001_000 });
}

const textOf = (value: unknown): number => Number(value);

describe('a Hummingbot file', () => {
  it.each(generations)('of generation %s gives the same order', async (generation) => {
    const file = fileOf(generation);
    oneOrder(file);
    const { reader, schema } = file.open();
    expect(hummingbotSystem.detect(schema)).toMatchObject({ system: 'hummingbot', generation, refused: undefined });
    const { units } = await readStream(streamOf(reader, 'orders'));
    const [unit] = units as [OrderUnit];
    expect(unit).toMatchObject({
      kind: 'order',
      externalId: 'HBOT-1',
      clientOrderId: 'HBOT-1',
      venueOrderId: generation === 'H1' ? null : 'x-HBOT-1',
      account: { venue: 'binance', name: 'main', mode: 'live' },
      instrument: { symbol: 'BTC-USDT', kind: 'spot', base: 'BTC', quote: 'USDT' },
      strategy: { name: 'pure_market_making', version: 'conf_pmm.yml' },
      side: 1,
      type: 'limit',
      status: 'FILLED',
      createdUs: 1_700_000_000_000 * ms,
      note: null,
    });
    expect([unit.price, unit.qty].map(textOf)).toEqual([64_123.45, 0.3]);
    expect(unit.fills.map(({ venueTradeId, price, qty }) => [venueTradeId, Number(price), Number(qty)])).toEqual([
      ['t1', 64_123.4, 0.1],
      ['t2', 64_123.45, 0.2],
    ]);
    expect(unit.events?.map(({ exec, to, fill }) => [exec, to, fill])).toEqual([
      ['NEW', 'NEW', undefined],
      ['TRADE', 'PARTIALLY_FILLED', 0],
      ['TRADE', 'FILLED', 1],
    ]);
    expect((await readStream(streamOf(reader, 'fills'))).units).toMatchObject([
      { kind: 'part', entity: 'fill' },
      { kind: 'part' },
    ]);
    expect((await readStream(streamOf(reader, 'order_events'))).units.map(({ kind }) => kind)).toEqual([
      'part',
      'part',
      'part',
      'part',
    ]);
    expect(reader.columns.filter(({ fate }) => fate === 'unknown')).toEqual([]);
    expect(totalsOf(reader).map((line) => line.replace(/\.?0+$/, ''))).toEqual([
      'bought BTC-USDT: 0.1',
      'bought BTC-USDT: 0.2',
      'fills BTC-USDT: 1',
      'fills BTC-USDT: 1',
      'orders BTC-USDT: 1',
    ]);
  });

  it('whose version and tables contradict each other is refused, one of somebody else is not seen', () => {
    const file = fileOf('H5');
    file.db.exec('ALTER TABLE TradeFill ADD COLUMN id INTEGER');
    expect(() => file.open()).not.toThrow();
    const { schema } = file.open();
    expect(hummingbotSystem.detect(schema)?.refused?.reason).toContain(
      'version is 20230516, but TradeFill still has an id',
    );
    file.db.exec('DROP TABLE TradeFill');
    expect(hummingbotSystem.detect(new SourceSchema(schema.connection))).toBeUndefined();
  });

  it('that was migrated keeps scaled integers as REAL, and a fraction there is no number', async () => {
    const file = fileOf('H4');
    file.db.exec(`DROP TABLE "Order"; CREATE TABLE "Order" (id TEXT PRIMARY KEY, config_file_path TEXT, strategy TEXT, market TEXT, symbol TEXT,
      base_asset TEXT, quote_asset TEXT, creation_timestamp BIGINT, order_type TEXT, amount BIGINT, leverage INTEGER, price FLOAT,
      last_status TEXT, last_update_timestamp BIGINT, exchange_order_id TEXT, position TEXT)`);
    const insert = file.db.prepare(
      `INSERT INTO "Order" VALUES (?, 'c', 's', 'binance', 'BTC-USDT', 'BTC', 'USDT', 1700000000000, 'LIMIT', ?, 1, ?, 'OrderCancelled', 1700000000000, NULL, NULL)`,
    );
    insert.run('a', 300_000, 64_123_450_000);
    insert.run('b', 300_000, 0.5);
    for (const id of ['a', 'b']) file.status(id, 'SellOrderCreated');
    const { reader } = file.open();
    const { units } = await readStream(streamOf(reader, 'orders'));
    expect(units).toMatchObject([{ price: '64123.450000', qty: '0.300000', side: -1 }, { price: '0.5 is not whole' }]);
  });
});

describe('orders of Hummingbot', () => {
  it.each([
    ['side_unknown', { last_status: 'OrderCancelled' }, []],
    ['not_an_order', { order_type: 'AMM_ADD' }, ['BuyOrderCreated']],
    ['status_unknown', { last_status: 'OrderEaten' }, ['BuyOrderCreated']],
    ['time_out_of_range', { creation_timestamp: 5 }, ['BuyOrderCreated']],
    ['bad_time', { creation_timestamp: 0 }, ['BuyOrderCreated']],
    ['bad_text', { symbol: '' }, ['BuyOrderCreated']],
  ] as const)('are held as %s: %j', async (reason, change, events) => {
    const file = fileOf();
    file.order('o', change);
    for (const status of events) file.status('o', status);
    const { units } = await readStream(streamOf(file.open().reader, 'orders'));
    expect(units).toMatchObject([{ kind: 'held', externalId: 'o', reason }]);
  });

  it('take their side from fills where no event tells it, and are held with fills that contradict it', async () => {
    const file = fileOf();
    file.order('a', { last_status: 'OrderFilled', amount: '2' });
    file.fill('a', 't', { trade_type: 'SELL' });
    file.order('b', {});
    file.status('b', 'BuyOrderCreated');
    file.fill('b', 't', { trade_type: 'SELL' });
    file.order('c', { last_status: 'OrderFailure' });
    file.fill('c', 't', {});
    file.order('d', {});
    file.fill('d', 't', { timestamp: 0 });
    file.order('e', {});
    file.fill('e', 't', { trade_fee: '{broken' });
    file.order('f', {});
    file.fill('f', 't', { trade_type: 'RANGE' });
    const { units } = await readStream(streamOf(file.open().reader, 'orders'));
    expect(units).toMatchObject([
      { side: -1, status: 'PARTIALLY_FILLED' },
      { kind: 'held', reason: 'wrong_parent' },
      { kind: 'held', reason: 'rejected_with_fill' },
      { kind: 'held', reason: 'bad_time' },
      { kind: 'held', reason: 'bad_json', detail: 'trade_fee of fill ["binance","e","t"]' },
      { kind: 'held', reason: 'not_an_order' },
    ]);
    expect((units[1] as { related?: unknown[] }).related).toHaveLength(2);
  });

  it('of which cut fills lack a millionth are complete by what was filled', async () => {
    const file = fileOf();
    file.order('a', { amount: '0.3', order_type: 'MARKET' });
    file.fill('a', 't1', { amount: '0.149999' });
    file.fill('a', 't2', { amount: '0.15' });
    file.order('b', { amount: '0.3' });
    file.fill('b', 't3', { amount: '0.2' });
    const { reader, notes } = file.open();
    const { units } = await readStream(streamOf(reader, 'orders'));
    expect(units).toMatchObject([
      { status: 'FILLED', qty: '0.299999000000', note: 'at the source 0.300000', type: 'market', price: null },
      { status: 'CANCELED', qty: '0.300000' },
    ]);
    expect([...notes.keys()]).toContain(
      'completed orders of which the fills, cut to millionths, lack some: their quantity is what was filled',
    );
  });

  it('have a price of none where it is 0, and count digits that the source has cut', async () => {
    const file = fileOf();
    file.order('a', { price: '0', last_status: 'OrderCancelled', order_type: 'LIMIT_MAKER' });
    file.status('a', 'BuyOrderCreated');
    file.order('b', { price: '0.000023', last_status: 'OrderCancelled' });
    file.status('b', 'BuyOrderCreated');
    const { reader, notes } = file.open();
    const { units } = await readStream(streamOf(reader, 'orders'));
    expect(units).toMatchObject([
      { type: 'limit', postOnly: true, price: null },
      { type: 'limit', price: '0.000023' },
    ]);
    expect(notes.get('BTC-USDT: values under 1,000 millionths, of which the source has cut digits')).toBe(1);
  });

  it('of paper markets are paper, of perpetual markets perpetual, each at its venue', async () => {
    const file = fileOf();
    for (const [id, market] of [
      ['a', 'binance_PaperTrade'],
      ['b', 'kucoin_paper_trade'],
      ['buy://c', 'binance'],
      ['d', 'binance_perpetual'],
    ] as const) {
      file.order(id, { market, last_status: 'OrderCancelled' });
      file.status(id, 'BuyOrderCreated');
    }
    const { units } = await readStream(streamOf(file.open().reader, 'orders'));
    expect(units).toMatchObject([
      { account: { venue: 'binance', mode: 'paper' }, instrument: { kind: 'spot' } },
      { account: { venue: 'kucoin', mode: 'paper' } },
      { account: { venue: 'binance', mode: 'paper' } },
      {
        account: { venue: 'binance_perpetual', mode: 'live' },
        instrument: { kind: 'perp', venue: 'binance_perpetual' },
      },
    ]);
  });

  it('keep their life where it is one, whatever clock told its times', async () => {
    const file = fileOf();
    const life = (id: string, last: string, ...events: [string, number][]): void => {
      file.order(id, { last_status: last });
      for (const [status, at] of events) file.status(id, status, 1_700_000_000_000 + at);
    };
    // The machine's clock is behind the venue's.
    life('late', 'OrderCancelled', ['BuyOrderCreated', 500], ['OrderCancelled', 300]);
    life('none', 'OrderExpired', ['BuyOrderCreated', 0], ['OrderCancelled', 100], ['OrderFilled', 200]);
    life('odd', 'OrderCancelled', ['BuyOrderCreated', 0], ['OrderDreamt', 100]);
    const { reader, notes } = file.open();
    const { units } = await readStream(streamOf(reader, 'orders'));
    const [late, none, odd] = units as OrderUnit[];
    expect(late?.events).toMatchObject([
      { to: 'NEW', eventUs: 1_700_000_000_500_000 },
      { to: 'CANCELED', eventUs: 1_700_000_000_500_000, note: 'at the source 1700000000300' },
    ]);
    expect([none?.events, odd?.events]).toEqual([undefined, undefined]);
    expect(
      notes.get('orders whose events are no possible life: it is written anew from their fills and last status'),
    ).toBe(2);
  });

  it('are built from fills that have none', async () => {
    const file = fileOf();
    file.fill('gone', 't1', { amount: '1', timestamp: 1_700_000_005_000 });
    file.fill('gone', 't2', { amount: '2', timestamp: 1_700_000_004_000 });
    file.fill('mixed', 't1', { trade_type: 'BUY' });
    file.fill('mixed', 't2', { trade_type: 'SELL' });
    file.fill('range', 't1', { trade_type: 'RANGE' });
    const { reader } = file.open();
    const { units } = await readStream(streamOf(reader, 'fills'));
    expect(units).toMatchObject([
      {
        kind: 'order',
        clientOrderId: 'gone',
        externalId: '["binance","gone","t1"]',
        qty: '3.000000000000',
        createdUs: 1_700_000_004_000 * ms,
        note: 'built from its fills: the source keeps no order',
        fills: [{ venueTradeId: 't2' }, { venueTradeId: 't1' }],
      },
      { kind: 'part' },
      { kind: 'held', reason: 'wrong_parent' },
      { kind: 'part' },
      { kind: 'held', reason: 'not_an_order' },
    ]);
    const held = ['["binance","mixed","t1"]', '["binance","range","t1"]'];
    expect(totalsOf(reader, { fills: held })).toEqual([
      'bought BTC-USDT: 1.000000',
      'bought BTC-USDT: 2.000000',
      'fills BTC-USDT: 1',
      'fills BTC-USDT: 1',
      'orders BTC-USDT: 1',
    ]);
  });
});

describe('fees of Hummingbot', () => {
  const added = { fee_type: 'AddedToCost', percent: '0', percent_token: null, flat_fees: [] };
  it.each([
    [
      'flat',
      {
        ...added,
        flat_fees: [
          { token: 'BNB', amount: '0.00012' },
          { token: 'USDT', amount: '1' },
        ],
      },
      [
        ['BNB', '0.00012'],
        ['USDT', '1'],
      ],
    ],
    [
      'flat of an old release',
      { percent: 0, flat_fees: [{ asset: 'BNB', amount: 0.5 }, ['KCS', 2]] },
      [
        ['BNB', 0.5],
        ['KCS', 2],
      ],
    ],
    ['a rate added to the cost', { ...added, percent: '0.001' }, [['USDT', '0.02000000']]],
    [
      'a rate of what was bought',
      { ...added, fee_type: 'DeductedFromReturns', percent: '0.001' },
      [['BTC', '0.00200000']],
    ],
    ['a rate in the quote', { ...added, percent: '0.001', percent_token: 'USDT' }, [['USDT', '0.02000000']]],
    ['a rate in a third token', { ...added, percent: '0.001', percent_token: 'BNB' }, [['USDT', '0.030000']]],
    ['as a text of JSON', JSON.stringify({ ...added, flat_fees: [{ token: 'BNB', amount: '1' }] }), [['BNB', '1']]],
  ])('are exact: %s', async (_name, fee, expected) => {
    const file = fileOf();
    file.order('o', { amount: '2' });
    file.fill('o', 't', { amount: '2', price: '10', trade_fee: JSON.stringify(fee), trade_fee_in_quote: 30_000 });
    const { units } = await readStream(streamOf(file.open().reader, 'orders'));
    expect(
      (units[0] as OrderUnit).fills.map(({ fees }: FillPart) => fees.map(({ asset, amount }) => [asset, amount])),
    ).toEqual([expected]);
  });

  it('of which nobody knows the price are counted, and broken ones hold the order', async () => {
    const file = fileOf();
    file.order('o', { amount: '2' });
    file.fill('o', 't', {
      amount: '2',
      trade_fee: JSON.stringify({ ...added, percent: '0.001', percent_token: 'BNB' }),
    });
    for (const [index, fee] of [
      '[1]',
      '{"flat_fees": 5}',
      '{"flat_fees": [{"token": 5}]}',
      '{"percent": "x"}',
      '7',
    ].entries()) {
      file.order(`p${index}`, {});
      file.fill(`p${index}`, 't', { trade_fee: fee });
    }
    const { reader, notes } = file.open();
    const { units } = await readStream(streamOf(reader, 'orders'));
    expect(units[0]).toMatchObject({ fills: [{ fees: [] }] });
    expect(units.slice(1).map((unit) => (unit.kind === 'held' ? unit.reason : unit.kind))).toEqual(
      Array(5).fill('bad_json'),
    );
    expect(notes.get('fees in a token without a price, which the source did not convert: not imported')).toBe(1);
  });
});

describe('other tables of Hummingbot', () => {
  it('funding has the unit of each connector', async () => {
    const file = fileOf();
    for (const timestamp of [1_700_000_000_000, 1_700_000_100, 1_700_000_200.5, 0])
      file.funding({ timestamp, amount: -1.5 });
    const { reader, notes } = file.open();
    const { units } = await readStream(streamOf(reader, 'funding'));
    expect(units).toMatchObject([
      { kind: 'held', reason: 'bad_time', externalId: '0' },
      { kind: 'funding', dueUs: 1_700_000_100_000_000, amount: -1.5, rate: 0.0001, instrument: { kind: 'perp' } },
      { dueUs: 1_700_000_200_500_000 },
      { dueUs: 1_700_000_000_000_000 },
    ]);
    expect(totalsOf(reader, { funding: ['0'] }).filter((line) => line.startsWith('funding payments'))).toHaveLength(3);
    expect([...notes.keys()]).toEqual([
      'funding of binance_perpetual in USDT adds up to -4.5: check that its sign is yours',
    ]);
  });

  it('market data is in nanoseconds, and its book has the digits that the columns lost', async () => {
    const file = fileOf();
    const book = {
      bid: [
        [0.00002345, 10.5, 1],
        [0.00002344, 7, 1],
      ],
      ask: [[0.00002347, 3, 1]],
    };
    file.data({
      timestamp: 1_700_000_000_123_000_000n,
      mid_price: 23n,
      best_bid: 23n,
      best_ask: 23n,
      order_book: JSON.stringify(book),
    });
    file.data({
      timestamp: 1_700_000_001_000_000_000n,
      mid_price: 0n,
      best_bid: 64_000_000_000n,
      best_ask: 0n,
      order_book: null,
    });
    file.data({ timestamp: 1_700_000_002_000_000_000n, mid_price: 0n, best_bid: 0n, best_ask: 0n, order_book: null });
    file.data({
      timestamp: 1_700_000_003_000_000_000n,
      mid_price: 0n,
      best_bid: 1n,
      best_ask: 1n,
      order_book: '{"bid": 5}',
    });
    const { units } = await readStream(streamOf(file.open().reader, 'quotes'));
    expect(units).toMatchObject([
      {
        tsUs: 1_700_000_000_123_000,
        seq: 0,
        quote: { bidPx: 0.00002345, bidQty: 10.5, askPx: 0.00002347, askQty: 3 },
        levels: [{ level: 2, bidPx: 0.00002344, bidQty: 7, askPx: null, askQty: null }],
      },
      { quote: { bidPx: '64000.000000', bidQty: null, askPx: null, askQty: null }, levels: [] },
      { kind: 'nothing' },
      { kind: 'held', reason: 'bad_json' },
    ]);
  });

  it('the newest state of a market counts', async () => {
    const file = fileOf();
    for (const timestamp of [1_700_000_000_000, 1_700_000_002_000, 1_700_000_001_000]) {
      file.state({ timestamp, saved_state: `{"at":${timestamp}}` });
    }
    file.state({ market: 'kucoin', timestamp: 1_700_000_000_000, saved_state: 'not json' });
    const { reader } = file.open();
    const { units } = await readStream(streamOf(reader, 'state of MarketState'));
    expect(units).toMatchObject([
      { kind: 'held', reason: 'duplicate_conflict' },
      {
        kind: 'state',
        scope: 'market',
        scopeId: 'conf_pmm.yml',
        key: 'binance',
        value: '{"at":1700000002000}',
        updatedUs: 1_700_000_002_000_000,
      },
      { kind: 'held', reason: 'duplicate_conflict' },
      { kind: 'held', reason: 'bad_json' },
    ]);
    expect(totalsOf(reader, { 'state of MarketState': ['MarketState 1', 'MarketState 3', 'MarketState 4'] })).toEqual([
      'state all: 1',
    ]);
  });

  it('tables of strategies are kept whole', async () => {
    const file = fileOf();
    const row = {
      timestamp: 1_700_000_000.25,
      type: 'grid',
      close_type: null,
      close_timestamp: null,
      status: 1,
      is_active: 1,
    };
    file.executor({
      ...row,
      id: 'e1',
      config: '{"a":[1]}',
      custom_info: 'text',
      net_pnl_quote: 1.5,
      controller_id: 'c9',
    });
    file.db.exec(`INSERT INTO Controllers VALUES ('main', 1, 1700000000.5, 'pmm', '{}');
      INSERT INTO InventoryCost VALUES (1, 'BTC', 'USDT', 1.5, 9007199254740993)`);
    const { reader } = file.open();
    const { units } = await readStream(streamOf(reader, 'state of Executors'));
    expect(units).toMatchObject([
      { kind: 'state', scope: 'executor', scopeId: 'c9', key: 'e1', updatedUs: 1_700_000_000_250_000 },
    ]);
    expect(JSON.parse((units[0] as { value: string }).value)).toMatchObject({
      config: { a: [1] },
      custom_info: 'text',
      net_pnl_quote: 1.5,
      close_type: null,
    });
    expect((await readStream(streamOf(reader, 'state of Controllers'))).units).toMatchObject([
      { scope: 'controller', key: '1' },
    ]);
    const cost = await readStream(streamOf(reader, 'state of InventoryCost'));
    expect(JSON.parse((cost.units[0] as { value: string }).value)).toMatchObject({ quote_volume: '9007199254740993' });
  });
});

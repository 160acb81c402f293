import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ndjsonSource } from '../../../src/core/trading/import/ndjson/source.ts';
import { openFile, readStream, streamOf, totalsOf } from '../../support/foreign/read-source.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const venue = { venue: 'v' };

function file(...lines: readonly (string | object | Buffer)[]): string {
  const path = join(temporaryFolder(), 'feed.ndjson');
  writeFileSync(path, '');
  for (const line of lines) {
    const text = Buffer.isBuffer(line) || typeof line === 'string' ? line : JSON.stringify(line);
    appendFileSync(path, Buffer.concat([Buffer.from(text as string), Buffer.from('\n')]));
  }
  return path;
}

const ticks = {
  tradedbMapping: 1,
  name: 'feed',
  detect: {},
  streams: {
    ticks: {
      from: '*',
      key: ['#line'],
      columns: {
        symbol: 's',
        ts_us: { column: 't', unit: 'ns' },
        price: 'data.p',
        qty: 'data.q',
        taker_side: 'data.side',
        venue_trade_id: 'id',
      },
    },
  },
};
const tick = (p: unknown, more: object = {}): object => ({
  s: 'BTC-USDT',
  t: '1700000000000000001',
  id: 7,
  data: { p, q: 1, side: 'buy' },
  ...more,
});

describe('lines of JSON', () => {
  it('give every digit of their numbers, and fields within objects', async () => {
    const exact =
      '{"s":"BTC-USDT","t":1700000000000000001,"id":9007199254740993,"data":{"p":1234567.1234567891,"q":1e-8}}';
    const dotted = { s: 'BTC-USDT', t: '1700000001000000000', 'data.p': 5, data: { p: 6, q: 7 } };
    const { reader } = await openFile(ndjsonSource, file(exact, '', tick('64123.450'), dotted), venue, ticks);
    const { units } = await readStream(streamOf(reader, 'ticks'));
    expect(units).toMatchObject([
      {
        tsUs: 1_700_000_000_000_000,
        seq: 0,
        tick: { price: '1234567.1234567891', qty: 1e-8, venueTradeId: '9007199254740993', takerSide: null },
      },
      { seq: 1, tick: { price: '64123.450', qty: 1, takerSide: 1, venueTradeId: '7' } },
      { seq: 0, tsUs: 1_700_000_001_000_000, tick: { price: 5, qty: 7 } },
    ]);
  });

  it('that are broken are held with their text, and the next one is read', async () => {
    const path = file(tick(1), '{"s": ', '[1]', '7', Buffer.from([0x7b, 0xff, 0x7d]), tick(2, { t: 'never' }), tick(3));
    const { reader } = await openFile(ndjsonSource, path, venue, ticks);
    const stream = streamOf(reader, 'ticks');
    const { units, held } = await readStream(stream);
    expect(units).toHaveLength(7);
    expect(held.map(({ externalId, reason, detail }) => [externalId, reason, detail?.replace(/: .*/, '')])).toEqual([
      ['#2', 'bad_json', 'line 2'],
      ['3', 'bad_text', 'no symbol'],
      ['#4', 'bad_json', 'line 4'],
      ['#5', 'bad_text', 'line 5'],
      ['6', 'bad_time', 'never'],
    ]);
    const rows: unknown[] = [];
    stream.rows.read(undefined, { rows: 2, ms: 1000 }, (row) => rows.push(row[stream.columns.indexOf('#json')]));
    expect(rows[1]).toBe('{"s":');
  });

  it('are read on from where the last run stopped', async () => {
    const path = file(tick(1), tick(2));
    const first = await readStream(streamOf((await openFile(ndjsonSource, path, venue, ticks)).reader, 'ticks'));
    appendFileSync(path, `${JSON.stringify(tick(3))}\n`);
    const second = await readStream(
      streamOf((await openFile(ndjsonSource, path, venue, ticks)).reader, 'ticks'),
      first.last,
    );
    // The third row of its microsecond.
    expect(second.units).toMatchObject([{ seq: 2, tick: { price: 3 } }]);
  });

  it('can be orders and state', async () => {
    const of = {
      ...ticks,
      streams: {
        orders: {
          from: 'feed',
          key: ['id'],
          columns: { symbol: 's', side: 'side', qty: 'q', price: 'p', status: 'st', created_us: 't', filled_qty: 'f' },
        },
      },
    };
    const order = {
      id: 'o1',
      s: 'A-B',
      side: 'sell',
      q: '2',
      p: '1.50',
      st: 'closed',
      t: '2024-01-05T10:00:00Z',
      f: '2',
      flags: { deep: [1] },
    };
    const { reader } = await openFile(ndjsonSource, file(order, { ...order, id: 'o2', st: 'lost' }, 'x'), venue, of);
    const { units } = await readStream(streamOf(reader, 'orders'));
    expect(units).toMatchObject([
      {
        kind: 'order',
        externalId: 'o1',
        status: 'FILLED',
        side: -1,
        fills: [{ qty: '2', price: '1.50', synthetic: true }],
      },
      { kind: 'held', reason: 'status_unknown', detail: 'lost' },
      { kind: 'held', reason: 'bad_json' },
    ]);
    expect(totalsOf(reader, { orders: ['o2', '#3'] })).toEqual(['fills A-B: 1', 'orders A-B: 1', 'sold A-B: 2']);

    const state = {
      ...ticks,
      streams: { state: { from: '*', key: ['k'], columns: { key: 'k', value: 'v', updated_us: 't' } } },
    };
    const opened = await openFile(
      ndjsonSource,
      file({ k: 'a', v: { b: [1, 'x'] }, t: 1_700_000_000 }, { k: 'c', v: true }),
      venue,
      state,
    );
    expect((await readStream(streamOf(opened.reader, 'state'))).units).toMatchObject([
      { key: 'a', value: '{"b":[1,"x"]}', updatedUs: 1_700_000_000_000_000 },
      { key: 'c', value: 'true', updatedUs: 0 },
    ]);
  });

  it('of candles need no mapping', async () => {
    const candle = { time: 1_700_000_040, open: 1.5, high: '2.50', low: 1, close: 2, volume: 3 };
    const { reader } = await openFile(ndjsonSource, file(candle, { ...candle, time: 1_700_000_100 }), {
      ...venue,
      quote: 'USDT',
    });
    const { units } = await readStream(streamOf(reader, 'candles'));
    expect(units).toMatchObject([
      { kind: 'candle', intervalS: 60, open: 1.5, high: '2.50' },
      { openUs: 1_700_000_100_000_000 },
    ]);
    await expect(openFile(ndjsonSource, file(tick(1)), venue)).rejects.toThrow('no file of candles');
    await expect(openFile(ndjsonSource, file('7'), venue)).rejects.toThrow('no JSON object');
  });
});

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Connection, openReadOnly } from '../../../src/core/sqlite/connection.ts';
import type { ReaderOptions } from '../../../src/core/trading/import/source.ts';
import { SourceSchema } from '../../../src/core/trading/import/source-schema.ts';
import type { CandleUnit, MarketUnit } from '../../../src/core/trading/import/unit.ts';
import { vnpySystem } from '../../../src/core/trading/import/vnpy/system.ts';
import { testPorts } from '../../support/context.ts';
import { factsOf, openSource, readStream, streamOf, totalsOf } from '../../support/foreign/read-source.ts';
import { createTables, type ForeignRow, rowWriter } from '../../support/foreign/table.ts';
import { barOverviews, bars, ticks, vnpyReleases, vnpyTables } from '../../support/foreign/vnpy-schema.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

type Release = keyof typeof vnpyReleases;

/** A file of vn.py on disk, which a test fills and a reader then looks at through a handle of its own. */
function fileOf(release: Release = 'V3') {
  const path = join(temporaryFolder(), 'database.db');
  const db = new Database(path);
  onTestFinished(() => void db.close());
  db.pragma('synchronous = OFF');
  createTables(db, vnpyTables, vnpyReleases[release]);
  return {
    db,
    bar: rowWriter(db, bars, vnpyReleases[release]),
    tick: rowWriter(db, ticks, vnpyReleases[release]),
    overview: rowWriter(db, barOverviews, vnpyReleases[release]),
    connect(): Connection {
      const connection = openReadOnly(path, testPorts);
      onTestFinished(() => connection.close());
      return connection;
    },
  };
}

const bar = (datetime: string, more: ForeignRow = {}): ForeignRow => ({
  symbol: 'rb2410',
  exchange: 'SHFE',
  datetime,
  interval: '1m',
  volume: 12,
  turnover: 43_512.5,
  open_interest: 900,
  open_price: 3500.1,
  high_price: 3500.3,
  low_price: 3499.9,
  close_price: 3500.2,
  ...more,
});

const emptyBook = Object.fromEntries(
  ['bid', 'ask'].flatMap((side) =>
    [1, 2, 3, 4, 5].flatMap((level) => [
      [`${side}_price_${level}`, level === 1 ? 0 : null],
      [`${side}_volume_${level}`, level === 1 ? 0 : null],
    ]),
  ),
);

const tick = (datetime: string, volume: number, more: ForeignRow = {}): ForeignRow => ({
  symbol: 'rb2410',
  exchange: 'SHFE',
  datetime,
  name: 'rebar',
  turnover: 0,
  open_interest: 900,
  limit_up: 4000,
  limit_down: 3000,
  open_price: 3500,
  high_price: 3501,
  low_price: 3499,
  pre_close: 3498,
  localtime: null,
  ...emptyBook,
  volume,
  last_volume: 7,
  last_price: 3500.2,
  ...more,
});

const shanghai: Partial<ReaderOptions> = { timezone: 'Asia/Shanghai' };
const utc = (text: string): number => Date.parse(`${text}Z`) * 1000;

describe('a file of vn.py', () => {
  it.each(Object.keys(vnpyReleases) as Release[])('is known as %s by its tables', async (release) => {
    const file = fileOf(release);
    file.bar(bar('2024-01-05 09:00:00'));
    const connection = file.connect();
    expect(vnpySystem.detect(new SourceSchema(connection))).toMatchObject({ system: 'vnpy', generation: release });
    const { reader } = openSource(vnpySystem, connection, shanghai);
    const { units } = await readStream(streamOf(reader, 'candles'));
    expect(units).toMatchObject([{ kind: 'candle', quoteVolume: release === 'V1' ? null : 43_512.5 }]);
    expect(reader.columns.filter(({ fate }) => fate === 'unknown')).toEqual([]);
  });

  it('is not seen in the tables of somebody else, and names what it does not know', () => {
    const file = fileOf();
    file.db.exec('CREATE TABLE mine (a); ALTER TABLE dbbardata ADD COLUMN settlement REAL');
    const { reader } = openSource(vnpySystem, file.connect(), shanghai);
    expect(reader.columns.filter(({ fate }) => fate === 'unknown')).toMatchObject([
      { table: 'dbbardata', column: 'settlement' },
      { table: 'mine', column: '*' },
    ]);
    file.db.exec('DROP TABLE dbbardata; DROP TABLE dbtickdata');
    expect(vnpySystem.detect(new SourceSchema(file.connect()))).toBeUndefined();
  });

  it('needs a zone, and what an exchange trades that is not of China', () => {
    const file = fileOf();
    file.bar(bar('2024-01-05 09:00:00'));
    expect(() => openSource(vnpySystem, file.connect())).toThrow('does not say of which zone');
    expect(() => openSource(vnpySystem, file.connect(), { timezone: 'Mars/Base' })).toThrow('no time zone');
    file.bar(bar('2024-01-05 09:00:00', { symbol: 'AAPL', exchange: 'NASDAQ' }));
    expect(() => openSource(vnpySystem, file.connect(), shanghai)).toThrow('what "NASDAQ" trades');
    const { catalog } = openSource(vnpySystem, file.connect(), { ...shanghai, kind: 'equity', quote: 'USD' });
    expect(catalog.instruments.map(({ venue, symbol, kind, quote }) => [venue, symbol, kind, quote])).toEqual([
      ['NASDAQ', 'AAPL', 'equity', 'USD'],
      ['SHFE', 'rb2410', 'equity', 'USD'],
    ]);
  });

  it('has futures and shares in yuan, and the same symbol on two exchanges apart', () => {
    const file = fileOf();
    for (const [symbol, exchange] of [
      ['000001', 'SSE'],
      ['000001', 'SZSE'],
      ['IF2401', 'CFFEX'],
    ] as const) {
      file.bar(bar('2024-01-05 09:00:00', { symbol, exchange }));
    }
    const { catalog } = openSource(vnpySystem, file.connect(), shanghai);
    expect(catalog.instruments).toMatchObject([
      { venue: 'SSE', kind: 'equity', base: '000001.SSE', quote: 'CNY', continuous: false },
      { venue: 'SZSE', kind: 'equity', base: '000001.SZSE' },
      { venue: 'CFFEX', kind: 'future', base: 'IF2401.CFFEX' },
    ]);
  });
});

describe('bars', () => {
  it('become candles whose numbers are those of the file, at times of its zone', async () => {
    const file = fileOf();
    file.bar(bar('2024-01-05 09:00:00'));
    file.bar(bar('2024-01-05 09:00:00', { interval: '1h' }));
    file.bar(bar('2024-01-05 00:00:00', { interval: 'd' }));
    file.bar(bar('2024-01-05 15:00:00', { interval: 'w' }));
    const { reader } = openSource(vnpySystem, file.connect(), shanghai);
    const { units, rows } = await readStream(streamOf(reader, 'candles'));
    expect(rows).toBe(4);
    expect(units[0]).toMatchObject({
      intervalS: 60,
      openUs: utc('2024-01-05T01:00:00'),
      open: 3500.1,
      high: 3500.3,
      low: 3499.9,
      close: 3500.2,
      volume: 12,
      quoteVolume: 43_512.5,
      openInterest: 900,
    });
    // Days and weeks carry their trading date.
    expect(units.map((unit) => [(unit as CandleUnit).intervalS, (unit as CandleUnit).openUs])).toEqual([
      [60, utc('2024-01-05T01:00:00')],
      [3600, utc('2024-01-05T01:00:00')],
      [86_400, utc('2024-01-05T00:00:00')],
      [604_800, utc('2024-01-05T00:00:00')],
    ]);
  });

  it('keep their trading date when the file is written in another zone', async () => {
    const file = fileOf();
    file.bar(bar('2024-01-04 16:00:00', { interval: 'd' }));
    const { reader } = openSource(vnpySystem, file.connect(), { timezone: 'UTC' });
    const { units } = await readStream(streamOf(reader, 'candles'));
    expect(units).toMatchObject([{ openUs: utc('2024-01-05T00:00:00') }]);
  });

  it('of an hour that came twice are counted, of one that never was are held', async () => {
    const file = fileOf();
    file.bar(bar('2024-11-03 01:30:00'));
    file.bar(bar('2024-03-10 02:30:00'));
    const { reader, notes } = openSource(vnpySystem, file.connect(), { timezone: 'America/New_York' });
    const { units } = await readStream(streamOf(reader, 'candles'));
    expect(units).toMatchObject([{ openUs: utc('2024-11-03T05:30:00') }, { kind: 'held', reason: 'bad_time' }]);
    expect([...notes]).toEqual([['local times of an hour that came twice, taken at its first', 1]]);
  });

  it.each([
    ['bad_time', { datetime: 'yesterday' }],
    ['bad_time', { datetime: 20_240_105 }],
    ['bad_time', { datetime: '2024-01-05 09:00:30' }],
    ['time_out_of_range', { datetime: '1999-12-31 09:00:00' }],
    ['unknown_interval', { interval: 'tick' }],
    ['bad_text', { symbol: '' }],
  ] as const)('are held as %s: %j', async (reason, change) => {
    const file = fileOf();
    file.bar(bar('2024-01-05 09:00:00', change));
    const { reader } = openSource(vnpySystem, file.connect(), shanghai);
    const { held } = await readStream(streamOf(reader, 'candles'));
    expect(held).toMatchObject([{ reason }]);
    expect(streamOf(reader, 'candles').externalId([1n, 'a', 'b', 'c', 'd'])).toBe('["a","b","d","c"]');
  });

  it('that are written again come once more, and ids that are given anew begin from the start', async () => {
    const file = fileOf();
    const again = file.db.prepare('UPDATE dbbardata SET id = (SELECT max(id) + 1 FROM dbbardata) WHERE datetime = ?');
    for (const minute of ['00', '01', '02']) file.bar(bar(`2024-01-05 09:${minute}:00`));
    const connection = file.connect();
    const open = () => streamOf(openSource(vnpySystem, connection, shanghai).reader, 'candles');
    const first = await readStream(open());
    expect(first.rows).toBe(3);
    expect(await readStream(open(), first.last)).toMatchObject({ rows: 0 });

    // REPLACE takes the row away and puts it at the end.
    again.run('2024-01-05 09:02:00');
    const second = await readStream(open(), first.last);
    expect(second.units).toMatchObject([{ openUs: utc('2024-01-05T01:02:00') }]);

    file.db.exec('DELETE FROM dbbardata');
    for (const minute of ['10', '11', '12', '13']) file.bar(bar(`2024-01-05 09:${minute}:00`));
    expect(await readStream(open(), second.last)).toMatchObject({ rows: 4 });
    file.db.exec('DELETE FROM dbbardata WHERE id > 1');
    expect(await readStream(open(), second.last)).toMatchObject({ rows: 1 });
  });

  it('tell each larger or finer number for the choice of scales, once', () => {
    const file = fileOf();
    file.bar(bar('2024-01-05 09:00:00'));
    file.bar(bar('2024-01-05 09:01:00', { open_price: 3500.25, volume: 12.5 }));
    for (let minute = 10; minute < 30; minute += 1) file.bar(bar(`2024-01-05 09:${minute}:00`));
    const { reader } = openSource(vnpySystem, file.connect(), shanghai);
    expect([...factsOf(streamOf(reader, 'candles'))].sort()).toEqual([
      'money CNY 43512.5',
      'price rb2410 3500.1',
      'price rb2410 3500.25',
      'price rb2410 3500.3',
      'qty rb2410 12',
      'qty rb2410 12.5',
      'qty rb2410 900',
    ]);
  });

  it('are counted for each instrument without the held ones, each instant once', async () => {
    const file = fileOf();
    file.bar(bar('2024-01-05 09:00:00'));
    file.bar(bar('2024-01-05 09:00:00.000000'));
    file.bar(bar('2024-01-05 09:01:00'));
    file.bar(bar('never'));
    file.bar(bar('2024-01-05 00:00:00', { interval: 'd' }));
    file.bar(bar('2024-01-05 15:00:00', { interval: 'd' }));
    file.bar(bar('2024-01-05 09:00:00', { symbol: 'au2412' }));
    const overview = { symbol: 'rb2410', exchange: 'SHFE', start: '2024-01-05 09:00:00', end: '2024-01-05 09:01:00' };
    file.overview({ ...overview, interval: '1m', count: 2 });
    file.overview({ ...overview, interval: 'd', count: 2 });
    const { reader, notes } = openSource(vnpySystem, file.connect(), shanghai);
    const { held } = await readStream(streamOf(reader, 'candles'));
    const ids = held.map(({ externalId }) => externalId);
    expect(totalsOf(reader, { candles: ids })).toEqual(['candles au2412: 1', 'candles rb2410: 3']);
    expect([...notes.keys()]).toEqual(['overview of rb2410.SHFE 1m says 2 bars, there are 4']);
  });
});

describe('ticks', () => {
  it('are the increase of the running volume since the row before in time, wherever it stands in the file', async () => {
    const file = fileOf();
    file.tick(tick('2024-01-05 09:00:00.500000', 10));
    file.tick(tick('2024-01-05 09:00:02', 15));
    // Loaded later, between the two.
    file.tick(tick('2024-01-05 09:00:01', 12));
    file.tick(tick('2024-01-05 09:00:03', 15, { bid_price_1: 3500 }));
    file.tick(tick('2024-01-05 09:00:04', 15));
    // A new session counts from zero again.
    file.tick(tick('2024-01-05 21:00:00', 3));
    file.tick(tick('2024-01-05 09:00:01', 12, { symbol: 'au2412' }));
    const { reader } = openSource(vnpySystem, file.connect(), shanghai);
    const { units } = await readStream(streamOf(reader, 'ticks'));
    const told = units.map((unit) => (unit.kind === 'market' ? (unit.tick?.qty ?? null) : unit.kind));
    expect(told).toEqual([7, 3, 2, null, 'nothing', 7, 7]);
    expect(units[0]).toMatchObject({ tsUs: utc('2024-01-05T01:00:00.500'), seq: 0, tick: { price: 3500.2 } });
    expect(totalsOf(reader)).toEqual(['quotes au2412: 0', 'quotes rb2410: 1', 'ticks au2412: 1', 'ticks rb2410: 4']);
  });

  it('carry the book, without the sides and levels that are empty', async () => {
    const file = fileOf();
    const book = {
      bid_price_1: 3500.1,
      bid_volume_1: 4,
      ask_price_1: 3500.3,
      ask_volume_1: 5,
      bid_price_2: 3500,
      bid_volume_2: 6,
      ask_price_2: 0,
      ask_volume_2: 0,
      ask_price_4: 3501,
      ask_volume_4: 8,
    };
    file.tick(tick('2024-01-05 09:00:00', 10, book));
    const { reader } = openSource(vnpySystem, file.connect(), shanghai);
    const { units } = await readStream(streamOf(reader, 'ticks'));
    const unit = units[0] as MarketUnit;
    expect(unit.quote).toEqual({ bidPx: 3500.1, bidQty: 4, askPx: 3500.3, askQty: 5 });
    expect(unit.levels).toEqual([
      { level: 2, bidPx: 3500, bidQty: 6, askPx: null, askQty: null },
      { level: 4, bidPx: null, bidQty: null, askPx: 3501, askQty: 8 },
    ]);
    expect(unit.attributes).toBeUndefined();
    expect([...factsOf(streamOf(reader, 'ticks'))]).toContain('price rb2410 3501');
  });

  it('of one instant in several widths are numbered within it', async () => {
    const file = fileOf();
    for (const [text, volume] of [
      ['2024-01-05 09:00:00', 10],
      ['2024-01-05 09:00:00.0', 11],
      ['2024-01-05 09:00:00.000000', 13],
      ['2024-01-05 09:00:00.000001', 14],
    ] as const) {
      file.tick(tick(text, volume));
    }
    const { reader } = openSource(vnpySystem, file.connect(), shanghai);
    const { units } = await readStream(streamOf(reader, 'ticks'));
    expect(units.map((unit) => [(unit as MarketUnit).seq, (unit as MarketUnit).tick?.qty])).toEqual([
      [0, 7],
      [1, 1],
      [2, 2],
      [0, 1],
    ]);
  });

  it('keep columns without a place only when they are asked for', async () => {
    const file = fileOf();
    file.tick(tick('2024-01-05 09:00:00', 10));
    const { reader } = openSource(vnpySystem, file.connect(), { ...shanghai, attributes: true });
    const { units } = await readStream(streamOf(reader, 'ticks'));
    expect((units[0] as MarketUnit).attributes).toMatchObject({ name: 'rebar', pre_close: 3498, localtime: null });
    expect(reader.columns.find(({ column }) => column === 'pre_close')).toMatchObject({ fate: 'attribute' });
  });

  it('with a time or volume that is none are held or left to the judge of numbers', async () => {
    const file = fileOf();
    file.tick(tick('noon', 10));
    file.tick(tick('2024-01-05 09:00:00', 10));
    file.db.exec("UPDATE dbtickdata SET volume = 'many' WHERE id = 2");
    const { reader } = openSource(vnpySystem, file.connect(), shanghai);
    const { units } = await readStream(streamOf(reader, 'ticks'));
    expect(units[0]).toMatchObject({ kind: 'held', reason: 'bad_time', externalId: '["rb2410","SHFE","noon"]' });
    expect(units[1]).toMatchObject({ tick: { qty: 7 } });
  });
});

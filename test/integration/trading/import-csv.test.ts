import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { csvSource } from '../../../src/core/trading/import/csv/source.ts';
import type { ReaderOptions } from '../../../src/core/trading/import/source.ts';
import type { CandleUnit, Held } from '../../../src/core/trading/import/unit.ts';
import { openFile, readStream, streamOf, totalsOf } from '../../support/foreign/read-source.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const venue: Partial<ReaderOptions> = { venue: 'v', quote: 'USDT' };

function file(text: string | Buffer, name = 'BTCUSDT-1m.csv'): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, text);
  return path;
}

const header = 'time,open,high,low,close,volume';
const line = (minute: number, rest = '1.10,1.30,1.00,1.20,5'): string => `${1_700_000_040 + minute * 60},${rest}`;

async function candlesOf(path: string, options = venue, mapping?: object) {
  const opened = await openFile(csvSource, path, options, mapping);
  const read = await readStream(streamOf(opened.reader, 'candles'));
  return { ...opened, ...read, candles: read.units.filter((unit): unit is CandleUnit => unit.kind === 'candle') };
}

/** A mapping of the same columns, for what a dialect says. */
const mappingOf = (csv: object, columns: object = {}, key = ['#line']) => ({
  tradedbMapping: 1,
  name: 'mine',
  detect: {},
  csv,
  streams: {
    candles: {
      from: '*',
      key,
      columns: {
        symbol: { value: 'A/B' },
        interval_s: { value: 60 },
        open_us: 'time',
        open: 'open',
        high: 'high',
        low: 'low',
        close: 'close',
        volume: 'volume',
        ...columns,
      },
    },
  },
});

describe('a CSV file of candles', () => {
  it('is read by its header alone, with its decimals as they are', async () => {
    const { candles, catalog, rows } = await candlesOf(
      file(`${[header, line(0), line(1, '0.00002345,3,0.00002345,2,0.10')].join('\n')}\n`),
    );
    expect(rows).toBe(2);
    expect(candles[1]).toMatchObject({
      intervalS: 60,
      open: '0.00002345',
      volume: '0.10',
      openUs: 1_700_000_100_000_000,
      trades: null,
    });
    expect(catalog.instruments).toMatchObject([{ symbol: 'BTCUSDT', base: 'BTC', quote: 'USDT', venue: 'v' }]);
  });

  it('shows its interval by its column, its name or the distance of its rows', async () => {
    const days = 'Date,Open,High,Low,Close,Volume\n2024-01-05,1,2,1,2,3\n2024-01-08,1,2,1,2,3\n2024-01-09,1,2,1,2,3';
    const { candles } = await candlesOf(file(days, 'SP500.csv'), { ...venue, timezone: 'America/New_York' });
    expect(candles.map(({ intervalS, openUs }) => [intervalS, openUs])).toEqual(
      [5, 8, 9].map((day) => [86_400, Date.UTC(2024, 0, day) * 1000]),
    );
    const named = await candlesOf(file(`${header}\n${line(0)}`, 'ETHUSDT_15min.csv'));
    expect(named.held).toMatchObject([{ reason: 'bad_time', detail: 'no candle of 900 s starts there' }]);
    const column = await candlesOf(file(`${header},interval\n${line(0)},1m\n${line(1)},1M`, 'x.csv'));
    expect(column.units).toMatchObject([{ intervalS: 60 }, { kind: 'held', reason: 'unknown_interval', detail: '1M' }]);
    await expect(candlesOf(file(`${header}\n${line(0)}`, 'x.csv'))).rejects.toThrow('how long its candles are');
  });

  it.each([
    ['no file of candles: open_us, volume missing', 'a,open,high,low,close\n1,2,3,4,5', venue],
    ['has no header', '', venue],
    ['at which venue', `${header}\n${line(0)}`, {}],
  ])('is refused: %s', async (message, text, options) => {
    await expect(openFile(csvSource, file(text), options)).rejects.toThrow(message);
  });

  it('is refused when there is no such file', async () => {
    await expect(openFile(csvSource, '/nowhere/at/all.csv', venue)).rejects.toThrow('there is no file');
  });

  it('goes on behind the last line, also when lines were added, and begins anew when it was written anew', async () => {
    const path = file(`${header}\r\n${line(0)}\r\n${line(1)}`);
    const first = await candlesOf(path);
    expect(first.rows).toBe(2);
    const again = async () => (await openFile(csvSource, path, venue)).reader;
    expect(await readStream(streamOf(await again(), 'candles'), first.last)).toMatchObject({ rows: 0 });

    appendFileSync(path, `\r\n${line(2)}\r\n`);
    const second = await readStream(streamOf(await again(), 'candles'), first.last);
    expect(second.units).toMatchObject([{ openUs: 1_700_000_160_000_000 }]);

    appendFileSync(path, '1700000220,1.1,1.3,1.0,1.2,');
    const cut = await readStream(streamOf(await again(), 'candles'), second.last);
    expect(cut.units).toMatchObject([{ volume: null }]);
    appendFileSync(path, '77\r\n');
    const whole = await readStream(streamOf(await again(), 'candles'), cut.last);
    expect(whole.units).toMatchObject([{ volume: '77' }]);

    writeFileSync(path, `${header}\r\n${line(7)}\r\n${line(8)}\r\n${line(9)}`);
    expect(await readStream(streamOf(await again(), 'candles'), whole.last)).toMatchObject({ rows: 3 });
  });
});

describe('broken lines', () => {
  it('are held with their number and text, and the next line is sound again', async () => {
    const lines = [
      header,
      line(0),
      `${line(1)},too much`,
      '1700000000,1',
      '',
      '"1700000160',
      line(3),
      `"${1_700_000_280}"x,1,1,1,1,1`,
      line(5),
    ];
    const { held, candles } = await candlesOf(file(lines.join('\n')));
    expect(candles).toHaveLength(3);
    expect(held.map(({ reason, detail, externalId }) => [externalId, reason, detail])).toEqual([
      ['#3', 'bad_text', 'line 3: 7 fields where the header has 6'],
      ['#4', 'bad_text', 'line 4: 2 fields where the header has 6'],
      ['#6', 'bad_text', 'line 6: text stands behind a closing quote'],
      ['#8', 'bad_text', 'line 8: text stands behind a closing quote'],
    ]);
  });

  it('take nothing with them when a quote is never closed', async () => {
    const { held, candles } = await candlesOf(file([header, line(0), `"${line(1)}`, line(2), line(3)].join('\n')));
    expect(held).toMatchObject([{ detail: 'line 3: a quote is not closed' }]);
    expect(candles).toHaveLength(3);
  });

  it('keep their text for the quarantine', async () => {
    const path = file(`${header}\n1,2,3\n`);
    const stream = streamOf((await openFile(csvSource, path, venue)).reader, 'candles');
    const rows: unknown[] = [];
    stream.rows.read(undefined, { rows: 9, ms: 1000 }, (row) =>
      rows.push(Object.fromEntries(stream.columns.map((name, at) => [name, row[at]]))),
    );
    expect(rows).toMatchObject([
      { time: null, '#line': 2, '#raw': '1,2,3', '#problem': 'line 2: 3 fields where the header has 6' },
    ]);
  });

  it('of bytes that are none of the encoding are held, those around them are not', async () => {
    const bad = Buffer.concat([
      Buffer.from(`${header}\n${line(0)}\n`),
      Buffer.from([0xff, 0xfe, 0x2c]),
      Buffer.from(`\n${line(2)}\n`),
    ]);
    const { held, candles } = await candlesOf(file(bad));
    expect(candles).toHaveLength(2);
    expect(held).toMatchObject([{ reason: 'bad_text', detail: 'line 3: its bytes are not of the encoding' }]);
  });
});

describe('the form of a CSV file', () => {
  it.each([
    ['semicolon', `${header}\n${line(0)}\n`.replaceAll(',', ';')],
    ['tab', `${header}\n${line(0)}\n`.replaceAll(',', '\t')],
    ['bar', `${header}\n${line(0)}\n`.replaceAll(',', '|')],
    ['a separator line', `sep=;\r\n${`${header}\r\n${line(0)}`.replaceAll(',', ';')}`],
    ['quotes around everything', `${header}\n${line(0)}\n`.replace(/[^,\n]+/g, '"$&"')],
    ['spaces', `${header}\n${line(0)}\n`.replaceAll(',', ' , ')],
    ['a delimiter at the end of each line', `${header}\n${line(0)},\n`],
    ['carriage returns alone', `${header}\r${line(0)}\r`],
    ['a byte order mark', `\ufeff${header}\n${line(0)}\n`],
    ['UTF-16 of one order', Buffer.from(`\ufeff${header}\r\n${line(0)}\r\n`, 'utf16le')],
    ['UTF-16 of the other', Buffer.from(`\ufeff${header}\n${line(0)}\n`, 'utf16le').swap16()],
  ])('is seen: %s', async (_name, text) => {
    const { candles, held } = await candlesOf(file(text));
    expect(held).toEqual([]);
    expect(candles).toMatchObject([{ open: '1.10', high: '1.30', low: '1.00', close: '1.20', volume: '5' }]);
  });

  it('keeps line feeds, delimiters and quotes within quotes, and counts lines on', async () => {
    const text = `${header},note\n${line(0)},"a ""b""\nc,d"\n${line(1)},plain\nbad\n`;
    const { units, held } = await candlesOf(file(text), { ...venue, attributes: true });
    expect(units.slice(0, 2)).toMatchObject([
      { attributes: { note: 'a "b"\nc,d' } },
      { attributes: { note: 'plain' } },
    ]);
    expect(held).toMatchObject([{ detail: 'line 5: 1 fields where the header has 7' }]);
  });

  it.each([
    ['gbk', Buffer.concat([Buffer.from(`${header},name\n${line(0)},`), Buffer.from([0xc2, 0xdd, 0xce, 0xc6])]), '螺纹'],
    ['shift_jis', Buffer.concat([Buffer.from(`${header},name\n${line(0)},`), Buffer.from([0x8b, 0xe0])]), '金'],
    ['windows-1252', Buffer.concat([Buffer.from(`${header},name\n${line(0)},`), Buffer.from([0xe9])]), 'é'],
    ['utf-8', Buffer.from(`${header},name\n${line(0)},é"`), 'é"'],
  ])('is told: %s', async (encoding, text, expected) => {
    const { candles } = await candlesOf(file(text), { ...venue, attributes: true }, mappingOf({ encoding }));
    expect(candles[0]?.attributes).toEqual({ name: expected });
  });

  it('is told: header, lines to skip, texts for nothing, and a comma for the point', async () => {
    const text = 'exported by\nsomebody\n1700000040;1.234,50;1.300,00;1 100;1.200,25;n/a\n';
    const csv = {
      delimiter: ';',
      skip: 2,
      header: ['time', 'open', 'high', 'low', 'close', 'volume'],
      nulls: ['n/a'],
      decimal: ',',
    };
    const { candles } = await candlesOf(file(text), venue, mappingOf(csv));
    expect(candles).toMatchObject([{ open: '1234.50', high: '1300.00', low: '1100', close: '1200.25', volume: null }]);
    await expect(candlesOf(file('a|b\n'), venue, mappingOf({ encoding: 'gbk', delimiter: '|' }))).rejects.toThrow(
      'half of a character',
    );
  });

  it('holds across the edge of what is in memory at once', async () => {
    const rows = 60_000;
    const text = `${header},note\n${Array.from({ length: rows }, (_, n) => `${line(n)},"é ${'x'.repeat(n % 40)}\n"`).join('\n')}\n`;
    expect(Buffer.byteLength(text)).toBeGreaterThan(3 << 20);
    const opened = await openFile(csvSource, file(text), venue);
    const stream = streamOf(opened.reader, 'candles');
    const limits = { rows: 7000, ms: 60_000 };
    let expected = 1_700_000_040_000_000;
    let last: Parameters<typeof stream.rows.read>[0];
    for (let found = 0; ; ) {
      const slice = stream.rows.read(last, limits, (row) => {
        const unit = stream.map(row);
        if (unit.kind !== 'candle' || unit.openUs !== expected)
          throw new Error(`row ${found}: ${JSON.stringify(unit)}`);
        expected += 60_000_000;
        found += 1;
      });
      last = slice.last;
      if (!slice.done) continue;
      expect(found).toBe(rows);
      break;
    }
  });
});

describe('a CSV file by a mapping', () => {
  const fillsMapping = {
    tradedbMapping: 1,
    name: 'exchange-export',
    detect: {},
    timezone: 'UTC',
    streams: {
      fills: {
        from: 'fills*',
        key: ['id'],
        columns: {
          order: 'order',
          symbol: 'pair',
          side: 'side',
          price: 'price',
          qty: 'amount',
          exec_us: 'when',
          fee: 'fee',
          fee_asset: 'feecoin',
        },
      },
    },
  };
  const fills = [
    'id,order,pair,side,price,amount,when,fee,feecoin',
    'f1,o1,BTC/USDT,Buy,64123.45,0.1,2024-01-05T10:00:00Z,0.01,BNB',
    'f2,o2,BTC/USDT,SELL,64200,0.3,2024-01-05T10:00:01Z,,',
    'f3,o1,BTC/USDT,buy,64123.46,0.2,2024-01-05T10:00:02+01:00,0.02,BNB',
    'f4,o1,ETH/USDT,buy,2000,1,2024-01-05T10:00:00Z,,',
    'f5,,ETH/USDT,sell,2000,1,2024-01-05T10:00:00Z,,',
    'f6,o6,ETH/USDT,hold,2000,1,2024-01-05T10:00:00Z,,',
    'broken',
  ].join('\n');

  it('finds the fills of an order wherever they stand', async () => {
    const { reader } = await openFile(csvSource, file(fills, 'fills-2024.csv'), venue, fillsMapping);
    const { units } = await readStream(streamOf(reader, 'fills'));
    expect(units[0]).toMatchObject({
      kind: 'order',
      venueOrderId: 'o1',
      side: 1,
      qty: '0.300000000000',
      fills: [
        { externalId: 'f3', price: '64123.46' },
        { externalId: 'f1', fees: [{ asset: 'BNB', amount: '0.01' }] },
      ],
    });
    expect(units.slice(1).map((unit) => (unit.kind === 'held' ? unit.reason : unit.kind))).toEqual([
      'order',
      'part',
      'order',
      'order',
      'side_unknown',
      'bad_text',
    ]);
    const held = units.filter((unit): unit is Held => unit.kind === 'held').map(({ externalId }) => externalId);
    expect(totalsOf(reader, { fills: held }).filter((text) => text.startsWith('bought'))).toEqual([
      'bought BTC/USDT: 0.1',
      'bought BTC/USDT: 0.2',
      'bought ETH/USDT: 1',
    ]);
  });

  it('can be a folder, whose files the streams name', async () => {
    const folder = join(temporaryFolder(), "own 'export'");
    mkdirSync(folder);
    writeFileSync(join(folder, 'fills.csv'), 'id,order,price,q,t\n1,7,10,2,1700000001\n2,8,11,1,1700000002\n');
    writeFileSync(join(folder, 'orders.csv'), 'no,pair,way,q,st,t\n7,A/B,buy,2,closed,1700000000\n');
    writeFileSync(join(folder, 'other.csv'), 'x\n1\n');
    const of = {
      ...fillsMapping,
      streams: {
        orders: {
          from: 'orders',
          key: ['no'],
          columns: { symbol: 'pair', side: 'way', qty: 'q', status: 'st', created_us: 't' },
        },
        fills: { from: 'fills.csv', key: ['id'], columns: { order: 'order', price: 'price', qty: 'q', exec_us: 't' } },
      },
    };
    const { reader } = await openFile(csvSource, folder, venue, of);
    expect((await readStream(streamOf(reader, 'orders'))).units).toMatchObject([
      { kind: 'order', status: 'FILLED', fills: [{ price: '10' }] },
    ]);
    expect((await readStream(streamOf(reader, 'fills'))).units).toMatchObject([
      { kind: 'part' },
      { kind: 'held', reason: 'orphan' },
    ]);
    expect(reader.columns.find(({ fate }) => fate === 'unknown')).toMatchObject({ table: 'other.csv' });
    await expect(openFile(csvSource, folder, venue)).rejects.toThrow('through a mapping file');
    writeFileSync(join(folder, 'fills-2.csv'), 'id\n');
    await expect(openFile(csvSource, folder, venue, fillsMapping)).rejects.toThrow('more than one file');
  });
});

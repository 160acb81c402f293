import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { parquetSource } from '../../../src/core/trading/import/parquet/source.ts';
import type { SourceKey } from '../../../src/core/trading/import/source.ts';
import { openFile, readStream, streamOf, totalsOf } from '../../support/foreign/read-source.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

type WriteOptions = Parameters<typeof parquetWriteBuffer>[0];

const venue = { venue: 'v', quote: 'USDT' };
const root = (children: number) => ({ name: 'root', num_children: children });

function file(columnData: ColumnSource[], options: Partial<WriteOptions> = {}, name = 'BTC-USDT.parquet'): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, Buffer.from(parquetWriteBuffer({ columnData, ...options })));
  return path;
}

const candles = (rows: number): ColumnSource[] => {
  const at = (value: (row: number) => number): number[] => Array.from({ length: rows }, (_, row) => value(row));
  return [
    {
      name: 'time',
      data: Array.from({ length: rows }, (_, row) => 1_700_000_040_000n + BigInt(row) * 60_000n),
      type: 'INT64',
    },
    { name: 'open', data: at((row) => 100 + row / 100), type: 'DOUBLE' },
    { name: 'high', data: at((row) => 101 + row / 100), type: 'DOUBLE' },
    { name: 'low', data: at(() => 99.5), type: 'DOUBLE' },
    { name: 'close', data: at((row) => 100.5 + row / 100), type: 'DOUBLE' },
    { name: 'volume', data: at((row) => row), type: 'DOUBLE' },
  ];
};

describe('a Parquet file', () => {
  it.each([
    ['uncompressed', { codec: 'UNCOMPRESSED' }],
    ['Snappy', {}],
    ['Zstandard', { codec: 'ZSTD', compressors: { ZSTD: (input: Uint8Array) => zstdCompressSync(input) } }],
  ] as const)('of candles needs no mapping, and is read in spans: %s', async (_name, options) => {
    const path = file(candles(250), { ...(options as Partial<WriteOptions>), rowGroupSize: 100 });
    const { reader } = await openFile(parquetSource, path, venue);
    const stream = streamOf(reader, 'candles');
    const { units, rows, last } = await readStream(stream, undefined, { rows: 64, ms: 60_000 });
    expect([rows, last]).toEqual([250, [250]]);
    expect(units[0]).toMatchObject({
      kind: 'candle',
      intervalS: 60,
      openUs: 1_700_000_040_000_000,
      open: 100,
      volume: 0,
    });
    expect(units[249]).toMatchObject({ open: 102.49, openUs: 1_700_000_040_000_000 + 249 * 60_000_000 });
    const rest = await readStream(streamOf((await openFile(parquetSource, path, venue)).reader, 'candles'), [248]);
    expect(rest.units).toEqual(units.slice(248));
  });

  it('gives decimals, times, dates and floats as they were written', async () => {
    const path = join(temporaryFolder(), 'all.parquet');
    const columnData: ColumnSource[] = [
      { name: 'd32', data: [-12345n, 5n] },
      { name: 'd64', data: [9_007_199_254_740_993n, -1n] },
      { name: 'dfix', data: [-2n, 7n] },
      { name: 'ms', data: [1_700_000_000_123n, 1_700_000_000_000n] },
      { name: 'local', data: [1_700_000_000_123_456n, 1_700_000_000_000_000n] },
      { name: 'ns', data: [1_700_000_000_123_456_789n, 1n] },
      { name: 'day', data: [19_000, 19_001] },
      { name: 'f', data: [1438.36, 0.1] },
      { name: 'b', data: [true, false] },
      { name: 't', data: ['é', 'x'] },
      { name: 'bytes', data: [Uint8Array.of(0xff), Uint8Array.of(0x41)] },
    ];
    const schema = [
      root(columnData.length),
      { name: 'd32', type: 'INT32', converted_type: 'DECIMAL', scale: 2, precision: 9, repetition_type: 'REQUIRED' },
      { name: 'd64', type: 'INT64', converted_type: 'DECIMAL', scale: 8, precision: 18, repetition_type: 'REQUIRED' },
      {
        name: 'dfix',
        type: 'FIXED_LEN_BYTE_ARRAY',
        type_length: 4,
        converted_type: 'DECIMAL',
        scale: 3,
        precision: 9,
        repetition_type: 'REQUIRED',
      },
      { name: 'ms', type: 'INT64', converted_type: 'TIMESTAMP_MILLIS', repetition_type: 'REQUIRED' },
      {
        name: 'local',
        type: 'INT64',
        logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'MICROS' },
        repetition_type: 'REQUIRED',
      },
      {
        name: 'ns',
        type: 'INT64',
        logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'NANOS' },
        repetition_type: 'REQUIRED',
      },
      { name: 'day', type: 'INT32', converted_type: 'DATE', repetition_type: 'REQUIRED' },
      { name: 'f', type: 'FLOAT', repetition_type: 'REQUIRED' },
      { name: 'b', type: 'BOOLEAN', repetition_type: 'REQUIRED' },
      { name: 't', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
      { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'REQUIRED' },
    ];
    writeFileSync(path, Buffer.from(parquetWriteBuffer({ columnData, schema } as WriteOptions)));
    const state = {
      tradedbMapping: 1,
      name: 'x',
      detect: {},
      streams: {
        ticks: { from: '*', key: ['#row'], columns: { symbol: { value: 'A/B' }, ts_us: 'ms', price: 'd32', qty: 'f' } },
      },
    };
    const stream = streamOf((await openFile(parquetSource, path, venue, state)).reader, 'ticks');
    const limits = { rows: 10, ms: 1000 };
    await stream.rows.prepare?.(undefined, limits);
    const rows: Record<string, unknown>[] = [];
    stream.rows.read(
      undefined,
      limits,
      (row) => void rows.push(Object.fromEntries(stream.columns.map((name, at) => [name, row[at]]))),
    );
    expect(rows).toEqual([
      {
        d32: '-123.45',
        d64: '90071992.54740993',
        dfix: '-0.002',
        ms: 1_700_000_000_123n,
        local: '2023-11-14T22:13:20.123456000',
        ns: 1_700_000_000_123_456_789n,
        day: '2022-01-08',
        f: 1438.36,
        b: 'true',
        t: 'é',
        bytes: Uint8Array.of(0xff),
        '#row': 1,
      },
      {
        d32: '0.05',
        d64: '-0.00000001',
        dfix: '0.007',
        ms: 1_700_000_000_000n,
        local: '2023-11-14T22:13:20.000000000',
        ns: 1n,
        day: '2022-01-09',
        f: 0.1,
        b: 'false',
        t: 'x',
        bytes: 'A',
        '#row': 2,
      },
    ]);
    expect((await readStream(stream)).units).toMatchObject([
      { tsUs: 1_700_000_000_123_000, tick: { price: '-123.45', qty: 1438.36 } },
      {},
    ]);
  });

  it('can be fills and funding, whose rows are added up at once', async () => {
    const path = file([
      { name: 'id', data: [1n, 2n, 3n], type: 'INT64' },
      { name: 'oid', data: ['a', 'b', 'a'], type: 'STRING' },
      { name: 'px', data: [1.5, 2.5, 1.25], type: 'DOUBLE' },
      { name: 'q', data: [1, 2, 3], type: 'DOUBLE' },
      { name: 'side', data: ['buy', 'sell', 'buy'], type: 'STRING' },
      { name: 't', data: [1_700_000_000_000n, 1_700_000_001_000n, 1_700_000_002_000n], type: 'INT64' },
    ]);
    const symbol = { value: 'A/B' };
    const of = {
      tradedbMapping: 1,
      name: 'x',
      detect: {},
      streams: {
        fills: {
          from: '*',
          key: ['id'],
          columns: { symbol, order: 'oid', side: 'side', price: 'px', qty: 'q', exec_us: 't' },
        },
        funding: { from: '*', key: ['id'], columns: { symbol, due_us: 't', amount: 'px' } },
      },
    };
    const { reader } = await openFile(parquetSource, path, venue, of);
    const { units } = await readStream(streamOf(reader, 'fills'));
    expect(units).toMatchObject([
      { kind: 'order', qty: '4.000000000000', fills: [{ price: 1.5 }, { price: 1.25 }] },
      { kind: 'order' },
      { kind: 'part' },
    ]);
    expect(totalsOf(reader).filter((text) => text.startsWith('funding A/B'))).toEqual([
      'funding A/B USDT: 1.25',
      'funding A/B USDT: 1.5',
      'funding A/B USDT: 2.5',
    ]);
  });

  it('that is none, ends early or is damaged is refused', async () => {
    const path = file(candles(50));
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, bytes.length - 20));
    await expect(openFile(parquetSource, path, venue)).rejects.toThrow('is no Parquet file');
    writeFileSync(path, 'PAR1 and nothing else');
    await expect(openFile(parquetSource, path, venue)).rejects.toThrow('is no Parquet file');
    const damaged = Buffer.from(bytes);
    damaged.fill(0xee, 4, 400);
    writeFileSync(path, damaged);
    const named = join(temporaryFolder(), 'BTC-USDT-1m.parquet');
    writeFileSync(named, damaged);
    const { reader } = await openFile(parquetSource, named, venue);
    const { prepare } = streamOf(reader, 'candles').rows;
    await expect(prepare?.(undefined, { rows: 10, ms: 1000 })).rejects.toMatchObject({ code: 'database_corrupt' });
    await expect(openFile(parquetSource, file([{ name: 'x', data: [1], type: 'INT32' }]), venue)).rejects.toThrow(
      'no file of candles',
    );
  });

  it('holds a part of a large row group at once', async () => {
    const rows = 150_000;
    const path = file(candles(rows), { rowGroupSize: rows });
    const stream = streamOf((await openFile(parquetSource, path, venue)).reader, 'candles');
    const limits = { rows: 50_000, ms: 60_000 };
    let after: SourceKey | undefined;
    let found = 0;
    const sizes: number[] = [];
    for (let isDone = false; !isDone; ) {
      await stream.rows.prepare?.(after, limits);
      const slice = stream.rows.read(after, limits, (row) => {
        if (row[5] !== found) throw new Error(`row ${found} has the volume ${String(row[5])}`);
        found += 1;
      });
      sizes.push(slice.rows);
      after = slice.last;
      isDone = slice.done;
    }
    expect(found).toBe(rows);
    expect(sizes).toEqual([50_000, 50_000, 31_072, 18_928]);
  });
});

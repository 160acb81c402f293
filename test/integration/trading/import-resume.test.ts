import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Connection } from '../../../src/core/sqlite/connection.ts';
import type { ImportResult } from '../../../src/core/trading/import/result.ts';
import { writeHummingbot } from '../../support/foreign/hummingbot.ts';
import { importFile, importRows, importTarget, targetHash } from '../../support/foreign/import.ts';
import { writeVnpy } from '../../support/foreign/vnpy.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** Each source with more than one batch in every stream. */

type Run = (target: Connection, more: { onBatch?: () => void; batchRows: number }) => Promise<ImportResult>;

function vnpy(): Run {
  const path = join(temporaryFolder(), 'database.db');
  writeVnpy(path, 25);
  return (target, more) => importFile(path, target, { ...more, options: { timezone: 'Asia/Shanghai' } });
}

function hummingbot(): Run {
  const path = join(temporaryFolder(), 'bot.sqlite');
  writeHummingbot(path, 'H11', 20);
  return (target, more) => importFile(path, target, more);
}

const tape = {
  tradedbMapping: 1,
  name: 'tape',
  detect: { tape: [] },
  streams: { ticks: { from: 'tape*', key: ['n'], columns: { symbol: 's', ts_us: 't', price: 'p', qty: 'q' } } },
};

/** Ticks of two pairs, many of them within one microsecond. */
const tapeRows = Array.from({ length: 30 }, (_, n) => ({
  n,
  s: n % 3 === 0 ? 'A-B' : 'C-D',
  t: 1_700_000_000_000_000 + Math.floor(n / 8),
  p: '1.5',
  q: String((n % 5) + 1),
}));

function csvTicks(): Run {
  const path = join(temporaryFolder(), 'tape.csv');
  writeFileSync(path, `n,s,t,p,q\n${tapeRows.map((row) => Object.values(row).join(',')).join('\n')}\nbroken\n`);
  return (target, more) => importRows('csv', path, target, { ...more, options: { venue: 'v' }, map: tape });
}

function ndjsonTicks(): Run {
  const path = join(temporaryFolder(), 'tape.ndjson');
  writeFileSync(path, tapeRows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return (target, more) => importRows('ndjson', path, target, { ...more, options: { venue: 'v' }, map: tape });
}

function parquetTicks(): Run {
  const path = join(temporaryFolder(), 'tape.parquet');
  const columnData = (['n', 's', 't', 'p', 'q'] as const).map((name) => ({
    name,
    data: tapeRows.map((row) => (name === 't' ? BigInt(row[name]) : row[name])),
  }));
  writeFileSync(
    path,
    Buffer.from(parquetWriteBuffer({ columnData, rowGroupSize: 11 } as Parameters<typeof parquetWriteBuffer>[0])),
  );
  return (target, more) => importRows('parquet', path, target, { ...more, options: { venue: 'v' }, map: tape });
}

const accounts = {
  orders: {
    key: ['id'],
    columns: { symbol: { value: 'A/B' }, venue: { value: 'v' }, side: 'side', qty: 'q', status: 'st', created_us: 't' },
  },
  fills: { key: ['id'], columns: { order: 'oid', price: 'p', qty: 'q', exec_us: 't', fee: 'fee' } },
};
const orderRows = Array.from({ length: 12 }, (_, n) => [
  n,
  n % 2 === 0 ? 'buy' : 'sell',
  2,
  n % 4 === 3 ? 'open' : 'closed',
  1_700_000_000 + n * 60,
]);
const fillRows = Array.from({ length: 20 }, (_, n) => [n, n % 12, 100 + n, 1, 1_700_000_000 + n * 60, 0.1]);

function csvFolder(): Run {
  const folder = join(temporaryFolder(), 'export');
  mkdirSync(folder);
  writeFileSync(join(folder, 'orders.csv'), `id,side,q,st,t\n${orderRows.map((row) => row.join(',')).join('\n')}\n`);
  writeFileSync(join(folder, 'fills.csv'), `id,oid,p,q,t,fee\n${fillRows.map((row) => row.join(',')).join('\n')}\n`);
  const map = {
    ...tape,
    streams: { orders: { from: 'orders', ...accounts.orders }, fills: { from: 'fills', ...accounts.fills } },
  };
  return (target, more) => importRows('csv', folder, target, { ...more, map });
}

function ownSchema(): Run {
  const path = join(temporaryFolder(), 'own.db');
  const db = new Database(path);
  db.exec(
    'CREATE TABLE o (id INTEGER PRIMARY KEY, side, q, st, t); CREATE TABLE f (id INTEGER PRIMARY KEY, oid, p, q, t, fee)',
  );
  for (const row of orderRows) db.prepare('INSERT INTO o VALUES (?, ?, ?, ?, ?)').run(row);
  for (const row of fillRows) db.prepare('INSERT INTO f VALUES (?, ?, ?, ?, ?, ?)').run(row);
  db.close();
  const map = {
    ...tape,
    detect: { o: ['id'] },
    streams: { orders: { from: 'o', ...accounts.orders }, fills: { from: 'f', ...accounts.fills } },
  };
  return (target, more) => importFile(path, target, { ...more, map });
}

const sources = { vnpy, hummingbot, csvTicks, ndjsonTicks, parquetTicks, csvFolder, ownSchema };

function target(): Connection {
  const connection = importTarget();
  onTestFinished(() => connection.close());
  return connection;
}

class Stopped extends Error {}

describe('an import that is stopped behind any batch', () => {
  it.each(Object.keys(sources) as (keyof typeof sources)[])(
    'ends like one that was not: %s',
    async (name) => {
      const run = sources[name]();
      const whole = target();
      let batches = 0;
      const result = await run(whole, {
        batchRows: 4,
        onBatch: () => {
          batches += 1;
        },
      });
      expect(result.reconciliation.filter(({ passed }) => !passed)).toEqual([]);
      expect(batches).toBeGreaterThan(4);
      const expected = targetHash(whole);
      for (let stop = 1; stop < batches; stop += 1) {
        const into = target();
        let seen = 0;
        const onBatch = (): void => {
          seen += 1;
          if (seen === stop) throw new Stopped();
        };
        await expect(run(into, { batchRows: 4, onBatch })).rejects.toThrow(Stopped);
        const resumed = await run(into, { batchRows: 5 });
        expect(resumed.reconciliation.filter(({ passed }) => !passed)).toEqual([]);
        expect(targetHash(into), `stopped behind batch ${stop} of ${batches}`).toBe(expected);
        into.close();
      }
    },
    120_000,
  );

  it.each(Object.keys(sources) as (keyof typeof sources)[])('writes nothing when it is run again: %s', async (name) => {
    const run = sources[name]();
    const into = target();
    await run(into, { batchRows: 7 });
    const before = targetHash(into);
    const again = await run(into, { batchRows: 3 });
    expect(again.streams.every(({ rowsNew, rowsUpdated }) => rowsNew + rowsUpdated === 0)).toBe(true);
    expect(targetHash(into)).toBe(before);
  });
});

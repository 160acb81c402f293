import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import type { MigrateImportData } from '../../src/commands/migrate/import.ts';
import { type CliResult, parseError, parseReport, tradedb } from '../support/cli.ts';
import { hummingbotWriter } from '../support/foreign/hummingbot.ts';
import { createTables, rowWriter } from '../support/foreign/table.ts';
import { bars, vnpyReleases, vnpyTables } from '../support/foreign/vnpy-schema.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function place() {
  const folder = temporaryFolder();
  const target = join(folder, 'trading.db');
  const run = (...args: string[]): Promise<CliResult> =>
    tradedb(['migrate', 'import', ...args, '-d', target], { cwd: folder });
  return { folder, target, run };
}

const dataOf = (result: CliResult) => parseReport<MigrateImportData>(result).data;
const rowsIn = (target: string, sql: string): unknown => {
  const db = new Database(target, { readonly: true });
  try {
    return db.prepare(sql).pluck().get();
  } finally {
    db.close();
  }
};

const failed = (result: CliResult): unknown => dataOf(result).result?.reconciliation.filter(({ passed }) => !passed);

describe('migrate import from other sources', () => {
  it('knows a file of Hummingbot by its tables', async () => {
    const { folder, target, run } = place();
    const db = new Database(join(folder, 'bot.sqlite'));
    db.pragma('foreign_keys = 0');
    const bot = hummingbotWriter(db, 'H11');
    bot.order('HBOT-1', { amount: '0.3', price: '64123.45' });
    bot.status('HBOT-1', 'BuyOrderCreated');
    bot.fill('HBOT-1', 't1', { amount: '0.3', price: '64123.4' });
    bot.order('HBOT-2', { last_status: 'OrderCancelled' });
    db.close();
    const result = await run('bot.sqlite', '--create', '--json');
    expect(result.code, result.stderr).toBe(3);
    expect(dataOf(result).source).toMatchObject({ system: 'hummingbot', generation: 'H11' });
    expect(dataOf(result).result?.quarantine).toMatchObject([{ reason: 'side_unknown', count: 1 }]);
    expect(failed(result)).toEqual([]);
    expect(rowsIn(target, 'SELECT price FROM fills')).toBe(6_412_340);
  });

  it('asks for the zone of vn.py, and imports its bars', async () => {
    const { folder, target, run } = place();
    const db = new Database(join(folder, 'database.db'));
    createTables(db, vnpyTables, vnpyReleases.V3);
    const write = rowWriter(db, bars, vnpyReleases.V3);
    const bar = { symbol: 'rb2410', exchange: 'SHFE', interval: '1m', volume: 5, turnover: 1, open_interest: 1 };
    const prices = { open_price: 3500.1, high_price: 3500.3, low_price: 3499.9, close_price: 3500.2 };
    for (const minute of ['00', '01', '02']) write({ ...bar, ...prices, datetime: `2024-01-05 09:${minute}:00` });
    db.close();
    const without = await run('database.db', '--create', '--json');
    expect([without.code, parseError(without).code]).toEqual([2, 'usage']);
    const result = await run('database.db', '--timezone', 'Asia/Shanghai', '--json');
    expect(result.code, result.stderr).toBe(0);
    expect(dataOf(result).result?.reconciliation).toMatchObject([{ check: 'candles', source: '3', target: '3' }]);
    expect(rowsIn(target, 'SELECT min(open_us) FROM candles')).toBe(Date.UTC(2024, 0, 5, 1) * 1000);
  });

  it('reads candles of CSV, NDJSON and Parquet by their columns, the same rows from each', async () => {
    const { folder, target, run } = place();
    const rows = Array.from({ length: 50 }, (_, n) => ({
      time: 1_700_000_040 + n * 60,
      open: 1.5,
      high: 2.25,
      low: 1,
      close: 2,
      volume: n,
    }));
    const csv = `${Object.keys(rows[0] ?? {}).join(';')}\n${rows.map((row) => Object.values(row).join(';')).join('\n')}\nbroken\n`;
    writeFileSync(join(folder, 'BTC-USDT.csv'), csv);
    writeFileSync(join(folder, 'BTC-USDT.ndjson'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const columnData = (['time', 'open', 'high', 'low', 'close', 'volume'] as const).map((name) => {
      return { name, data: rows.map((row) => row[name]), type: 'DOUBLE' as const };
    });
    writeFileSync(join(folder, 'BTC-USDT.parquet'), Buffer.from(parquetWriteBuffer({ columnData })));
    const first = await run('BTC-USDT.csv', '--from', 'csv', '--venue', 'binance', '--create', '--json');
    expect(first.code, first.stderr).toBe(3);
    expect(dataOf(first).result?.streams).toMatchObject([
      { name: 'candles', rowsRead: 51, rowsNew: 50, rowsQuarantined: 1 },
    ]);
    expect(dataOf(first).result?.quarantine[0]?.samples).toMatchObject([
      { externalId: '#52', detail: 'line 52: 1 fields where the header has 6' },
    ]);
    for (const format of ['ndjson', 'parquet']) {
      const again = await run(`BTC-USDT.${format}`, '--from', format, '--venue', 'binance', '--json');
      expect(again.code, again.stderr).toBe(0);
      expect(dataOf(again).result?.streams).toMatchObject([{ rowsRead: 50, rowsUnchanged: 50, rowsNew: 0 }]);
    }
    expect(rowsIn(target, 'SELECT count(*) FROM candles')).toBe(50);
  });

  it('reads orders and fills of a folder by a mapping, goes on with what was added, and books them', async () => {
    const { folder, target, run } = place();
    mkdirSync(join(folder, 'export'));
    const orders = join(folder, 'export', 'orders.csv');
    const fills = join(folder, 'export', 'fills.csv');
    writeFileSync(
      orders,
      'no,pair,way,q,st,t\n1,BTC/USDT,buy,2,closed,2024-01-05T10:00:00Z\n2,BTC/USDT,sell,1,open,2024-01-05T11:00:00Z\n',
    );
    writeFileSync(fills, 'id,order,price,q,t,fee\na,1,100.5,2,2024-01-05T10:00:01Z,0.2\n');
    const mapping = {
      tradedbMapping: 1,
      name: 'exchange',
      detect: {},
      streams: {
        orders: {
          from: 'orders',
          key: ['no'],
          columns: { symbol: 'pair', side: 'way', qty: 'q', status: 'st', created_us: 't' },
        },
        fills: {
          from: 'fills',
          key: ['id'],
          columns: { order: 'order', price: 'price', qty: 'q', exec_us: 't', fee: 'fee' },
        },
      },
    };
    writeFileSync(join(folder, 'm.json'), JSON.stringify(mapping));
    const args = ['export', '--from', 'csv', '--mapping', 'm.json', '--venue', 'kraken', '--json'];
    const first = await run(...args, '--create');
    expect(first.code, first.stderr).toBe(0);
    expect(dataOf(first).result).toMatchObject({ fillsBooked: 1, complete: true });
    expect(failed(first)).toEqual([]);
    expect(rowsIn(target, 'SELECT qty FROM positions')).toBe(2);

    writeFileSync(
      fills,
      'id,order,price,q,t,fee\na,1,100.5,2,2024-01-05T10:00:01Z,0.2\nb,2,110,1,2024-01-05T11:00:05Z,0.1\n',
    );
    const second = await run(...args);
    expect(second.code, second.stderr).toBe(0);
    expect(failed(second)).toEqual([]);
    expect(rowsIn(target, 'SELECT qty FROM positions')).toBe(1);
    expect(rowsIn(target, "SELECT status FROM orders WHERE client_order_id = '2'")).toBe('FILLED');
  });
});

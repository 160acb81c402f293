import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { MigrateImportData } from '../../src/commands/migrate/import.ts';
import { type CliResult, parseError, parseReport, tradedb } from '../support/cli.ts';
import { fileState } from '../support/file-state.ts';
import { makeFreqtrade } from '../support/foreign/freqtrade.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function place(source = 'tradesv3.sqlite') {
  const folder = temporaryFolder();
  const path = join(folder, source);
  const run = (...args: string[]): Promise<CliResult> => tradedb(['migrate', 'import', ...args], { cwd: folder });
  return { folder, path, target: join(folder, 'trading.db'), run };
}

const reportOf = (result: CliResult) => parseReport<MigrateImportData>(result);

describe('migrate import', () => {
  it('tries without writing, imports, and finds nothing to do the second time', async () => {
    // A name that no shell and no SQL may take apart.
    const { folder, path, run } = place(`bot's "trades" 100%\n.sqlite`);
    const { truth } = makeFreqtrade(path, 'F9');
    const before = fileState(folder);
    const detected = reportOf(await run(path, '--detect', '--json'));
    expect(detected.data).toMatchObject({ mode: 'detect', source: { system: 'freqtrade', generation: 'F9' } });
    expect(detected.data.tables).toContainEqual({ name: 'orders', rows: truth.counts.get('orders') });

    const dry = await run(path, '-d', 'trading.db', '--create', '--dry-run', '--json');
    expect(dry.code, dry.stderr).toBe(0);
    expect(reportOf(dry).data.result?.streams[0]).toMatchObject({
      name: 'orders',
      rowsNew: truth.counts.get('orders'),
    });
    expect(fileState(folder)).toEqual(before);

    const first = await run(path, '-d', 'trading.db', '--create', '--json');
    expect(first.code, first.stderr).toBe(0);
    const { result } = reportOf(first).data;
    expect(result).toMatchObject({ complete: true, quarantine: [], fillsBooked: truth.counts.get('fills') });
    expect(result?.reconciliation.filter(({ passed }) => !passed)).toEqual([]);

    const second = await run(path, '-d', 'trading.db', '--json');
    expect(second.code, second.stderr).toBe(0);
    const orders = truth.counts.get('orders');
    expect(reportOf(second).data.result?.streams[0]).toMatchObject({
      rowsRead: orders,
      rowsUnchanged: orders,
      rowsNew: 0,
    });
    const { 'trading.db': _, ...others } = fileState(folder, (name) => name.startsWith('.tradedb'));
    expect(others).toEqual(before);
  });

  it('holds what it cannot map, lists it with the whole row, and says so in text', async () => {
    const { path, target, run } = place();
    makeFreqtrade(path, 'F8');
    const db = new Database(path);
    db.exec("UPDATE orders SET amount = '5m' WHERE id = 9");
    db.close();
    const tried = reportOf(await run(path, '-d', target, '--create', '--dry-run', '--json'));
    expect(tried.data.held?.rows).toContainEqual(expect.objectContaining({ externalId: '9', reason: 'bad_number' }));
    const imported = await run(path, '-d', target, '--create');
    expect(imported.code, imported.stderr).toBe(3);
    expect(imported.stdout).toContain('bad_number 1');
    expect(imported.stdout).toContain('reconciled  counts ok, quantities ok');

    const listed = await run('--quarantine', 'all', '-d', target, '--json');
    expect(listed.code, listed.stderr).toBe(0);
    const held = reportOf(listed).data.held?.rows.find(({ reason }) => reason === 'bad_number');
    expect(held).toMatchObject({
      source: 'tradesv3.sqlite',
      stream: 'orders',
      externalId: '9',
      reason: 'bad_number',
      row: {
        table: 'orders',
        row: { id: 9, amount: '5m', ft_pair: expect.any(String), remaining: expect.any(Number) },
      },
    });
    const text = await run('--quarantine', 'bad_number', '-d', target);
    expect(text.stdout).toContain('quantity "5m"');
  });

  it('stops above the limit with exit 15, and the same command goes on', async () => {
    const { path, target, run } = place();
    makeFreqtrade(path, 'F9');
    const db = new Database(path);
    db.exec("UPDATE orders SET amount = '5m' WHERE id IN (9, 20)");
    db.close();
    const stopped = await run(path, '-d', target, '--create', '--max-quarantine', '1', '--batch-rows', '25', '--json');
    expect(stopped.code, stopped.stderr).toBe(15);
    expect(reportOf(stopped).data.result).toMatchObject({ complete: false, stopped: expect.stringContaining('held') });
    const resumed = await run(path, '-d', target, '--json');
    expect(resumed.code, resumed.stderr).toBe(3);
    expect(reportOf(resumed).data.result).toMatchObject({ complete: true, resumedFrom: 1 });
  });

  it('tells what is wrong with a source or a target in one line, with the right code', async () => {
    const { folder, path, target, run } = place();
    makeFreqtrade(path, 'F9', { trades: 3 });
    makeFreqtrade(join(folder, 'old.sqlite'), 'F0', { trades: 1 });
    writeFileSync(join(folder, 'notes.txt'), 'no database, but long enough to have a header'.repeat(20));
    writeFileSync(join(folder, 'empty.db'), '');
    const other = new Database(join(folder, 'other.db'));
    other.exec('CREATE TABLE books (id INTEGER PRIMARY KEY)');
    other.close();
    expect((await run(path, '-d', target, '--create')).code).toBe(0);
    const cases: readonly (readonly [args: readonly string[], code: number, error: string])[] = [
      [['missing.sqlite', '-d', target], 10, 'database_not_found'],
      [[folder, '-d', target], 12, 'not_a_database'],
      [['empty.db', '-d', target], 12, 'database_empty'],
      [['notes.txt', '-d', target], 12, 'not_a_database'],
      [['other.db', '-d', target], 2, 'unsupported'],
      [['old.sqlite', '-d', target], 2, 'unsupported'],
      [[target, '-d', target], 2, 'unsupported'],
      [[path, '-d', 'absent.db'], 10, 'database_not_found'],
      [[path, '-d', 'other.db'], 12, 'schema_missing'],
      [[path], 2, 'usage'],
      [['-d', target], 2, 'usage'],
      [[path, '-d', target, '--streams', 'dreams'], 2, 'usage'],
      [[path, '-d', target, '--max-quarantine', 'few'], 2, 'usage'],
      [['--quarantine', 'sadness', '-d', target], 2, 'usage'],
    ];
    for (const [args, code, error] of cases) {
      const result = await run(...args, '--json');
      expect(result.code, `${args.join(' ')}: ${result.stderr}`).toBe(code);
      expect(parseError(result)).toMatchObject({ code: error, exitCode: code });
      expect(result.stderr).not.toContain('tradedb-health-');
    }
  });
});

describe('migrate import of market data', () => {
  it('takes bars of vn.py, in the zone that the operator names', async () => {
    const { folder, target, run } = place();
    const db = new Database(join(folder, 'database.db'));
    db.exec(`CREATE TABLE dbbardata (id INTEGER PRIMARY KEY, symbol VARCHAR(255), exchange VARCHAR(255), datetime DATETIME,
      interval VARCHAR(255), volume REAL, turnover REAL, open_interest REAL, open_price REAL, high_price REAL,
      low_price REAL, close_price REAL);
      CREATE UNIQUE INDEX bars ON dbbardata (symbol, exchange, interval, datetime);
      INSERT INTO dbbardata VALUES (1, 'rb2410', 'SHFE', '2024-01-05 09:00:00', '1m', 5, 0, 0, 10.1, 10.3, 10.0, 10.2),
        (2, 'rb2410', 'SHFE', '2024-01-05 09:01:00', '1m', 5, 0, 0, 10.1, 10.0, 10.2, 10.2)`);
    db.close();
    expect((await run('database.db', '-d', target, '--create')).code).toBe(2);
    const result = await run('database.db', '-d', target, '--create', '--timezone', 'Asia/Shanghai', '--json');
    expect(result.code, result.stderr).toBe(3);
    expect(reportOf(result).data.result?.quarantine).toMatchObject([{ reason: 'ohlc_broken', count: 1 }]);
    const stored = new Database(target, { readonly: true });
    expect(stored.prepare('SELECT open_us, open, volume FROM candles').all()).toEqual([
      { open_us: Date.UTC(2024, 0, 5, 1) * 1000, open: 101, volume: 5 },
    ]);
    stored.close();
  });

  it('takes candles from CSV by their header', async () => {
    const { folder, target, run } = place();
    const lines = [
      'time,open,high,low,close,volume',
      '2024-01-01 00:00:00,1,2,0.5,1.5,10',
      '2024-01-01 00:01:00,1,2,0.5,1.5,7',
    ];
    writeFileSync(join(folder, 'candles.csv'), lines.join('\n'));
    const options = ['--timezone', 'UTC', '--venue', 'binance', '--quote', 'USDT'];
    const result = await run('candles.csv', '--from', 'csv', '-d', target, '--create', ...options, '--json');
    expect([0, 3], result.stderr).toContain(result.code);
    expect(reportOf(result).data.result?.streams).toMatchObject([{ name: 'candles', rowsRead: 2 }]);
  });
});

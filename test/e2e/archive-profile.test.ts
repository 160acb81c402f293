import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { ArchiveResult } from '../../src/core/maintenance/archive/request.ts';
import { writeBotFile } from '../support/bot-file.ts';
import { parseReport, tradedb } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const old = `UPDATE trades SET open_date = '2020-01-01 00:00:00.000000', close_date = '2020-01-02 00:00:00.000000' WHERE id = 1;
  UPDATE trades SET open_date = '2020-01-01 00:00:00.000000' WHERE id = 2`;

test('what is proposed for a bot is printed, and done only when the operator agrees', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'bot.sqlite');
  writeBotFile(path, 'freqtrade', old);
  const before = readFileSync(path);
  const archive = ['vacuum', 'archive', '-d', path, '--profile', 'freqtrade', '--folder', join(folder, 'archive')];
  const planned = await tradedb([...archive, '--dry-run', '--json']);
  const { policies } = parseReport<ArchiveResult>(planned).data;
  expect(policies.map(({ table, rowsDue, children }) => ({ table, rowsDue, children }))).toEqual([
    { table: 'trades', rowsDue: 1, children: ['orders', 'trade_custom_data'] },
    { table: 'pairlocks', rowsDue: 0, children: [] },
  ]);
  expect(planned.stderr).toContain('sum over all closed trades');
  expect((await tradedb(archive)).code).toBe(2);
  expect(readFileSync(path).equals(before)).toBe(true);
  expect((await tradedb([...archive, '--yes'])).code).toBe(0);
  const db = new Database(path, { readonly: true });
  expect(db.prepare('SELECT id FROM trades').pluck().all()).toEqual([2]);
  expect(db.prepare('SELECT id FROM orders ORDER BY id').pluck().all()).toEqual([4, 5]);
  expect(db.prepare('SELECT count(*) FROM trade_custom_data').pluck().get()).toBe(0);
  db.close();
  const health = await tradedb(['health', '-d', path, '--tier', 'daily', '--only', 'rule.FT*', '--json'], {
    env: { TRADEDB_STATE_DIRECTORY: join(folder, 'state') },
  });
  expect(health.code).toBe(0);
});

test('orders whose fills would stay behind are not proposed', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'bot.sqlite');
  writeBotFile(
    path,
    'hummingbot',
    'CREATE TABLE f AS SELECT * FROM TradeFill; DROP TABLE TradeFill; ALTER TABLE f RENAME TO TradeFill',
  );
  const archive = ['vacuum', 'archive', '-d', path, '--profile', 'hummingbot', '--folder', join(folder, 'archive')];
  const planned = await tradedb([...archive, '--dry-run', '--json']);
  expect(parseReport<ArchiveResult>(planned).data.policies.map(({ table }) => table)).toEqual(['MarketData']);
  expect(planned.stderr).toContain('TradeFill has no foreign key');
});

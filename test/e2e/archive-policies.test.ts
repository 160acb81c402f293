import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { HealthAuditData } from '../../src/commands/health/audit-report.ts';
import type { ArchiveResult } from '../../src/core/maintenance/archive/request.ts';
import { openReadWrite } from '../../src/core/sqlite/connection.ts';
import { normalProfile } from '../../src/core/sqlite/pragma-profile.ts';
import { type ArchiveSetup, archive, archiveSetup } from '../support/archive-database.ts';
import { appendAudit, createAuditedDatabase, rowsOfAudit } from '../support/audit-log.ts';
import { writeBotFile } from '../support/bot-file.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { testPorts } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function query<T>(path: string, sql: string): T[] {
  const db = new Database(path, { readonly: true });
  try {
    return db.prepare(sql).all() as T[];
  } finally {
    db.close();
  }
}

function run(path: string, sql: string): void {
  const db = new Database(path);
  db.exec(sql);
  db.close();
}

async function refusal(setup: ArchiveSetup): Promise<{ code: string; message: string; exitCode: number }> {
  return parseError(await tradedb(['vacuum', 'archive', '--json', '--dry-run'], { cwd: setup.folder }));
}

describe('the adjust statement of a policy', () => {
  /** Events counted by their note's length, in a table that nothing else keeps. */
  function counted(policy: Readonly<Record<string, unknown>> = {}): ArchiveSetup {
    const adjust =
      'UPDATE overview SET rows = rows - @tradedb_rows, first = coalesce((SELECT min(id) FROM event WHERE big % 3 = @big % 3), 0) WHERE rest = @big % 3';
    const setup = archiveSetup(600, { adjust, ...policy });
    run(
      setup.database,
      `CREATE TABLE overview (rest INTEGER PRIMARY KEY, rows INTEGER, first INTEGER);
       INSERT INTO overview SELECT big % 3, count(*), min(id) FROM event GROUP BY 1`,
    );
    return setup;
  }
  const wanted = 'SELECT big % 3 AS rest, count(*) AS rows, min(id) AS first FROM event GROUP BY 1 ORDER BY 1';
  const stored = 'SELECT rest, rows, first FROM overview ORDER BY rest';

  it.each(['parquet', 'none'])('keeps an overview true while rows leave (%s)', async (format) => {
    const setup = counted({ archive: format });
    const planned = await archive(setup, '--dry-run');
    expect(planned.data.policies).toMatchObject([{ rowsDue: 600, adjusts: 'overview' }]);
    expect(query(setup.database, stored)).toEqual(query(setup.database, wanted));
    expect((await archive(setup)).status).toBe('ok');
    expect(query(setup.database, 'SELECT count(*) AS n FROM event')).toEqual([{ n: 600 }]);
    expect(query(setup.database, stored)).toEqual(query(setup.database, wanted));
  });

  it('counts the rows that are put back, and not those that were there', async () => {
    const setup = counted();
    const { data } = await archive(setup);
    const id = data.policies[0]?.chunks[0]?.id ?? '';
    run(
      setup.database,
      'INSERT INTO event (id, at, big) SELECT 5, 1, 9007199254740998; UPDATE overview SET rows = rows + 1 WHERE rest = 9007199254740998 % 3',
    );
    const back = ['--restore', id, '--into-table', '--on-conflict', 'skip'];
    expect((await archive(setup, ...back)).status).toBe('ok');
    expect(query(setup.database, stored.replace(', first', ''))).toEqual(
      query(setup.database, wanted.replace(', min(id) AS first', '')),
    );
  });

  it.each([
    ['SELECT 1', 'is no UPDATE, INSERT or DELETE'],
    ['UPDATE event SET note = 1', 'changes "event", which it may not'],
    ['DELETE FROM audit_log', 'changes "audit_log", which it may not'],
    ['UPDATE overview SET rows = ?', 'has a parameter that is not written @name'],
    ['UPDATE overview SET rows = @nothing', 'names @nothing, which is no column'],
    ['UPDATE overview SET rows = 1; DELETE FROM overview', 'cannot run'],
    ['UPDATE nowhere SET rows = 1', 'cannot run'],
    ['UPDATE overview SET rows = 1 RETURNING rows', 'must change a table and return nothing'],
  ])('is refused when it could do harm: %s', async (adjust, message) => {
    const error = await refusal(counted({ adjust }));
    expect(error).toMatchObject({ exitCode: 2, code: 'usage' });
    expect(error.message).toContain(message);
  });

  it('that fails rolls the deletes back with it', async () => {
    const setup = counted({ adjust: 'INSERT INTO overview VALUES (1, NULL, NULL)' });
    const result = await tradedb(['vacuum', 'archive', '--json', '--yes'], { cwd: setup.folder });
    expect(parseError(result)).toMatchObject({ code: 'constraint_violation' });
    expect(query(setup.database, 'SELECT count(*) AS n FROM event')).toEqual([{ n: 1200 }]);
  });
});

describe('the retention class of a policy', () => {
  it('refuses to delete without a copy what its class still wants, and is told with every archive', async () => {
    // Five years are up to 1,827 days.
    const none = archiveSetup(50, { archive: 'none', class: '5y', keep: '5y' });
    expect((await refusal(none)).message).toContain('of the class "5y", which keeps them longer than "keep"');
    expect((await refusal(archiveSetup(50, { archive: 'none', class: 'permanent', keep: '90y' }))).message).toContain(
      'keeps them for ever',
    );
    expect((await refusal(archiveSetup(50, { class: '7y' }))).message).toContain('no retention class "7y"');
    const setup = archiveSetup(50, { class: '5y' });
    const { data } = await archive(setup);
    const retention = { class: '5y', until: '2029-02-01T00:00:00.000Z' };
    expect(data.policies).toMatchObject([{ class: '5y', chunks: [{ retention }] }]);
    const id = data.policies[0]?.chunks[0]?.id ?? '';
    const manifest = JSON.parse(readFileSync(join(setup.archive, 'event', `${id}.json`), 'utf8'));
    expect(manifest.retention).toEqual(retention);
    const list = await tradedb(['vacuum', 'archive', '--list'], { cwd: setup.folder });
    expect(list.stdout).toContain('2029-02-01 (5y)');
  });
});

describe('times in a zone', () => {
  it('let rows go to the hour, and a timezone for numbers is refused', async () => {
    const setup = archiveSetup(2, {
      table: 'note',
      column: 'at',
      unit: 'iso',
      keep: '30d',
      children: [],
      timezone: 'Asia/Shanghai',
    });
    const local = (hoursOld: number): string =>
      new Date(Date.now() - (30 * 24 + hoursOld - 8) * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');
    run(
      setup.database,
      `CREATE TABLE note (id INTEGER PRIMARY KEY, at TEXT);
      INSERT INTO note VALUES (1, '${local(2)}'), (2, '${local(1)}'), (3, '${local(-1)}'), (4, '${local(-9)}')`,
    );
    const { data } = await archive(setup);
    expect(data.policies).toMatchObject([{ rowsDue: 2, timezone: 'Asia/Shanghai' }]);
    expect(query(setup.database, 'SELECT id FROM note')).toEqual([{ id: 3 }, { id: 4 }]);
    expect((await refusal(archiveSetup(2, { timezone: 'UTC' }))).message).toContain(
      'has a timezone, and its unit is s',
    );
    const wrong = archiveSetup(2, { table: 'note', unit: 'iso', children: [], timezone: 'Mars/Olympus' });
    run(
      wrong.database,
      "CREATE TABLE note (id INTEGER PRIMARY KEY, at TEXT); INSERT INTO note VALUES (1, '2024-01-01')",
    );
    expect((await refusal(wrong)).message).toContain('is no time zone');
  });

  it('the file of vn.py loses old ticks and bars, and its overviews and rules agree with what stays', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'database.db');
    writeBotFile(
      path,
      'vnpy',
      `UPDATE dbbardata SET datetime = '2019-01-05 09:00:00' WHERE id = 1;
      UPDATE dbbardata SET datetime = strftime('%Y-%m-%d 09:0' || id || ':00', 'now') WHERE id > 1;
      UPDATE dbbaroverview SET start = '2019-01-05 09:00:00', "end" = (SELECT max(datetime) FROM dbbardata)`,
    );
    const base = ['vacuum', 'archive', '-d', path, '--profile', 'vnpy', '--folder', join(folder, 'archive')];
    expect((await tradedb([...base, '--dry-run'])).stderr).toContain('the times of vn.py are local ones');
    const result = await tradedb([...base, '--timezone', 'Asia/Shanghai', '--yes', '--json']);
    expect(result.code, result.stderr).toBe(0);
    expect(parseReport<ArchiveResult>(result).data.policies.map(({ table, rowsDue }) => [table, rowsDue])).toEqual([
      ['dbtickdata', 3],
      ['dbbardata', 1],
    ]);
    expect(query(path, 'SELECT count FROM dbtickoverview UNION ALL SELECT count FROM dbbaroverview')).toEqual([
      { count: 0 },
      { count: 2 },
    ]);
    expect(query(path, 'SELECT start FROM dbbaroverview')).toEqual(
      query(path, 'SELECT min(datetime) AS start FROM dbbardata'),
    );
    const rule = ['health', '-d', path, '--tier', 'daily', '--only', 'rule.VN01', '--json'];
    expect((await tradedb(rule, { env: { TRADEDB_STATE_DIRECTORY: join(folder, 'state') } })).code).toBe(0);
  });
});

/** Reference rows, and 100 old orders with an event each; those above 90 are open. */
const oldOrders = `INSERT INTO assets (asset_id, code, scale) VALUES (1, 'USD', 2), (2, 'BTC', 8);
  INSERT INTO venues (venue_id, code, continuous) VALUES (1, 'SIM', 1);
  INSERT INTO accounts (account_id, venue_id, name, mode) VALUES (1, 1, 'a', 'paper');
  INSERT INTO instruments (instrument_id, venue_id, symbol, kind, settlement, base_asset_id, quote_asset_id, price_scale, qty_scale, tick_size, lot_size)
    VALUES (1, 1, 'BTC-USD', 'spot', 'delivery', 2, 1, 2, 4, 1, 1);
  INSERT INTO orders (order_id, account_id, instrument_id, client_order_id, side, type, price, qty, status, created_us, updated_us)
    WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 100)
    SELECT value, 1, 1, 'c' || value, 1, 'limit', 100, 10, iif(value > 90, 'NEW', 'CANCELED'), 1600000000000000, 1600000000000000 FROM n;
  INSERT INTO order_events (order_id, seq, exec_type, to_status, cum_qty, event_us, recv_us)
    SELECT order_id, 1, 'NEW', 'NEW', 0, created_us, created_us FROM orders`;

/** A folder with these orders and one policy. */
function ordersFolder(policy: Readonly<Record<string, unknown>>): string {
  const folder = temporaryFolder();
  createAuditedDatabase(join(folder, 'trading.db'), 100);
  run(join(folder, 'trading.db'), oldOrders);
  const policies = [
    { table: 'orders', column: 'updated_us', unit: 'us', keep: '400d', children: ['order_events'], ...policy },
  ];
  const maintenance = { archive: { folder: 'old', reserve: '0B' }, retention: { policies }, vacuum: { duty: 1 } };
  const config = { database: { path: 'trading.db' }, trading: { audit: { anchorFile: 'anchors' } }, maintenance };
  writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify(config));
  return folder;
}

describe('orders of the trading schema', () => {
  const archiveOf = (folder: string, ...args: string[]) =>
    tradedb(['vacuum', 'archive', '--json', '--yes', ...args], { cwd: folder });

  it('never leave while they are open, whatever the policy says, and their events not without them', async () => {
    const folder = ordersFolder({});
    const result = await archiveOf(folder);
    expect(result.code, result.stderr).toBe(0);
    const path = join(folder, 'trading.db');
    expect(query(path, 'SELECT min(order_id) AS first, count(*) AS n FROM orders')).toEqual([{ first: 91, n: 10 }]);
    for (const [table, column] of [
      ['order_events', 'event_us'],
      ['fills', 'exec_us'],
    ]) {
      const refused = parseError(await archiveOf(ordersFolder({ table, column, children: [] }), '--dry-run'));
      expect(refused).toMatchObject({ exitCode: 2, message: expect.stringContaining('may still be open') });
    }
  });

  it('that the books or another order point to stay, when the policy says so', async () => {
    const more = `INSERT INTO fills (fill_id, order_id, account_id, instrument_id, venue_trade_id, side, price, qty, notional, exec_us, recv_us)
        VALUES (1, 7, 1, 1, 't', 1, 100, 1, 1, 1600000000000000, 1600000000000000);
      INSERT INTO journal (journal_id, ts_us, kind, fill_id) VALUES (1, 1600000000000000, 'fill', 1);
      UPDATE orders SET parent_order_id = 20 WHERE order_id IN (21, 95)`;
    const children = ['order_events', 'fills'];
    const strict = ordersFolder({ children });
    run(join(strict, 'trading.db'), more);
    expect(parseError(await archiveOf(strict, '--dry-run')).message).toContain('point to rows of "');
    const folder = ordersFolder({ children, referenced: 'keep' });
    const path = join(folder, 'trading.db');
    run(path, more);
    const result = await archiveOf(folder);
    expect(result.code, result.stderr).toBe(0);
    expect(parseReport<ArchiveResult>(result).data.policies).toMatchObject([{ rowsDue: 88 }]);
    expect(query(path, 'SELECT order_id FROM orders WHERE order_id < 91')).toEqual([{ order_id: 7 }, { order_id: 20 }]);
    expect(query(path, 'SELECT count(*) AS n FROM fills UNION ALL SELECT count(*) FROM journal')).toEqual([
      { n: 1 },
      { n: 1 },
    ]);
  });
});

it('old orders leave with their events, and the audit chain proves them still', async () => {
  const folder = ordersFolder({ class: '6y' });
  const path = join(folder, 'trading.db');
  const audit = async (...args: string[]): Promise<HealthAuditData> =>
    parseReport<HealthAuditData>(await tradedb(['health', 'audit', '--json', ...args], { cwd: folder })).data;
  const before = await audit('--anchor');
  const archived = await tradedb(['vacuum', 'archive', '--yes', '--json'], { cwd: folder });
  expect(archived.code, archived.stderr).toBe(0);
  expect(query(path, 'SELECT count(*) AS n FROM orders UNION ALL SELECT count(*) FROM order_events')).toEqual([
    { n: 10 },
    { n: 10 },
  ]);
  const connection = openReadWrite(path, normalProfile, testPorts);
  appendAudit(connection, rowsOfAudit(5));
  connection.close();
  const after = await audit();
  expect(after.log).toMatchObject({ broken: null, rows: 105, contradictions: [], chainStart: before.log?.chainStart });
  const books = ordersFolder({ table: 'audit_log', column: 'ts_us', children: [] });
  const refused = parseError(await tradedb(['vacuum', 'archive', '--yes', '--json'], { cwd: books }));
  expect(refused).toMatchObject({ exitCode: 2, message: expect.stringContaining('never archived or deleted') });
});

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { MigrateImportData } from '../../src/commands/migrate/import.ts';
import { type Connection, openReadOnly } from '../../src/core/sqlite/connection.ts';
import { startScript } from '../support/background-process.ts';
import { parseReport, tradedb } from '../support/cli.ts';
import { testPorts } from '../support/context.ts';
import { makeFreqtrade } from '../support/foreign/freqtrade.ts';
import { targetHash } from '../support/foreign/import.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const launcher = fileURLToPath(new URL('../../bin/tradedb.js', import.meta.url));
/** 100 for the figure of the documentation. */
const kills = Number(process.env.TRADEDB_IMPORT_KILLS ?? 5);

function onTarget<T>(path: string, look: (target: Connection) => T): T {
  const target = openReadOnly(path, testPorts);
  try {
    return look(target);
  } finally {
    target.close();
  }
}

/** What a target says about money, whatever the ids of its rows and however often it was imported. */
function business(target: Connection): unknown {
  const rows = (sql: string) => target.prepare(sql).withBigIntegers().all();
  return {
    orders: rows(
      `SELECT o.client_order_id, o.status, o.qty, o.price, o.filled_qty, o.filled_notional, o.created_us, o.updated_us,
         (SELECT client_order_id FROM orders p WHERE p.order_id = o.parent_order_id) AS parent,
         (SELECT sum(fee) FROM fills f WHERE f.order_id = o.order_id) AS fee FROM orders o ORDER BY 1`,
    ),
    positions: rows(
      `SELECT i.symbol, p.qty, p.cost - p.realized AS paid FROM positions p JOIN instruments i USING (instrument_id) ORDER BY 1`,
    ),
    // Realized profit moves between the two on margin only; here all is spot.
    balances: rows(
      `SELECT a.code, l.kind, b.amount, b.held FROM balances b JOIN ledger_accounts l USING (ledger_account_id)
       JOIN assets a USING (asset_id) WHERE b.amount <> 0 OR b.held <> 0 ORDER BY 1, 2`,
    ),
    state: rows('SELECT scope, key, value FROM engine_state ORDER BY 1, 2'),
    attributes: rows("SELECT external_id, attributes FROM external_attributes WHERE entity = 'trade' ORDER BY 1"),
  };
}

describe('an import while the bot trades', () => {
  it.each(['wal', 'delete'])('gets every change, and the bot notices nothing (%s)', async (journal) => {
    const folder = temporaryFolder();
    const source = join(folder, 'tradesv3.sqlite');
    makeFreqtrade(source, 'F9', { wal: journal === 'wal', trades: 100 });
    const bot = await startScript('trading-bot.mjs', [source]);
    const run = (...args: string[]) =>
      tradedb(['migrate', 'import', source, '--json', '--name', 'bot', ...args], { cwd: folder });
    for (let count = 0; count < 4; count += 1) {
      const result = await run('-d', 'live.db', '--create', '--batch-rows', '50');
      // 3: the bot was faster than the settle limit of a slow machine. Never 12: no figure may differ.
      expect([0, 3], result.stderr + result.stdout).toContain(result.code);
      const { data } = parseReport<MigrateImportData>(result);
      expect(data.source).toMatchObject({ readFrom: 'place', connectedProcesses: 1 });
      const differ = data.result?.reconciliation.filter(({ passed }) => !passed);
      if (data.result?.comparedAtOnce) expect(differ).toEqual([]);
      expect(data.result?.quarantine).toEqual([]);
      await sleep(100);
    }
    const told = JSON.parse(await bot.stop());
    expect(told.errors).toEqual([]);
    expect(told.commits).toBeGreaterThan(0);

    const last = await run('-d', 'live.db');
    expect(last.code, last.stderr + last.stdout).toBe(0);
    const fresh = await run('-d', 'fresh.db', '--create');
    expect(fresh.code, fresh.stderr).toBe(0);
    expect(onTarget(join(folder, 'live.db'), business)).toEqual(onTarget(join(folder, 'fresh.db'), business));
    const again = onTarget(join(folder, 'live.db'), targetHash);
    expect((await run('-d', 'live.db')).code).toBe(0);
    expect(onTarget(join(folder, 'live.db'), targetHash)).toBe(again);
  });
});

/** Starts an import and kills it behind its `lines`-th event, after a moment; false when it had ended before. */
function killedImport(args: readonly string[], cwd: string, lines: number, afterMs: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [launcher, 'migrate', 'import', ...args, '--format', 'ndjson'], {
      cwd,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let seen = 0;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const before = seen;
      seen += text.split('\n').length - 1;
      if (before < lines && seen >= lines) setTimeout(() => child.kill('SIGKILL'), afterMs);
    });
    child.on('error', reject);
    child.on('close', (_, signal) => resolve(signal === 'SIGKILL'));
  });
}

describe('an import that is killed', () => {
  it(`ends as if it had not been, after ${kills} kills at random moments`, {
    timeout: 60_000 + kills * 6000,
  }, async () => {
    const folder = temporaryFolder();
    const source = join(folder, 'tradesv3.sqlite');
    // Large enough that the last kill still meets work.
    makeFreqtrade(source, 'F9', { trades: 200 + 40 * kills });
    const db = new Database(source);
    db.exec("UPDATE orders SET amount = '5m' WHERE id IN (7, 120, 300)");
    db.close();
    const args = [source, '-d', 'target.db', '--create', '--batch-rows', '10'];
    const whole = await tradedb(['migrate', 'import', source, '-d', 'whole.db', '--create'], { cwd: folder });
    expect(whole.code, whole.stderr).toBe(3);
    const expected = onTarget(join(folder, 'whole.db'), targetHash);

    let killed = 0;
    for (let count = 0; count < kills; count += 1) {
      const lines = 1 + Math.floor(Math.random() * 25);
      if (await killedImport(args, folder, lines, Math.random() * 30)) killed += 1;
    }
    expect(killed).toBeGreaterThan(0);
    const last = await tradedb(['migrate', 'import', ...args, '--json'], { cwd: folder });
    expect(last.code, last.stderr).toBe(3);
    expect(parseReport<MigrateImportData>(last).data.result?.reconciliation.filter(({ passed }) => !passed)).toEqual(
      [],
    );
    expect(onTarget(join(folder, 'target.db'), targetHash)).toBe(expected);
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { AlertsData } from '../../src/core/alert/alerts-data.ts';
import type { HealthData } from '../../src/core/health/health-data.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { DamagedFile } from '../support/database-damage.ts';
import { fileState } from '../support/file-state.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const holder = fileURLToPath(new URL('../support/sqlite-holder.mjs', import.meta.url));

function home(healing: Record<string, unknown>) {
  const folder = temporaryFolder();
  const path = join(folder, 't.db');
  writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify({ database: { path: 't.db' }, healing }));
  const run = (...args: string[]) =>
    tradedb([...args, '-c', join(folder, 'tradedb.config.json'), '--json'], { cwd: folder });
  return { folder, path, run };
}

/** A WAL with frames, and somebody connected, so that it stays. */
async function withBacklog(path: string): Promise<void> {
  const db = new Database(path);
  db.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (x); PRAGMA wal_autocheckpoint = 0');
  const child = spawn(process.execPath, [holder, path, 'idle'], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout!, 'data');
  for (let row = 0; row < 60; row++) db.prepare('INSERT INTO t VALUES (?)').run('x'.repeat(3000));
  db.close();
}

const backlog = ['--only', 'wal.*', '--threshold', 'wal.backlog=1KiB:1GiB'];

describe('health --heal', () => {
  test('needs actions that are named, says first what it would do, and then does it', async () => {
    const none = home({});
    await withBacklog(none.path);
    expect(parseError(await none.run('health', '--heal')).message).toMatch(/healing\.allow/);

    const careful = home({ allow: ['checkpoint'] });
    await withBacklog(careful.path);
    const told = await careful.run('health', '--heal', ...backlog);
    expect(parseReport<HealthData>(told).data.healing).toMatchObject([{ action: 'checkpoint', decision: 'dry-run' }]);

    const { path, run, folder } = home({ allow: ['checkpoint'], apply: true });
    await withBacklog(path);
    const before = fileState(folder);
    const dry = await run('health', '--heal', '--dry-run', ...backlog);
    expect(parseReport<HealthData>(dry).data.healing).toMatchObject([{ decision: 'dry-run' }]);
    expect(fileState(folder)).toEqual(before);
    const size = statSync(path).size;
    const healed = await run('health', '--heal', ...backlog);
    expect(parseReport<HealthData>(healed).data.healing).toMatchObject([
      { decision: 'done', reason: expect.stringMatching(/frames copied/) },
    ]);
    expect(statSync(path).size).toBeGreaterThan(size);
    const after = await run('health', ...backlog);
    expect(parseReport<HealthData>(after).data.checks.find(({ id }) => id === 'wal.backlog')?.value).toBe(0);
    const journal = readFileSync(join(folder, '.tradedb', 'healing', 'journal.ndjson'), 'utf8');
    expect(
      journal
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).event),
    ).toEqual(['started', 'done']);
    const alerts = await run('monitor', 'alerts');
    expect(parseReport<AlertsData>(alerts).data.breakers).toEqual([{ action: 'checkpoint', failures: 0, open: false }]);
    expect((await run('monitor', 'alerts', '--reset-breaker', 'checkpoint')).code).toBe(0);
  });

  test('REINDEX only with a verified backup and a vote without conflict', async () => {
    const { path, run, folder } = home({ allow: ['reindex'], apply: true });
    const db = new Database(path);
    db.exec('CREATE TABLE trade (id INTEGER PRIMARY KEY, symbol TEXT, qty INTEGER)');
    for (let row = 0; row < 300; row++)
      db.prepare('INSERT INTO trade (symbol, qty) VALUES (?, ?)').run(`SYM${1000 + row}`, row);
    db.exec(
      'CREATE INDEX i0 ON trade(symbol); CREATE INDEX i1 ON trade(symbol, qty); CREATE INDEX i2 ON trade(qty, symbol)',
    );
    db.close();
    expect((await run('backup', 'create')).code).toBe(0);
    const file = new DamagedFile(path, 1);
    for (const number of file.below(file.root('i0'))) {
      const at = file.page(number).indexOf('SYM1150');
      if (at >= 0) file.page(number).write('SYM115Z', at);
    }
    file.save();
    const heal = ['health', '--heal', '--tier', 'deep', '--skip', 'pages.manifest', '--skip', 'backup.age'];
    const refused = await run(...heal);
    expect(parseReport<HealthData>(refused).data.healing).toMatchObject([
      { decision: 'refused', reason: expect.stringMatching(/verified backup/) },
    ]);
    expect((await run('backup', 'verify')).code).toBe(0);
    const healed = await run(...heal);
    expect(parseReport<HealthData>(healed).data.healing).toMatchObject([
      { decision: 'done', reason: 'built again: i0' },
    ]);
    const again = await run(...heal);
    expect(parseReport<HealthData>(again).data.checks.find(({ id }) => id === 'index.vote')?.status).toBe('ok');
    expect(existsSync(join(folder, 't.db-journal'))).toBe(false);
  });
});

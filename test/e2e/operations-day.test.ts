/// <reference lib="dom" />
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { expect, it, onTestFinished } from 'vitest';
import { damagePages } from '../../demo/damage.mjs';
import { halveBalances } from '../../demo/halve-balances.mjs';
import { openBrowser, watchedPage, withoutBrowser } from '../support/browser.ts';
import { type CliResult, tradedb } from '../support/cli.ts';
import { ask, launcher, type Service, startService, untilReady } from '../support/service.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/**
 * A whole day of the service in three minutes: a real engine writes, jobs run by the clock, an alert fires and clears,
 * service and engine are killed, the data are spoilt and brought back to the moment before, old rows leave, and all of
 * that stands in the history and on the dashboard afterwards.
 */

const engineProgram = fileURLToPath(new URL('../../examples/engine/engine.mjs', import.meta.url));

const off = { prune: false, verify: false, optimize: false, vacuum: false, archive: false, drill: false };
const config = (schedules: Record<string, unknown>) => ({
  database: { path: 'trading.db' },
  backup: { repositories: { local: { kind: 'folder', path: 'backups' } } },
  schedules: { ...off, ...schedules },
  monitor: { jobs: { jitter: '0s' } },
  maintenance: {
    archive: { folder: 'archive' },
    retention: { policies: [{ table: 'quotes', column: 'ts_us', unit: 'us', keep: '30d' }] },
  },
  alerts: {
    groupInterval: '1s',
    rules: [{ id: 'backlog', expr: 'wal_backlog_bytes', warn: 300_000 }],
    channels: { notes: { type: 'file', path: 'notes.ndjson' } },
  },
});

class Day {
  readonly folder = temporaryFolder();
  readonly path = join(this.folder, 'trading.db');

  configure(schedules: Record<string, unknown>): void {
    writeFileSync(join(this.folder, 'tradedb.config.json'), JSON.stringify(config(schedules)));
  }

  run(...args: string[]): Promise<CliResult> {
    return tradedb(args, { cwd: this.folder });
  }

  /** Again while a scheduled job has the database. */
  async runFree(...args: string[]): Promise<CliResult> {
    for (;;) {
      const result = await this.run(...args);
      if (result.code !== 11) return result;
      await sleep(500);
    }
  }

  start(program: string, args: readonly string[]): { child: ChildProcess; ended: Promise<unknown> } {
    const child = spawn(process.execPath, [program, ...args], { cwd: this.folder, stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    return { child, ended: new Promise((resolve) => child.on('close', resolve)) };
  }

  engine() {
    return this.start(engineProgram, ['--database', this.path, '--seconds', '600', '--rate', '40']);
  }

  facts(): unknown {
    const db = new Database(this.path, { readonly: true });
    try {
      return db
        .prepare(
          'SELECT (SELECT sum(abs(amount)) FROM balances) AS money, (SELECT count(*) FROM orders) AS orders, (SELECT count(*) FROM fills) AS fills, (SELECT max(seq) FROM audit_log) AS events',
        )
        .get();
    } finally {
      db.close();
    }
  }
}

/** Waits for something on the service; what never comes is named. */
async function until(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
  const end = Date.now() + 150_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`never happened: ${what}`);
    await sleep(200);
  }
}

async function said(service: Service, pattern: RegExp): Promise<void> {
  await until(String(pattern), async () => pattern.test((await ask(service.port, '/metrics')).body));
}

const ran = (job: string, results: string): RegExp =>
  new RegExp(`^tradedb_job_runs_total\\{database="trading.db",job="${job}",result="(${results})"\\} [1-9]`, 'm');

it.skipIf(withoutBrowser)(
  `a whole day of the service${withoutBrowser ? ' (skipped: needs chromium)' : ''}`,
  async () => {
    const day = new Day();
    const init = ['init', '--database', 'trading.db', '--sample', '--orders', '2000', '--days', '5', '--seed', '7'];
    expect((await day.run(...init, '--yes')).code).toBe(0);
    day.configure({ backup: '* * * * *', health: '* * * * *' });
    let service = await startService([], { cwd: day.folder });
    await untilReady(service.port);
    const archiver = day.start(launcher, ['backup', 'archive', '--quiet']);
    await said(service, /^tradedb_archive_running\{.*\} 1$/m);
    let engine = day.engine();
    await said(service, /^tradedb_archive_commits_total\{.*\} [1-9]/m);

    // A reader that stands still: the backlog grows, people are told; it goes, and they are told again.
    const reader = new Database(day.path, { readonly: true });
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM orders').get();
    await said(service, /^tradedb_alert_state\{.*rule="backlog"\} 2$/m);
    reader.exec('COMMIT');
    reader.close();
    await until('the backlog is gone', async () => {
      await day.run('vacuum', 'checkpoint', '--mode', 'truncate');
      return /rule="backlog"\} 0$/m.test((await ask(service.port, '/metrics')).body);
    });
    const notes = () => readFileSync(join(day.folder, 'notes.ndjson'), 'utf8');
    await until(
      'the news that it is over',
      () => existsSync(join(day.folder, 'notes.ndjson')) && /resolved/.test(notes()),
    );
    expect(notes()).toMatch(/firing/);

    // Jobs by the clock, beside the engine.
    await said(service, ran('backup', 'ok|warning'));
    await said(service, ran('health', 'ok|warning'));

    // Both are killed; what was acknowledged stays, and the next service takes the history over.
    engine.child.kill('SIGKILL');
    service.child.kill('SIGKILL');
    await Promise.all([engine.ended, service.ended]);
    service = await startService([], { cwd: day.folder });
    await untilReady(service.port);
    engine = day.engine();
    await said(service, /^tradedb_commits_total\{.*\} [1-9]/m);
    await sleep(2000);
    engine.child.kill('SIGKILL');
    await engine.ended;

    // The facts of this second; a second later a slip, and pages that rot.
    const before = day.facts();
    const stopped = Date.now() / 1000;
    // A commit has the time at which the archiver saw it: this moment lies behind all of them.
    await until('everything is archived', async () => {
      const { body } = await ask(service.port, '/metrics');
      return Number(/^tradedb_archive_durable_timestamp_seconds\{.*\} (\S+)$/m.exec(body)?.[1]) > stopped;
    });
    const moment = new Date().toISOString();
    await sleep(1100);
    expect(halveBalances(day.path)).toBeGreaterThan(0);
    await sleep(1100);
    archiver.child.kill('SIGTERM');
    await archiver.ended;
    damagePages(day.path, 6);
    expect(day.facts).toThrow();
    await said(service, ran('health', 'critical|failed'));
    await said(service, /^tradedb_health_status\{.*\} 2$/m);

    // Back to that second; the service sees another file, and the next check is content.
    const restored = await day.runFree('restore', 'run', '--to-time', moment, '--replace', '--yes');
    expect(restored.code, restored.stderr).toBe(0);
    expect(day.facts()).toEqual(before);
    await said(service, /^tradedb_generation_changes_total\{.*\} [1-9]/m);

    // From now on old quotes leave, and a drill shows that backups can be used.
    day.configure({ health: '* * * * *', archive: '* * * * *', drill: '* * * * *' });
    service.child.kill('SIGHUP');
    await until('the new schedules', () => service.log().some(({ event }) => event === 'service_reloaded'));
    await said(service, ran('archive', 'ok|warning'));
    await said(service, ran('drill', 'ok|warning'));
    await until('a check that finds no damage', async () => {
      const { body } = await ask(service.port, '/metrics');
      return /^tradedb_health_status/m.test(body) && !/^tradedb_health_status\{.*\} 2$/m.test(body);
    });
    const db = new Database(day.path, { readonly: true });
    expect(db.prepare('SELECT count(*) FROM quotes WHERE ts_us < 1700000000000000').pluck().get()).toBe(0);
    db.close();
    const verified = await day.runFree('vacuum', 'archive', '--verify', 'all');
    expect(verified.code, verified.stderr).toBe(0);
    const vacuum = await day.runFree('vacuum', 'run', '--yes', '--json');
    expect([0, 3], vacuum.stderr).toContain(vacuum.code);

    // All of it is told: by the history, and to who looks at the dashboard.
    const { events } = JSON.parse((await ask(service.port, '/api/state')).body) as {
      events: { kind: string; detail: Record<string, unknown> }[];
    };
    const jobs = new Set(events.filter(({ kind }) => kind === 'job_finished').map(({ detail }) => detail.job));
    expect([...jobs]).toEqual(expect.arrayContaining(['backup', 'health', 'archive', 'drill']));
    expect(events.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['reader_pinned', 'generation_changed']));
    const browser = await openBrowser();
    const { page, problems } = await watchedPage(browser, { viewport: { width: 1280, height: 900 } });
    await page.goto(`http://127.0.0.1:${service.port}/`);
    await page.locator('#state.good').waitFor();
    const text = await page.locator('body').textContent();
    for (const word of ['backup', 'health', 'archive', 'drill']) expect(text?.toLowerCase()).toContain(word);
    expect(problems).toEqual([]);
    service.child.kill('SIGTERM');
    expect(await service.ended).toBe(143);
  },
  600_000,
);

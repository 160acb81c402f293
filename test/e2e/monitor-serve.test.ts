import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runProcess } from '../../src/core/monitor/service/job-process.ts';
import { jobWords, scheduledJobs } from '../../src/core/schedule/job.ts';
import { systemClock } from '../../src/system/system-clock.ts';
import { tradedb } from '../support/cli.ts';
import { makeHalfEmptyDatabase } from '../support/half-empty-database.ts';
import { ask, launcher, type Service, startService as startWith } from '../support/service.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function startService(path: string, args: readonly string[] = [], env: Record<string, string> = {}): Promise<Service> {
  return startWith(['-d', path, '--rate', '20', ...args], { env });
}

function openDatabase(): { folder: string; path: string; db: Database.Database } {
  const folder = temporaryFolder();
  const path = join(folder, 'trading.db');
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE "ticks ""1} x" (a)');
  onTestFinished(() => void db.close());
  return { folder, path, db };
}

describe('monitor serve', () => {
  it('answers with metrics that move, and ends with 143', async () => {
    const { path, db } = openDatabase();
    const service = await startService(path, ['--schedules', 'off']);
    while ((await ask(service.port, '/ready')).status !== 200) await sleep(20);
    expect(await ask(service.port, '/live')).toMatchObject({ status: 200, body: 'yes\n' });
    for (let row = 0; row < 5; row++) db.exec('INSERT INTO "ticks ""1} x" VALUES (1)');
    let text = '';
    while (!/^tradedb_commits_total\{database="trading\.db"\} 5$/m.test(text)) {
      text = (await ask(service.port, '/metrics')).body;
    }
    expect(text).toContain('object="ticks \\"1} x"');
    expect(text).toContain('tradedb_sampler_up 1');
    const open = await ask(service.port, '/metrics', { headers: { accept: 'application/openmetrics-text' } });
    expect(open.headers['content-type']).toContain('application/openmetrics-text; version=1.0.0');
    expect(open.body.endsWith('# EOF\n')).toBe(true);
    expect(JSON.parse((await ask(service.port, '/api/sample')).body)).toMatchObject({
      database: 'trading.db',
      sample: { mode: 'wal' },
    });
    service.child.kill('SIGTERM');
    expect(await service.ended).toBe(143);
    expect(service.log().map(({ event }) => event)).toContain('service_stopped');
  });

  it('refuses what it should, with the same headers', async () => {
    const { folder, path } = openDatabase();
    const token = 'a-token-of-enough-length';
    writeFileSync(join(folder, 'token'), `${token}\n`);
    const { port, child } = await startService(path, ['--schedules', 'off', '--token-file', join(folder, 'token')]);
    const authorization = `Bearer ${token}`;
    const good = { headers: { authorization } };
    while ((await ask(port, '/ready', good)).status !== 200) await sleep(20);
    const cases: [string, Parameters<typeof ask>[2], number][] = [
      ['/metrics', {}, 401],
      ['/api/sample', { headers: { authorization: 'Bearer wrong' } }, 401],
      ['/metrics', good, 200],
      ['/live', {}, 200],
      ['/metrics', { headers: { authorization, host: 'evil.example' } }, 421],
      ['/metrics', { ...good, method: 'POST' }, 405],
      ['/../../etc/passwd', good, 404],
      ['/__proto__', good, 404],
      ['/constructor', good, 404],
      ['/metrics', { headers: { authorization, 'x-long': 'x'.repeat(20_000) } }, 431],
    ];
    for (const [where, options, status] of cases) {
      const reply = await ask(port, where, options);
      expect(reply.status, `${where} ${JSON.stringify(options)}`).toBe(status);
      expect(reply.body).not.toContain(token);
      if (status !== 431) expect(reply.headers['content-security-policy']).toContain("default-src 'none'");
    }
    expect((await ask(port, '/metrics', { ...good, method: 'HEAD' })).body).toBe('');
    // Something that is no HTTP at all must not end the service.
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.end('\u0000\u0001 nonsense\r\n\r\n'));
      socket.on('close', () => resolve());
      socket.on('error', () => {});
      socket.resume();
    });
    expect((await ask(port, '/live')).status).toBe(200);
    expect(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8')).not.toContain(token);
  });

  it('does not start where everybody could read, nor with bad settings', async () => {
    const { folder, path } = openDatabase();
    const serve = (...args: string[]) => tradedb(['monitor', 'serve', '-d', path, '--schedules', 'off', ...args]);
    expect(await serve('--listen', '0.0.0.0:0')).toMatchObject({ code: 2, stdout: '' });
    expect((await serve('--listen', 'nonsense')).code).toBe(2);
    expect((await serve('--token-file', join(folder, 'missing'))).code).toBe(10);
    writeFileSync(join(folder, 'short'), 'abc');
    expect((await serve('--token-file', join(folder, 'short'))).code).toBe(2);
    expect((await tradedb(['monitor', 'serve', '-d', join(folder, 'missing.db')])).code).toBe(10);
    writeFileSync(join(folder, 'tradedb.config.json'), '{"schedules":{"health":"every day"}}');
    expect((await tradedb(['monitor', 'serve', '-d', path], { cwd: folder })).code).toBe(2);
    const taken = await startService(path, ['--schedules', 'off']);
    const elsewhere = openDatabase().path;
    const second = await tradedb([
      'monitor',
      'serve',
      '-d',
      elsewhere,
      '--schedules',
      'off',
      '--listen',
      `127.0.0.1:${taken.port}`,
    ]);
    expect(second.code).toBe(2);
    expect(second.stderr).toContain('EADDRINUSE');
    // One service per database: the second one names the first.
    const twin = await serve('--listen', '127.0.0.1:0');
    expect(twin.code).toBe(11);
    expect(twin.stderr).toContain(`monitor serve is already running (pid ${taken.child.pid} `);
    taken.child.kill('SIGKILL');
    await taken.ended;
    // The lease of a killed service is void at once.
    const next = await startService(path, ['--schedules', 'off']);
    expect(next.port).toBeGreaterThan(0);
  });

  it('tells the service manager that it is ready and alive', async () => {
    const { folder, path } = openDatabase();
    const program = join(folder, 'systemd-notify');
    const record = join(folder, 'notified');
    writeFileSync(program, `#!/bin/sh\necho "$1" >> '${record}'\n`);
    chmodSync(program, 0o755);
    const service = await startService(path, ['--schedules', 'off'], {
      NOTIFY_SOCKET: join(folder, 'socket'),
      PATH: `${folder}:${process.env.PATH}`,
    });
    const notified = (): string => {
      try {
        return readFileSync(record, 'utf8');
      } catch {
        return '';
      }
    };
    while (!notified().includes('WATCHDOG=1')) await sleep(20);
    expect(notified()).toContain('READY=1');
    service.child.kill('SIGTERM');
    await service.ended;
    while (!notified().includes('STOPPING=1')) await sleep(20);
  });

  it('lists its jobs with their next runs', async () => {
    const { path } = openDatabase();
    const service = await startService(path);
    const started = service.log().find(({ event }) => event === 'service_started');
    const jobs = JSON.parse(String(started?.jobs)) as Record<string, string>;
    expect(Object.keys(jobs)).toEqual(['backup', 'prune', 'verify', 'health', 'optimize', 'vacuum']);
    for (const next of Object.values(jobs)) expect(Date.parse(next)).toBeGreaterThan(Date.now());
  });

  it('has jobs that really run, from a folder with a space', async () => {
    const folder = join(temporaryFolder(), 'my folder');
    mkdirSync(folder);
    const configPath = join(folder, 'tradedb.config.json');
    const databasePath = join(folder, 'trading.db');
    makeHalfEmptyDatabase(databasePath, { rows: 500 });
    const db = new Database(databasePath);
    db.exec('CREATE TABLE tick (at INTEGER); INSERT INTO tick VALUES (1700000000)');
    db.close();
    const policies = [{ table: 'tick', column: 'at', unit: 's', keep: '30d' }];
    const maintenance = { archive: { folder: 'old rows', reserve: '0B' }, retention: { policies } };
    writeFileSync(configPath, JSON.stringify({ database: { path: databasePath }, maintenance }));
    const run = runProcess(systemClock);
    const results: Record<string, number | null> = {};
    for (const job of scheduledJobs) {
      const words = jobWords(job, { execPath: process.execPath, launcher, configPath, databasePath });
      const { code } = await run([...words, '--progress', 'none'], new AbortController().signal, 60_000);
      results[job.name] = code;
    }
    // The health of a database with stale statistics or without enough disk may be a warning.
    expect(results).toEqual({
      backup: 0,
      prune: 0,
      verify: 0,
      drill: 0,
      health: expect.toBeOneOf([0, 3, 4]),
      optimize: 0,
      vacuum: 0,
      archive: 0,
    });
  });
});

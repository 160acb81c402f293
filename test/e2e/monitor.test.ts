import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { DashboardData } from '../../src/commands/monitor/dashboard.ts';
import type { SampleData } from '../../src/commands/monitor/sample.ts';
import { startScript } from '../support/background-process.ts';
import { parseReport, tradedb } from '../support/cli.ts';
import { fileState } from '../support/file-state.ts';
import { holdLock } from '../support/lock-holder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function openDatabase(name = 'trading.db'): { folder: string; path: string; db: Database.Database } {
  const folder = temporaryFolder();
  const path = join(folder, name);
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE ticks (id INTEGER PRIMARY KEY, at REAL, body TEXT)');
  onTestFinished(() => void db.close());
  return { folder, path, db };
}

describe('monitor dashboard', () => {
  it('--once prints one frame: rate, WAL, processes', async () => {
    const { path } = openDatabase("odd 'name' %20.db");
    const writer = await startScript('paced-writer.mjs', [path, '100']);
    const text = await tradedb(['monitor', '-d', path, '--once']);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toMatch(/^odd 'name' %20\.db {2}[\d.]+ .?B {2}WAL/);
    expect(text.stdout).toMatch(/commits\/s +\d/);
    expect(text.stdout).toContain(`${writer.pid}`);
    expect(text.stdout).not.toContain('\u001b');
    const report = parseReport<DashboardData>(await tradedb(['monitor', '-d', path, '--once', '--json']));
    expect(report.data).toMatchObject({ shown: 'once', sample: { mode: 'wal', holders: 'visible' } });
    expect(report.data.commits).toBeGreaterThan(20);
    await writer.stop();
  });

  it('--probe tells what the write lock costs and who is in the way, and writes nothing', async () => {
    const { folder, path, db } = openDatabase();
    db.exec("INSERT INTO ticks (body) VALUES ('x')");
    db.close();
    const state = () => fileState(folder, (name) => /-(wal|shm)$/.test(name));
    const before = state();
    const args = ['monitor', '-d', path, '--once', '--probe', '--view', 'locks'];
    const free = parseReport<DashboardData>(await tradedb([...args, '--json'])).data.probe;
    expect(free).toMatchObject({ busy: 0, lastBusy: false });
    expect(free?.tries).toBeGreaterThan(0);
    expect(free?.p99Us).toBeGreaterThan(0);
    const holder = await holdLock(path, ['BEGIN IMMEDIATE']);
    const held = parseReport<DashboardData>(await tradedb([...args, '--json'])).data.probe;
    expect(held?.busy).toBe(held?.tries);
    expect((await tradedb(args)).stdout).toMatch(/probe +in other hands (\d+) of \1 times {2}now too/);
    holder.releaseSync();
    holder.process.kill('SIGKILL');
    expect(state()).toEqual(before);
    expect(
      parseReport<DashboardData>(await tradedb(['monitor', '-d', path, '--once', '--json'])).data.probe,
    ).toBeNull();
  });

  it('gives one JSON line per sample without a terminal, until it is interrupted', async () => {
    const { path } = openDatabase();
    const result = await tradedb(['monitor', '-d', path, '--rate', '20'], {
      onStart: (child) => {
        let seen = '';
        child.stdout?.on('data', (text: string) => {
          seen += text;
          if (seen.split('\n').length > 3) child.kill('SIGINT');
        });
      },
    });
    expect(result.code).toBe(130);
    const lines = result.stdout.trim().split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(3);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ type: 'sample', generation: 1 });
  });

  it('ends when its reader goes away', async () => {
    const { path } = openDatabase();
    const result = await tradedb(['monitor', '-d', path], {
      onStart: (child) => child.stdout?.once('data', () => child.stdout?.destroy()),
    });
    expect(result).toMatchObject({ code: 0, signal: null });
  });

  it('leaves no child behind when it is killed', async () => {
    const { path } = openDatabase();
    const launcher = fileURLToPath(new URL('../../bin/tradedb.js', import.meta.url));
    const child = spawn(process.execPath, [launcher, 'monitor', '-d', path], { stdio: ['ignore', 'pipe', 'ignore'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const openers = async (): Promise<number[]> => {
      const { openersOf } = await import('../../src/core/file-access/process-name.ts');
      return openersOf(path)
        .openers.map(({ pid }) => pid)
        .filter((pid) => pid !== process.pid);
    };
    expect(await openers()).toHaveLength(1);
    child.kill('SIGKILL');
    while ((await openers()).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  });
});

describe('monitor sample', () => {
  it('gives data that its schema describes, with the pinned reader and every process', async () => {
    const { path, db } = openDatabase();
    db.pragma('wal_autocheckpoint = 0');
    db.exec("INSERT INTO ticks (body) VALUES ('x')");
    const pinned = await holdLock(path, ['BEGIN', 'SELECT count(*) FROM ticks']);
    for (let row = 0; row < 20; row++) db.exec("INSERT INTO ticks (body) VALUES ('x')");
    const command = ['monitor', 'sample', '-d', path, '--count', '8', '--interval', '200ms', '--processes', '--json'];
    const report = parseReport<SampleData>(await tradedb(command));
    expect(report.data.samples).toHaveLength(8);
    const finding = report.findings.find(({ id }) => id === 'reader.pinned');
    expect(finding?.values?.pid).toBe(pinned.process.pid);
    expect(report.data.openers?.openers.map(({ pid }) => pid)).toEqual(
      expect.arrayContaining([process.pid, pinned.process.pid]),
    );
  });

  it('prints lines, metrics and a table', async () => {
    const { path } = openDatabase();
    const base = ['monitor', 'sample', '-d', path, '--count', '2', '--interval', '50ms'];
    const lines = (await tradedb([...base, '-f', 'ndjson'])).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ type }) => type)).toEqual(['sample', 'sample', 'report']);
    const metrics = (await tradedb([...base, '-f', 'prometheus'])).stdout;
    expect(metrics).toContain('# TYPE tradedb_commits_total counter');
    expect(metrics).toMatch(/^tradedb_database_bytes\{database="trading\.db"\} \d+$/m);
    const text = await tradedb(base);
    expect(text.stdout).toContain('COMMITS/S');
    expect(text.stdout).toContain(String(process.pid));
  });

  it('warns about an old backup, a big WAL and a full disk by the limits of the configuration', async () => {
    const { folder, path } = openDatabase();
    const limits = {
      walSize: { warning: '1B', critical: '2B' },
      freeSpace: { warning: '900TB', critical: '1B' },
      databaseSize: { warning: '1B' },
      backupAge: { warning: '1ms' },
    };
    const config = { database: { path }, alerts: { thresholds: limits }, backup: { repositories: {} as object } };
    const write = (): void => writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify(config));
    write();
    const ids = async (): Promise<string[]> =>
      parseReport(await tradedb(['monitor', 'sample', '--json'], { cwd: folder })).findings.map(
        ({ id, severity }) => `${id} ${severity}`,
      );
    expect(await ids()).toEqual(['wal.backlog critical', 'database.size warning', 'disk.free warning']);
    config.backup = { repositories: { main: { kind: 'folder', path: 'kept' } } };
    write();
    expect(await ids()).toContain('backup.age warning');
    expect((await tradedb(['backup'], { cwd: folder })).code).toBe(0);
    const report = parseReport(await tradedb(['monitor', 'sample', '--json'], { cwd: folder }));
    expect(report.findings.find(({ id }) => id === 'backup.age')?.message).toMatch(/newest backup is .* old/);
  });

  it('tells what is written to which table, and how large each is', async () => {
    const { path, db } = openDatabase();
    db.exec('CREATE TABLE "big ""one" (a); CREATE INDEX ticks_at ON ticks(at)');
    for (let row = 0; row < 60; row++) db.exec(`INSERT INTO "big ""one" VALUES (randomblob(3000))`);
    const writer = await startScript('paced-writer.mjs', [path, '100']);
    const command = ['monitor', 'sample', '-d', path, '--count', '8', '--interval', '100ms', '--attribution', 'frames'];
    const report = parseReport<SampleData>(await tradedb([...command, '--json']));
    await writer.stop();
    const objects = report.data.samples.at(-1)?.objects ?? [];
    const find = (name: string) => objects.find(({ object }) => object === name);
    expect(find('big "one')).toMatchObject({ kind: 'table', frames: 0, estimated: false });
    expect(find('big "one')?.pages).toBeGreaterThan(50);
    expect(find('ticks')?.frames).toBeGreaterThan(30);
    expect(find('ticks_at')).toMatchObject({ kind: 'index', table: 'ticks' });
    expect(find('ticks_at')?.frames).toBeGreaterThan(30);
    expect(report.data.samples.at(-1)).toMatchObject({ coverage: 1, unknownFrames: 0 });
    const metrics = (await tradedb([...command.slice(0, -2), '--attribution', 'frames', '-f', 'prometheus'])).stdout;
    expect(metrics).toContain('tradedb_object_pages{database="trading.db",object="big \\"one",kind="table"}');
  });

  it('changes no byte, with and without somebody connected', async () => {
    const { folder, path, db } = openDatabase();
    db.exec("INSERT INTO ticks (body) VALUES ('x')");
    const before = fileState(folder);
    await tradedb(['monitor', 'sample', '-d', path]);
    await tradedb(['monitor', '-d', path, '--once']);
    expect(fileState(folder)).toEqual(before);
    db.close();
    const closed = fileState(folder);
    const result = await tradedb(['monitor', 'sample', '-d', path]);
    expect(result.stdout).toContain('nobody connected');
    expect(fileState(folder)).toEqual(closed);
  });

  it('says with 3 that it saw too few commits to know the tables', async () => {
    const { path, db } = openDatabase();
    db.pragma('synchronous = OFF');
    // Faster than two looks in three seconds can follow: 4,000 frames are read per look.
    const writer = await startScript('paced-writer.mjs', [path, '0']);
    const watch = ['monitor', 'sample', '-d', path, '--count', '3', '--interval', '3s', '--json'];
    const env = { TRADEDB_MONITOR_MIN_COVERAGE: '99.9%' };
    const result = await tradedb([...watch, '--attribution', 'frames'], { env });
    await writer.stop();
    const { data, findings } = parseReport<SampleData>(result);
    expect(data.samples.at(-1)?.coverage).toBeLessThan(0.999);
    expect(result.code).toBe(3);
    expect(findings.map(({ id }) => id)).toContain('coverage.low');
    // Without attribution nothing is claimed about tables.
    expect((await tradedb(['monitor', 'sample', '-d', path], { env })).code).toBe(0);
  });

  it('answers bad input with its code', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'folder'));
    writeFileSync(join(folder, 'empty.db'), '');
    for (const [name, code] of Object.entries({ 'missing.db': 10, folder: 12, 'empty.db': 12 })) {
      for (const command of [
        ['monitor', '--once'],
        ['monitor', 'sample'],
      ]) {
        expect(await tradedb([...command, '-d', join(folder, name)]), name).toMatchObject({ code, stdout: '' });
      }
    }
    expect((await tradedb(['monitor', 'sample', '--count', '0', '-d', 'x'])).code).toBe(2);
    expect((await tradedb(['monitor', 'sample', '--interval', '1ms', '-d', 'x'])).code).toBe(2);
  });
});

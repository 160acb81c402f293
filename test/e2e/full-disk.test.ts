import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { describe, expect, type TestContext, test } from 'vitest';
import type { BackupArchiveData } from '../../src/commands/backup/archive.ts';
import { type CliResult, parseError, parseReport, tradedb } from '../support/cli.ts';
import {
  createCountingDatabase,
  expectCommittedState,
  startWriter,
  stopProcess,
} from '../support/counting-database.ts';
import { emptyDisk, fillDisk } from '../support/fill-disk.ts';
import { smallDisk } from '../support/small-disk.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Where mounting is not allowed these tests cannot be run; those of the core limit the size of files instead. */
function disk(context: TestContext, sizeMiB: number): string {
  return smallDisk(sizeMiB) ?? context.skip('a tmpfs cannot be mounted here');
}

/** One line that says what is full, with a hint, and nothing else. */
function expectFull(result: CliResult): void {
  expect(result.code, result.stderr).toBe(1);
  expect(result.stdout).toBe('');
  expect(result.stderr.trim().split('\n')).toHaveLength(1);
  expect(parseError(result)).toMatchObject({ code: 'disk_full', exitCode: 1, hint: expect.stringMatching(/space/) });
}

function configure(folder: string, settings: object): void {
  writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify({ database: { path: 'a.db' }, ...settings }));
}

const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

function rowsOf(path: string): number {
  const db = new Database(path, { readonly: true, timeout: 5000 });
  try {
    return db.prepare('SELECT n FROM counter').pluck().get() as number;
  } finally {
    db.close();
  }
}

/** `backup archive` in the background; `until` waits for text in its output. */
function archive(cwd: string, ...args: string[]) {
  let output = '';
  let stop = (): void => {};
  let ended = false;
  const result = tradedb(['backup', 'archive', '-f', 'ndjson', '--segment-interval', '100ms', ...args], {
    cwd,
    onStart: (child) => {
      stop = () => void child.kill('SIGTERM');
      child.stdout?.on('data', (text: string) => {
        output += text;
      });
    },
  }).finally(() => {
    ended = true;
  });
  const until = async (text: string): Promise<void> => {
    const seen = output.length;
    while (!ended && !output.slice(text === '"started"' ? 0 : seen).includes(text)) await sleep(20);
  };
  return { result, until, stop: () => stop(), isRunning: () => !ended };
}

function lastReport(result: CliResult): BackupArchiveData {
  return (JSON.parse(result.stdout.trimEnd().split('\n').at(-1) ?? '') as { data: BackupArchiveData }).data;
}

describe('a full disk', () => {
  test('of the repository: backup create says so, leaves nothing, and the application goes on', async (context) => {
    const folder = temporaryFolder();
    const small = disk(context, 4);
    createCountingDatabase(join(folder, 'a.db'), { rows: 40_000 });
    configure(folder, { backup: { repositories: { main: { kind: 'folder', path: join(small, 'b') } } } });
    const writer = await startWriter(join(folder, 'a.db'), 100);
    const result = await tradedb(['backup', '--json'], { cwd: folder });
    expectFull(result);
    const before = rowsOf(join(folder, 'a.db'));
    await expect.poll(() => rowsOf(join(folder, 'a.db')), { timeout: 10_000 }).toBeGreaterThan(before);
    await stopProcess(writer);
    const left = readdirSync(small, { recursive: true, encoding: 'utf8' });
    expect(left.filter((name) => /pack|partial|pages$|manifest/.test(name))).toEqual([]);
  });

  test('of the repository, for a while: the archive waits, then goes on without a gap', async (context) => {
    const folder = temporaryFolder();
    const small = disk(context, 24);
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 2000 });
    configure(folder, { backup: { repositories: { main: { kind: 'folder', path: join(small, 'b') } } } });
    const writer = await startWriter(path, 100);
    const running = archive(folder);
    await running.until('"started"');
    await running.until('"segment"');
    fillDisk(small);
    await running.until('"spool_full"');
    const before = rowsOf(path);
    await expect.poll(() => rowsOf(path), { timeout: 10_000 }).toBeGreaterThan(before + 50);
    emptyDisk(small);
    await running.until('"segment"');
    await stopProcess(writer);
    await sleep(500);
    running.stop();
    const result = await running.result;
    expect(result.code, result.stderr).toBe(143);
    expect(lastReport(result).gaps).toEqual([]);
    const restored = await tradedb(['restore', '--target', 'b.db', '--json'], { cwd: folder });
    expect(restored.code, restored.stderr).toBe(0);
    expect(expectCommittedState(join(folder, 'b.db'))).toBe(rowsOf(path));
  });

  test('of the repository, for good: the archive gives up at --max-wal, and the next start names the gap', async (context) => {
    const folder = temporaryFolder();
    const small = disk(context, 24);
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 2000 });
    configure(folder, { backup: { repositories: { main: { kind: 'folder', path: join(small, 'b') } } } });
    const writer = await startWriter(path, 200);
    const running = archive(folder, '--max-wal', '1MiB');
    await running.until('"started"');
    await running.until('"segment"');
    fillDisk(small);
    const result = await running.result;
    expect(result.code, result.stderr).toBe(1);
    expect(parseError(result)).toMatchObject({ code: 'disk_full' });
    const before = rowsOf(path);
    await expect.poll(() => rowsOf(path), { timeout: 10_000 }).toBeGreaterThan(before);
    await stopProcess(writer);
    // The last connection of the application takes the WAL away.
    new Database(path).exec('UPDATE counter SET n = n').close();
    emptyDisk(small);
    const again = await tradedb(['backup', 'archive', '--for', '300ms', '--json'], { cwd: folder });
    expect(again.code, again.stderr).toBe(3);
    const report = parseReport<BackupArchiveData>(again);
    expect(report.data.gaps).toHaveLength(1);
    expect(report.findings.map((finding) => finding.id)).toEqual(['archive.gap']);
    const { from, to } = report.data.gaps[0]!;
    const middle = new Date((Date.parse(from) + Date.parse(to)) / 2).toISOString();
    const inside = await tradedb(['restore', '--to-time', middle, '--target', 'x.db', '--json'], { cwd: folder });
    expect(inside.code).not.toBe(0);
    expect(existsSync(join(folder, 'x.db'))).toBe(false);
    const restored = await tradedb(['restore', '--target', 'b.db', '--json'], { cwd: folder });
    expect(restored.code, restored.stderr).toBe(0);
    expect(expectCommittedState(join(folder, 'b.db'))).toBe(rowsOf(path));
  });

  test('of the restore target: refused, and what was there stays', async (context) => {
    const folder = temporaryFolder();
    const small = disk(context, 8);
    const path = join(small, 'a.db');
    createCountingDatabase(join(folder, 'a.db'), { rows: 20_000 });
    configure(folder, {});
    expect((await tradedb(['backup'], { cwd: folder })).code).toBe(0);
    createCountingDatabase(path, { rows: 500 });
    fillDisk(small, 256 * 1024);
    const before = hashOf(path);
    for (const args of [
      ['restore', '--target', join(small, 'b.db')],
      ['restore', '--target', path, '--replace', '--yes'],
    ]) {
      expectFull(await tradedb([...args, '--json'], { cwd: folder }));
      expect(hashOf(path)).toBe(before);
      expect(readdirSync(small).sort()).toEqual(['a.db', 'ballast']);
    }
    expect(expectCommittedState(path)).toBe(500);
  });

  test('of the WAL folder: a backup is made, and the archive misses nothing that the application could commit', async (context) => {
    const folder = temporaryFolder();
    const small = disk(context, 16);
    const path = join(small, 'a.db');
    createCountingDatabase(path, { rows: 2000 });
    configure(folder, { database: { path }, backup: { archive: { checkpointFrames: 100 } } });
    const app = new Database(path);
    app.pragma('wal_autocheckpoint = 0');
    const add = () =>
      app.exec(
        'INSERT INTO entry (value, body) VALUES (1, hex(randomblob(3000))); UPDATE counter SET n = n + 1, total = total + 1',
      );
    const running = archive(folder);
    await running.until('"started"');
    for (let round = 0; round < 20; round++) add();
    fillDisk(small, 150_000);
    let refused: unknown;
    for (let round = 0; round < 400 && refused === undefined; round++) {
      try {
        add();
      } catch (error) {
        refused = error;
      }
      if (round % 10 === 0) await sleep(20);
    }
    expect(refused).toMatchObject({ code: 'SQLITE_FULL' });
    await sleep(1500);
    expect(running.isRunning()).toBe(true);
    const whole = await tradedb(['backup', '--type', 'full', '--json'], { cwd: folder });
    expect(whole.code, whole.stderr).toBe(0);
    emptyDisk(small);
    if (app.inTransaction) app.exec('ROLLBACK');
    add();
    await sleep(500);
    running.stop();
    const result = await running.result;
    expect(result.code, result.stderr).toBe(143);
    expect(lastReport(result).gaps).toEqual([]);
    app.close();
    const restored = await tradedb(['restore', '--target', join(folder, 'b.db'), '--json'], { cwd: folder });
    expect(restored.code, restored.stderr).toBe(0);
    expect(rowsOf(join(folder, 'b.db'))).toBe(rowsOf(path));
    expect(hashOf(join(folder, 'b.db'))).toBe(hashOf(path));
  });

  test('of the state directory: one clear error, or on without it', async (context) => {
    const folder = temporaryFolder();
    const small = disk(context, 2);
    const path = join(folder, 'a.db');
    const state = join(small, 'state');
    createCountingDatabase(path, { rows: 500 });
    configure(folder, { state: { directory: state } });
    const running = archive(folder);
    await running.until('"started"');
    fillDisk(small);
    const app = new Database(path);
    for (let round = 0; round < 20; round++) app.exec('UPDATE counter SET n = n + 1');
    await running.until('"segment"');
    await sleep(1500);
    expect(running.isRunning()).toBe(true);
    const stopped = await tradedb(['backup', '--json'], { cwd: folder });
    expectFull(stopped);
    running.stop();
    const result = await running.result;
    expect(result.code, result.stderr).toBe(143);
    expect(lastReport(result)).toMatchObject({ gaps: [], commits: 20 });
    app.close();
    expectFull(await tradedb(['restore', '--target', 'b.db', '--json'], { cwd: folder }));
    expect(existsSync(join(folder, 'b.db'))).toBe(false);
    mkdirSync(state, { recursive: true });
    emptyDisk(small);
    expect((await tradedb(['restore', '--target', 'b.db'], { cwd: folder })).code).toBe(0);
    expect(hashOf(join(folder, 'b.db'))).toBe(hashOf(path));
  });
});

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { CheckpointResult } from '../../src/core/maintenance/checkpoint/run.ts';
import type { OptimizeResult } from '../../src/core/maintenance/optimize.ts';
import type { VacuumResult } from '../../src/core/maintenance/vacuum/request.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { fileState } from '../support/file-state.ts';
import { fillDisk } from '../support/fill-disk.ts';
import { contentOf, makeHalfEmptyDatabase } from '../support/half-empty-database.ts';
import { holdLock } from '../support/lock-holder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function halfEmpty(autoVacuum: 0 | 1 | 2 = 0, name = 'trading.db'): { folder: string; database: string } {
  const folder = temporaryFolder();
  const database = join(folder, name);
  makeHalfEmptyDatabase(database, { autoVacuum, rows: 10_000 });
  return { folder, database };
}

const reserve = ['--reserve', '0B'];

describe('vacuum run', () => {
  it('a dry run tells the gain and changes no byte and no file', async () => {
    for (const autoVacuum of [0, 2] as const) {
      const { folder, database } = halfEmpty(autoVacuum);
      const before = fileState(folder);
      const report = parseReport<VacuumResult>(
        await tradedb(['vacuum', '-d', database, '--dry-run', '--json', ...reserve]),
      );
      expect(report.data).toMatchObject({
        dryRun: true,
        after: null,
        method: autoVacuum === 0 ? 'into' : 'incremental',
      });
      expect(report.data.expected.freedBytes).toBeGreaterThan(500_000);
      expect(fileState(folder)).toEqual(before);
    }
  });

  it('frees pages beside a connected process when auto_vacuum is incremental', async () => {
    const { database } = halfEmpty(2);
    const holder = await holdLock(database, ['SELECT count(*) FROM item']);
    const report = parseReport<VacuumResult>(await tradedb(['vacuum', '-d', database, '--json', ...reserve]));
    expect(report).toMatchObject({ status: 'ok', data: { method: 'incremental', stoppedBy: 'done' } });
    expect(report.data.connected).toMatchObject([{ pid: holder.process.pid }]);
    expect(report.data.after?.freeShare).toBeLessThanOrEqual(0.05);
    expect(report.data.after?.pageCount).toBeLessThan(report.data.before.pageCount * 0.7);
    expect(contentOf(database)).toContain('"n":5000');
  });

  it('does nothing while somebody is connected and the file would have to be replaced', async () => {
    const { database } = halfEmpty();
    const holder = await holdLock(database, ['SELECT count(*) FROM item']);
    const blocked = await tradedb(['vacuum', '-d', database, '--yes', ...reserve]);
    expect(blocked.code).toBe(3);
    expect(blocked.stdout).toContain(`pid ${holder.process.pid}`);
    expect(blocked.stdout).toContain('--to <file>');
    const forced = await tradedb(['vacuum', '-d', database, '--yes', '--method', 'into', '--json', ...reserve]);
    expect(forced.code).toBe(11);
    expect(parseError(forced)).toMatchObject({ code: 'database_locked' });
    expect(parseError(forced).message).toContain(`pid ${holder.process.pid}`);
  });

  it('notices a connection that has run no statement', async () => {
    const { database } = halfEmpty();
    const idle = new Database(database);
    onTestFinished(() => void idle.close());
    const result = await tradedb(['vacuum', '-d', database, '--yes', '--json', ...reserve]);
    expect(result.code).toBe(3);
    expect(parseReport<VacuumResult>(result).data.connected).toMatchObject([{ pid: process.pid }]);
  });

  it('converts, keeps every row, and later deletes the old file', async () => {
    const { folder, database } = halfEmpty(0, "odd 'name' %20.db");
    const content = contentOf(database);
    const command = ['vacuum', 'run', '-d', database, '--convert', 'incremental', '--yes', '--json', ...reserve];
    const report = parseReport<VacuumResult>(await tradedb(command));
    expect(report.data).toMatchObject({
      method: 'into',
      swap: { performed: true, lateHolders: [] },
      before: { autoVacuum: 'none' },
      after: { autoVacuum: 'incremental', freePages: 0 },
    });
    expect(contentOf(database)).toBe(content);
    expect(existsSync(String(report.data.swap.oldFile))).toBe(true);
    const later = parseReport<VacuumResult>(
      await tradedb(['vacuum', '-d', database, '--keep-old', '0s', '--json', ...reserve]),
    );
    expect(later.data).toMatchObject({ method: 'none', reason: expect.stringContaining('not worth it') });
    expect(later.data.removedOldFiles).toMatchObject([{ path: report.data.swap.oldFile }]);
    expect(readdirSync(folder).filter((name) => name.includes('before-vacuum'))).toEqual([]);
  });

  it('works through a symbolic link on the file itself', async () => {
    const { folder, database } = halfEmpty();
    mkdirSync(join(folder, 'links'));
    const link = join(folder, 'links', 'current.db');
    symlinkSync(database, link);
    expect((await tradedb(['vacuum', '-d', link, '--yes', ...reserve])).code).toBe(0);
    expect(readdirSync(join(folder, 'links')).filter((name) => name !== '.tradedb')).toEqual(['current.db']);
    expect(readdirSync(folder).filter((name) => name.includes('before-vacuum'))).toHaveLength(1);
  });

  it('makes a compact copy beside a running database and refuses an existing target', async () => {
    const { folder, database } = halfEmpty();
    await holdLock(database, ['SELECT count(*) FROM item']);
    const target = join(folder, 'copy.db');
    const command = ['vacuum', '-d', database, '--to', target, '--json', ...reserve];
    const report = parseReport<VacuumResult>(await tradedb(command));
    expect(report.data).toMatchObject({ method: 'copy', swap: { performed: false } });
    expect(report.data.copy?.sizeBytes).toBeLessThan(report.data.before.sizeBytes * 0.6);
    expect(contentOf(target)).toBe(contentOf(database));
    expect((await tradedb(command)).code).toBe(1);
    expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it('rewrites in place only when it is asked for and confirmed', async () => {
    const { database } = halfEmpty();
    await holdLock(database, ['SELECT count(*) FROM item']);
    const command = ['vacuum', '-d', database, '--method', 'full', '--convert', 'incremental', '--json', ...reserve];
    expect((await tradedb(command)).code).toBe(2);
    const report = parseReport<VacuumResult>(await tradedb([...command, '--yes']));
    expect(report.data).toMatchObject({ method: 'full', after: { autoVacuum: 'incremental', freePages: 0 } });
  });

  it('refuses what cannot work: usage, disk, window', async () => {
    const { folder, database } = halfEmpty();
    const incremental = await tradedb(['vacuum', '-d', database, '--method', 'incremental']);
    expect(incremental).toMatchObject({ code: 2, stdout: '' });
    expect(incremental.stderr).toContain('--convert incremental');
    const disk = await tradedb(['vacuum', '-d', database, '--yes', '--reserve', '900TB', '--json']);
    expect(disk.code).toBe(1);
    expect(parseError(disk)).toMatchObject({ code: 'disk_full' });
    expect((await tradedb(['vacuum', '-d', database, '--window', '--until', '99%'])).code).toBe(0);
    const hour = new Date(Date.now() + 3 * 3_600_000).toISOString().slice(11, 13);
    const config = { maintenance: { windows: [{ from: `${hour}:00`, to: `${hour}:01` }] } };
    writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify(config));
    const outside = await tradedb(['vacuum', '-d', database, '--window', '--yes'], { cwd: folder });
    expect(outside.code).toBe(3);
    expect(outside.stdout).toContain('outside of the maintenance windows');
  });

  it('stops before anything when a compaction was interrupted, and resumes it', async () => {
    const { database } = halfEmpty();
    const stats = statSync(database, { bigint: true });
    const record = {
      version: 1,
      journalMode: 'wal',
      partial: 'trading.db.vacuum.partial',
      oldFile: 'trading.db.before-vacuum-20260301T093105Z',
      oldDevice: String(stats.dev),
      oldInode: String(stats.ino),
      pid: 2 ** 22 + 1,
      processStart: '1',
      startedAt: '2026-03-01T09:31:05Z',
    };
    writeFileSync(`${database}.tradedb-swap.json`, JSON.stringify(record));
    expect((await tradedb(['vacuum', '-d', database, '--yes'])).code).toBe(15);
    const resumed = await tradedb(['vacuum', 'run', '-d', database, '--resume']);
    expect(resumed.code).toBe(0);
    expect(resumed.stdout).toContain('undone');
    expect((await tradedb(['vacuum', '-d', database, '--yes', ...reserve])).code).toBe(0);
  });

  it('cleans up when it is interrupted', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'trading.db');
    makeHalfEmptyDatabase(database, { rows: 200_000 });
    const content = contentOf(database);
    const result = await tradedb(['vacuum', '-d', database, '--yes', ...reserve], {
      onStart: (child) => {
        const poll = setInterval(() => {
          if (!existsSync(`${database}.vacuum.partial`)) return;
          clearInterval(poll);
          child.kill('SIGINT');
        }, 1);
        child.on('close', () => clearInterval(poll));
      },
    });
    expect(result.code).toBe(130);
    const left = readdirSync(folder).filter((name) => !/^\.tradedb$|-(wal|shm)$/.test(name));
    expect(left).toEqual(['trading.db']);
    expect(contentOf(database)).toBe(content);
  });

  it('killed in mid copy, it tells the next run, which can resume', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'trading.db');
    makeHalfEmptyDatabase(database, { rows: 200_000 });
    const content = contentOf(database);
    const killed = await tradedb(['vacuum', '-d', database, '--yes', ...reserve], {
      onStart: (child) => {
        const poll = setInterval(() => {
          if (!existsSync(`${database}.vacuum.partial`)) return;
          clearInterval(poll);
          child.kill('SIGKILL');
        }, 1);
        child.on('close', () => clearInterval(poll));
      },
    });
    expect(killed.signal).toBe('SIGKILL');
    // The child that copies finds its parent gone when its statement is over; until then it is at work (11).
    let next = await tradedb(['vacuum', '-d', database, '--yes', '--json', ...reserve]);
    while (next.code === 11) next = await tradedb(['vacuum', '-d', database, '--yes', '--json', ...reserve]);
    expect(next.code).toBe(15);
    expect(parseError(next).hint).toContain('--resume');
    expect((await tradedb(['vacuum', 'run', '-d', database, '--resume'])).stdout).toContain('undone');
    expect(readdirSync(folder).filter((name) => name.startsWith('trading.db.'))).toEqual([]);
    expect(contentOf(database)).toBe(content);
  });

  it('stops cleanly when a small file system is full', async () => {
    const folder = temporaryFolder();
    const mounted = spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', folder]);
    if (mounted.status !== 0) {
      // Without the right to mount, the same path is taken by a reserve that leaves no room.
      const { database } = halfEmpty();
      expect((await tradedb(['vacuum', '-d', database, '--yes', '--reserve', '900TB'])).code).toBe(1);
      return;
    }
    onTestFinished(() => void spawnSync('/bin/umount', ['-l', folder]));
    const database = join(folder, 'trading.db');
    makeHalfEmptyDatabase(database, { rows: 10_000 });
    const content = contentOf(database);
    fillDisk(folder, 300_000);
    const refused = await tradedb(['vacuum', '-d', database, '--yes', '--json', ...reserve]);
    expect(refused.code).toBe(1);
    expect(parseError(refused).message).toContain('short');
    expect(contentOf(database)).toBe(content);
  });

  it('answers bad input with one line, its code, and no change', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'empty.db'), '');
    writeFileSync(join(folder, 'text.db'), 'hello\n'.repeat(100));
    const before = fileState(folder);
    const codes: Record<string, number> = { 'missing.db': 10, 'empty.db': 12, 'text.db': 12, '.': 12 };
    for (const subcommand of ['run', 'checkpoint', 'optimize']) {
      for (const [name, code] of Object.entries(codes)) {
        const result = await tradedb(['vacuum', subcommand, '-d', join(folder, name)]);
        expect(result, `${subcommand} ${name}`).toMatchObject({ code, stdout: '' });
        expect(result.stderr).toMatch(/^error: .*\nhint: .*\n$/);
      }
    }
    expect(fileState(folder, (name) => name.startsWith('.tradedb'))).toEqual(before);
  });
});

describe('vacuum checkpoint', () => {
  it('names the reader that holds it back, with and without copying', async () => {
    const { database } = halfEmpty();
    const writer = new Database(database);
    onTestFinished(() => void writer.close());
    writer.pragma('wal_autocheckpoint = 0');
    writer.exec("INSERT INTO item (symbol) VALUES ('before')");
    const holder = await holdLock(database, ['BEGIN', 'SELECT count(*) FROM item']);
    for (let row = 0; row < 50; row++) writer.exec("INSERT INTO item (symbol, body) VALUES ('after', zeroblob(5000))");

    const state = fileState(join(database, '..'));
    const look = parseReport<CheckpointResult>(
      await tradedb(['vacuum', 'checkpoint', '-d', database, '--dry-run', '--json']),
    );
    expect(look.data).toMatchObject({ dryRun: true, checkpointedFrames: 0, blockers: [{ pid: holder.process.pid }] });
    expect(look.data.backlogAfterBytes).toBeGreaterThan(50 * 4096);
    expect(fileState(join(database, '..'), (name) => name.endsWith('-shm'))).toEqual(
      Object.fromEntries(Object.entries(state).filter(([name]) => !name.endsWith('-shm'))),
    );

    const passive = await tradedb(['vacuum', 'checkpoint', '-d', database, '--json']);
    expect(passive.code).toBe(3);
    const report = parseReport<CheckpointResult>(passive);
    expect(report.data.blockers).toMatchObject([{ pid: holder.process.pid, bytes: [expect.stringMatching(/^READ/)] }]);
    expect(report.data.checkpointedFrames).toBeLessThan(report.data.logFrames);

    const restart = await tradedb(['vacuum', 'checkpoint', '-d', database, '--mode', 'restart', '--timeout', '200ms']);
    expect(restart.code).toBe(11);
    expect(restart.stdout).toContain(`pid ${holder.process.pid}`);

    holder.process.kill('SIGKILL');
    const done = parseReport<CheckpointResult>(
      await tradedb(['vacuum', 'checkpoint', '-d', database, '--mode', 'truncate', '--json']),
    );
    expect(done.data).toMatchObject({ busy: false, backlogAfterBytes: 0, walFileBytes: 0, blockers: [] });
  });

  it('says that a database without a WAL has nothing to copy', async () => {
    const database = join(temporaryFolder(), 'plain.db');
    makeHalfEmptyDatabase(database, { rows: 100, journalMode: 'delete' });
    const result = await tradedb(['vacuum', 'checkpoint', '-d', database]);
    expect(result).toMatchObject({ code: 0 });
    expect(result.stdout).toContain('no WAL');
  });
});

describe('vacuum optimize', () => {
  it('analyses what is stale, once, and tells what the planner believes', async () => {
    const { folder, database } = halfEmpty();
    const before = fileState(folder);
    const plan = parseReport<OptimizeResult>(
      await tradedb(['vacuum', 'optimize', '-d', database, '--dry-run', '--json']),
    );
    expect(plan.data.tables).toMatchObject([{ name: 'item', analysed: true, reason: 'no statistics' }, {}]);
    expect(fileState(folder)).toEqual(before);

    const first = parseReport<OptimizeResult>(await tradedb(['vacuum', 'optimize', '-d', database, '--json']));
    expect(first.data.tables[0]).toMatchObject({ analysed: true, estimatedRowsBefore: null, estimatedRowsAfter: 5000 });
    const second = parseReport<OptimizeResult>(await tradedb(['vacuum', 'optimize', '-d', database, '--json']));
    expect(second.data.tables[0]).toMatchObject({ analysed: false, reason: 'statistics are good' });

    const db = new Database(database);
    db.exec(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) INSERT INTO item (symbol) SELECT 'x' FROM n",
    );
    db.close();
    const third = parseReport<OptimizeResult>(await tradedb(['vacuum', 'optimize', '-d', database, '--json']));
    expect(third.data.tables[0]).toMatchObject({
      analysed: true,
      reason: 'statistics are stale',
      estimatedRowsBefore: 5000,
    });
  });

  it('plans the workload before and after, and warns of a plan that looks worse', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'a.db');
    const db = new Database(database);
    db.exec(
      'CREATE TABLE item (id INTEGER PRIMARY KEY, kind INTEGER, at INTEGER); CREATE INDEX item_kind ON item (kind)',
    );
    db.exec(
      'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO item SELECT i, 7, i FROM n',
    );
    db.close();
    const workload = join(folder, 'queries.sql');
    writeFileSync(
      workload,
      '-- @name one_kind\nSELECT * FROM item WHERE kind = 7 AND at > 5;\n-- @name by_id\nSELECT * FROM item WHERE id = 3;\n',
    );
    // Statistics that say how good the index is, although all rows have one kind.
    const lying = new Database(database);
    lying.exec("ANALYZE; UPDATE sqlite_stat1 SET stat = '5000 2' WHERE idx = 'item_kind'");
    if (lying.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat4'").get() !== undefined)
      lying.exec('DELETE FROM sqlite_stat4');
    lying.close();
    const result = await tradedb([
      'vacuum',
      'optimize',
      '--all',
      '--analysis-limit',
      '0',
      '-d',
      database,
      '-w',
      workload,
      '--json',
    ]);
    const report = parseReport<OptimizeResult>(result);
    expect(result.code).toBe(3);
    expect(report.data.plans).toMatchObject({ compared: 2, changed: [{ name: 'one_kind' }] });
    expect(report.data.plans?.changed[0]?.gained).toEqual(['full scan of item']);
    expect(report.findings).toMatchObject([{ id: 'optimize.plan', severity: 'warning', subject: 'one_kind' }]);
    const text = await tradedb([
      'vacuum',
      'optimize',
      '--all',
      '--analysis-limit',
      '0',
      '-d',
      database,
      '-w',
      workload,
    ]);
    expect(text.stdout).toContain('no plan changed');
  });

  it('takes tables by name, whatever the name', async () => {
    const { database } = halfEmpty();
    const named = await tradedb(['vacuum', 'optimize', '-d', database, '--table', 'odd "name', '--json']);
    expect(parseReport<OptimizeResult>(named).data.tables).toMatchObject([{ name: 'odd "name', analysed: true }]);
    expect((await tradedb(['vacuum', 'optimize', '-d', database, '--table', 'nope'])).code).toBe(2);
    expect((await tradedb(['vacuum', 'optimize', '-d', database, '--table', 'item', '--all'])).code).toBe(2);
  });
});

import { execFileSync } from 'node:child_process';
import { copyFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openForMigration } from '../../../src/core/migration/open.ts';
import { readMigrationState } from '../../../src/core/migration/state.ts';
import { applyMigrations } from '../../../src/core/migration/up.ts';
import { openReadOnly, openReadWrite } from '../../../src/core/sqlite/connection.ts';
import { fullProfile } from '../../../src/core/sqlite/pragma-profile.ts';
import { testContext, testPorts } from '../../support/context.ts';
import { migrationFixture, runSettings } from '../../support/migrations.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const growing = Object.fromEntries(
  Array.from({ length: 4 }, (_, index) => [
    `${index + 1}_grow.sql`,
    `CREATE TABLE g${index + 1}(x);\nINSERT INTO g${index + 1} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) SELECT randomblob(2000) FROM n;\nCREATE INDEX gi${index + 1} ON g${index + 1}(x);`,
  ]),
);

describe('another process in the way', () => {
  test('a writer that ends in time is waited for', async () => {
    const fixture = migrationFixture({ '1_x.sql': 'CREATE TABLE x(a);' });
    const writer = await fixture.open();
    const connection = await fixture.open();
    writer.exec('BEGIN IMMEDIATE; CREATE TABLE w(a);');
    setTimeout(() => writer.exec('COMMIT'), 300);
    const result = await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    expect(result).toMatchObject({ failed: null, pendingCount: 0 });
  });

  test('one that does not end: database_locked, nothing changed', async () => {
    const fixture = migrationFixture({ '1_x.sql': 'CREATE TABLE x(a);' });
    const writer = await fixture.open();
    const connection = await fixture.open();
    writer.exec('BEGIN IMMEDIATE');
    const result = await applyMigrations(
      { ...runSettings, lockTimeoutMs: 100, connection, source: fixture.source },
      testContext(),
    );
    expect(result.failed).toMatchObject({ code: 'database_locked', file: '1_x.sql' });
    writer.exec('COMMIT');
    expect(readMigrationState(connection, fixture.source).hasHistory).toBe(false);
  });

  test.each(['WAL', 'DELETE'])('a reader with an open snapshot, journal mode %s', async (mode) => {
    const fixture = migrationFixture({ '1_x.sql': 'CREATE TABLE x(a);' });
    const connection = await fixture.open();
    connection.pragma(`journal_mode = ${mode}`);
    connection.exec('CREATE TABLE old(a); INSERT INTO old VALUES(1);');
    const reader = openReadOnly(fixture.path, testPorts);
    reader.exec('BEGIN; SELECT * FROM old;');
    setTimeout(() => reader.close(), 200);
    const result = await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    expect(result.failed).toBeNull();
    expect(readMigrationState(connection, fixture.source).pending).toEqual([]);
  });

  test('a database that was replaced between two files stops the run', async () => {
    const fixture = migrationFixture({ '1_x.sql': 'CREATE TABLE x(a);', '2_y.sql': 'CREATE TABLE y(a);' });
    const connection = await fixture.open();
    const swap = (): void => {
      copyFileSync(fixture.path, `${fixture.path}.new`);
      renameSync(`${fixture.path}.new`, fixture.path);
    };
    const result = await applyMigrations(
      { ...runSettings, connection, source: fixture.source, onFile: swap },
      testContext(),
    );
    expect(result.applied).toHaveLength(1);
    expect(result.failed).toMatchObject({ code: 'database_replaced', version: '2' });
  });
});

/** Applies the files with a limit, then without; returns how many files the limited run got through. */
async function limitedRun(
  path: string,
  source: ReturnType<typeof migrationFixture>['source'],
  maxPages: number | undefined,
): Promise<number> {
  const connection = await openForMigration(path, { create: true, lockTimeoutMs: 1000 }, testContext());
  if (maxPages !== undefined) connection.pragma(`max_page_count = ${maxPages}`);
  const result = await applyMigrations({ ...runSettings, connection, source }, testContext());
  expect(result.failed).toMatchObject({ code: 'disk_full' });
  expect(connection.inTransaction).toBe(false);
  expect(connection.pragmaValue('integrity_check')).toBe('ok');
  const state = readMigrationState(connection, source);
  expect(state.pending).toHaveLength(4 - result.applied.length);
  expect(Number(connection.value(`SELECT count(*) FROM sqlite_schema WHERE name LIKE 'gi%'`))).toBe(
    result.applied.length,
  );
  connection.close();
  return result.applied.length;
}

describe('disk full', () => {
  test('at every tenth of the way: rolled back, sound, and the next up finishes', async () => {
    const { path, source } = migrationFixture(growing);
    const whole = await openForMigration(path, { create: true, lockTimeoutMs: 1000 }, testContext());
    await applyMigrations({ ...runSettings, connection: whole, source }, testContext());
    const pages = Number(whole.pragmaValue('page_count'));
    whole.close();
    const reached = new Set<number>();
    for (let tenth = 0; tenth < 10; tenth++) {
      const limited = join(temporaryFolder(), 'limited.db');
      reached.add(await limitedRun(limited, source, Math.max(3, Math.floor((pages * tenth) / 10))));
      const connection = openReadWrite(limited, { ...fullProfile, foreignKeys: false }, testPorts);
      expect(await applyMigrations({ ...runSettings, connection, source }, testContext())).toMatchObject({
        failed: null,
        pendingCount: 0,
      });
      connection.close();
    }
    expect([...reached].sort()).toEqual([0, 1, 2, 3]);
  });

  test('at every tenth of the way on a small file system: rolled back, sound, and the next up finishes', async (context) => {
    const folder = temporaryFolder();
    if (!mountSmall(folder, 16 * 1024)) return context.skip('a small file system needs root on Linux');
    onTestFinished(() => void execFileSync('/bin/umount', ['-l', folder]));
    const { source } = migrationFixture(growing);
    const path = join(folder, 'small.db');
    const whole = await openForMigration(path, { create: true, lockTimeoutMs: 1000 }, testContext());
    await applyMigrations({ ...runSettings, connection: whole, source }, testContext());
    const peakKiB = Math.ceil(
      (statSync(path).size + statSync(`${path}-wal`).size + statSync(`${path}-shm`).size) / 1024,
    );
    whole.close();
    const reached: number[] = [];
    for (let tenth = 1; tenth < 10; tenth++) {
      for (const name of readdirSync(folder)) rmSync(join(folder, name));
      remount(folder, Math.max(64, Math.floor((peakKiB * tenth) / 10)));
      reached.push(await limitedRun(path, source, undefined));
      remount(folder, 16 * 1024);
      const connection = openReadWrite(path, { ...fullProfile, foreignKeys: false }, testPorts);
      expect(await applyMigrations({ ...runSettings, connection, source }, testContext())).toMatchObject({
        failed: null,
        pendingCount: 0,
      });
      expect(connection.pragmaValue('integrity_check')).toBe('ok');
      connection.close();
    }
    expect(reached).toEqual(reached.toSorted());
    expect(new Set(reached).size).toBeGreaterThan(2);
  });
});

function remount(folder: string, sizeKiB: number): void {
  execFileSync('/bin/mount', ['-o', `remount,size=${sizeKiB}k`, folder]);
}

function mountSmall(folder: string, sizeKiB: number): boolean {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return false;
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', `size=${sizeKiB}k`, 'none', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

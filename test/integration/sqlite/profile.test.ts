import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { createDatabase, openReadOnly, openReadWrite } from '../../../src/core/sqlite/connection.ts';
import { profileOf, settingsOf } from '../../../src/core/sqlite/connection-section.ts';
import { fullProfile, normalProfile } from '../../../src/core/sqlite/pragma-profile.ts';
import { resolveOptions } from '../../../src/library/options.ts';
import { testPorts } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const MiB = 1024 * 1024;

test('every pragma of the configuration is what the connection really has', () => {
  const { section, pageSizeBytes } = resolveOptions({
    durability: 'normal',
    busyTimeout: '7s',
    cacheSize: '32MiB',
    mmapSize: '8MiB',
    pageSize: 8192,
    checkpoint: { ceilingPages: 5000 },
  });
  const path = join(temporaryFolder(), 'a.db');
  const settings = settingsOf(section, testPorts);
  const connection = createDatabase(path, profileOf(section, pageSizeBytes), settings);
  expect(connection.effectivePragmas()).toEqual({
    sqliteVersion: expect.stringMatching(/^3\./),
    journalMode: 'wal',
    synchronous: 'normal',
    walAutocheckpointPages: 5000,
    cacheSizeBytes: 32 * MiB,
    mmapSizeBytes: 8 * MiB,
    pageSizeBytes: 8192,
    foreignKeysEnabled: true,
    busyTimeoutMs: 7000,
  });
  connection.exec('CREATE TABLE t (x)');
  const reader = openReadOnly(path, settings, profileOf(section));
  expect(reader.effectivePragmas()).toMatchObject({ cacheSizeBytes: 32 * MiB, mmapSizeBytes: 8 * MiB });
  expect(reader.pragmaValue('query_only')).toBe(1);
  for (const open of [reader, connection]) open.close();
});

test('the default profile is full durability', () => {
  const connection = createDatabase(join(temporaryFolder(), 'a.db'), fullProfile, testPorts);
  expect(connection.effectivePragmas()).toMatchObject({
    synchronous: 'full',
    walAutocheckpointPages: 10_000,
    cacheSizeBytes: 16 * MiB,
    mmapSizeBytes: 0,
    pageSizeBytes: 4096,
  });
  connection.close();
});

test('a rollback-journal database with other pages is opened as it is, never converted', () => {
  const path = join(temporaryFolder(), 'foreign.db');
  const foreign = new Database(path);
  foreign.exec('PRAGMA page_size = 1024; CREATE TABLE t (x); INSERT INTO t VALUES (1)');
  foreign.close();
  const before = readFileSync(path);
  const connection = openReadWrite(path, fullProfile, testPorts);
  expect(connection.effectivePragmas()).toMatchObject({
    journalMode: 'delete',
    pageSizeBytes: 1024,
    synchronous: 'full',
  });
  expect(connection.read((r) => r.value('SELECT x FROM t'))).toBe(1);
  connection.close();
  expect(readFileSync(path)).toEqual(before);
});

test('what is no database is refused with its code and stays as it is', () => {
  const folder = temporaryFolder();
  const sound = join(folder, 'sound.db');
  const made = createDatabase(sound, normalProfile, testPorts);
  made.exec('CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(50000))');
  made.close();
  const cases: Record<string, [code: string, content: Uint8Array | undefined]> = {
    'text.db': ['not_a_database', Buffer.from('this is only text '.repeat(300))],
    'empty.db': ['database_empty', Buffer.alloc(0)],
    'missing.db': ['database_not_found', undefined],
    'truncated.db': ['database_corrupt', readFileSync(sound).subarray(0, 9000)],
  };
  for (const [name, [code, content]] of Object.entries(cases)) {
    const path = join(folder, name);
    if (content !== undefined) writeFileSync(path, content);
    const look = (): unknown => {
      const connection = openReadOnly(path, testPorts);
      try {
        return connection.all('SELECT length(x) + 0 * instr(x, zeroblob(10)) FROM t');
      } finally {
        connection.close();
      }
    };
    expect(look, name).toThrow(expect.objectContaining({ code }));
    if (content !== undefined) expect(readFileSync(path).equals(content), name).toBe(true);
  }
  expect(() => openReadOnly(folder, testPorts)).toThrow(expect.objectContaining({ code: 'not_a_database' }));
  expect(() => createDatabase(sound, normalProfile, testPorts)).toThrow(
    expect.objectContaining({ code: 'database_exists' }),
  );
});

test('names with spaces, quotes, percent signs and newlines work; a space at the end is refused, not cut off', () => {
  // Windows allows neither double quotes nor newlines in a name.
  const [folderName, fileName] =
    process.platform === 'win32'
      ? [" odd % 'x' y", "a b%20'd'.db"]
      : [' odd % "folder"\n\'x\' ', 'a b\n"c"%20\'d\'.db'];
  const folder = join(temporaryFolder(), folderName);
  mkdirSync(folder);
  const path = join(folder, fileName);
  const connection = createDatabase(path, normalProfile, testPorts);
  connection.exec('CREATE TABLE t (x)');
  connection.close();
  const again = openReadOnly(path, testPorts);
  expect(again.value('SELECT count(*) FROM t')).toBe(0);
  again.close();
  expect(readFileSync(path).subarray(0, 15).toString()).toBe('SQLite format 3');
  expect(() => createDatabase(join(folder, 'a.db '), normalProfile, testPorts)).toThrow(
    expect.objectContaining({ code: 'unsupported' }),
  );
});

test('a file that may not be written is refused with read_only, can still be read, and stays as it is', () => {
  const folder = temporaryFolder();
  const path = join(folder, 'a.db');
  const made = createDatabase(path, normalProfile, testPorts);
  made.exec('PRAGMA journal_mode = DELETE; CREATE TABLE t (x)');
  made.close();
  chmodSync(folder, 0o755);
  chmodSync(path, 0o444);
  const before = readFileSync(path);
  const code = `
    import { openTradingDatabase } from ${JSON.stringify(new URL('../../../dist/index.js', import.meta.url).href)};
    const database = openTradingDatabase(${JSON.stringify(path)});
    const read = database.query('SELECT count(*) FROM t').value();
    try {
      database.tx((t) => t.run('INSERT INTO t VALUES (1)'));
    } catch (error) {
      console.log(read, error.code, database.writer.inTransaction);
    }
    await database.close();`;
  // For root no file is read-only: an ordinary user it is.
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const child = spawnSync(process.execPath, ['--input-type=module', '--eval', code], { ...user, encoding: 'utf8' });
  expect(child.stdout + child.stderr).toBe('0 read_only false\n');
  expect(readFileSync(path).equals(before)).toBe(true);
});

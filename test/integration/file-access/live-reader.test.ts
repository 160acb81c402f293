import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { childEntry } from '../../../src/core/file-access/child-entry.ts';
import { LiveReader } from '../../../src/core/file-access/live-reader.ts';
import { ReaderProcess } from '../../../src/core/file-access/reader-process.ts';
import { fingerprintsOf } from '../../../src/core/file-format/page-fingerprint.ts';
import { testPorts } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { createWalDatabase } from '../../support/wal-database.ts';

/** Lock lines of this process on the files of one folder's device, by inode. */
function ownLocks(): string[] {
  if (!existsSync('/proc/locks')) return [];
  return readFileSync('/proc/locks', 'utf8')
    .split('\n')
    .filter((line) => line.split(/\s+/)[4] === String(process.pid))
    .map((line) => line.replace(/^\d+:/, ''))
    .sort();
}

function reader(path: string): LiveReader {
  const made = new LiveReader(path, testPorts);
  onTestFinished(() => made.close());
  return made;
}

describe('live reader', () => {
  test('reads everything of a live database and leaves the locks of this process alone', async () => {
    const path = join(temporaryFolder(), `a b'"%\n.db`);
    const db = createWalDatabase(path, 4096, 10);
    db.exec('BEGIN');
    db.prepare('SELECT count(*) FROM item').get();
    const before = ownLocks();
    if (process.platform === 'linux') expect(before.length).toBeGreaterThan(0);

    const live = reader(path);
    const identities = await live.identities();
    expect(identities.journal).toBeNull();
    expect(identities.wal?.sizeBytes).toBeGreaterThan(0);
    expect((await live.header())?.pageSizeBytes).toBe(4096);
    const scan = await live.wal();
    const index = await live.walIndex();
    expect(scan?.commits).toBe(10);
    expect(index?.maxFrame).toBe(scan?.lastCommit?.frame);
    expect(Buffer.from(await live.read('database', 0, 15)).toString()).toBe('SQLite format 3');
    const prints = await live.fingerprints(1, 1000, 4096);
    expect(ownLocks()).toEqual(before);
    await live.close();
    expect(ownLocks()).toEqual(before);
    db.exec('COMMIT');
    db.close();
    expect(prints.length / 12).toBe(identities.database!.sizeBytes / 4096);
    expect(fingerprintsOf(new Uint8Array(readFileSync(path)), 4096).length).toBeGreaterThanOrEqual(prints.length);
  });

  test('without a WAL there is none; a missing database is named', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createWalDatabase(path, 1024, 1).close();
    const live = reader(path);
    expect(await live.wal()).toBeNull();
    expect(await live.walIndex()).toBeNull();
    await expect(reader(join(folder, 'none.db')).header()).rejects.toMatchObject({ code: 'file_not_found' });
  });

  test('sees a WAL that was deleted and made again', async () => {
    const path = join(temporaryFolder(), 'a.db');
    const first = createWalDatabase(path, 1024, 3);
    const live = reader(path);
    expect((await live.wal())?.commits).toBe(3);
    first.close();
    expect(await live.wal()).toBeNull();
    const again = new Database(path);
    again.exec('INSERT INTO item (body) VALUES (1)');
    expect((await live.wal())?.commits).toBe(1);
    again.close();
  });

  test('a child that dies fails the waiting request', async () => {
    const live = reader('/nonexistent');
    const waiting = live.header();
    process.kill(live.pid!, 'SIGKILL');
    await expect(waiting).rejects.toMatchObject({ code: 'child_failed' });
    await expect(live.header()).rejects.toMatchObject({ code: 'child_failed' });
  });

  test('an abort ends the child', async () => {
    const abort = new AbortController();
    const child = new ReaderProcess(childEntry('../../../src/core/file-access/reader-main', import.meta.url), {
      ...testPorts,
      signal: abort.signal,
    });
    const waiting = child.call('header', { path: '/nonexistent' });
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'child_failed' });
  });

  test.each(['better-sqlite3', 'node:sqlite'])('the guard refuses %s', (binding) => {
    const guard = new URL('../../../src/core/file-access/reader-guard.ts', import.meta.url).href;
    const script = `import(${JSON.stringify(guard)}).then(({ refuseSqlite }) => { refuseSqlite(); return import(${JSON.stringify(binding)}); }).then(() => console.log('loaded'), (error) => console.log(error.message))`;
    const run = spawnSync(process.execPath, ['--experimental-strip-types', '-e', script], { encoding: 'utf8' });
    expect(run.stdout).toContain('a reader process must not load SQLite');
  });
});

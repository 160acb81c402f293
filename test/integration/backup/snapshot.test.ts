import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LiveFiles } from '../../../src/core/file-access/live-files.ts';
import { PageSource } from '../../../src/core/file-access/page-source.ts';
import { SnapshotUnavailable, takeSnapshotView } from '../../../src/core/file-access/snapshot-view.ts';
import { backUp, restoreTo } from '../../support/backup-requests.ts';
import { testContext } from '../../support/context.ts';
import { createCountingDatabase, expectCommittedState, startWriter } from '../../support/counting-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { copyWithWal, createWalDatabase } from '../../support/wal-database.ts';

function liveFiles(path: string): LiveFiles {
  const files = new LiveFiles(path);
  onTestFinished(() => files.close());
  return files;
}

function readAll(files: LiveFiles, view: ReturnType<typeof takeSnapshotView>, state = new Int32Array(1)): Buffer {
  const descriptors = { path: files.path, database: files.descriptor('database')!, wal: files.descriptor('wal') };
  const source = new PageSource(view, descriptors, state);
  const bytes = new Uint8Array(view.pageCount * view.pageSizeBytes);
  source.read(1, view.pageCount, bytes);
  return Buffer.from(bytes);
}

describe('snapshot of live files', () => {
  test('the WAL begins anew while the pages are read: everything is in the file, and it is taken from there', () => {
    const path = join(temporaryFolder(), 'a.db');
    const db = createWalDatabase(path, 4096, 30);
    const pinned = db.serialize();
    // Everything is copied into the file, so that a reader that begins now stands on lock 0.
    db.pragma('wal_checkpoint(PASSIVE)');
    const reader = new Database(path, { readonly: true });
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM item').get();
    const files = liveFiles(path);
    const view = takeSnapshotView(files);
    expect(view.overlayPages.length).toBeGreaterThan(0);
    const state = new Int32Array(1);
    expect(readAll(files, view, state).equals(pinned)).toBe(true);
    expect(state[0]).toBe(0);
    for (let commit = 0; commit < 20; commit++) db.exec('UPDATE item SET body = randomblob(800) WHERE id % 3 = 0');
    expect(readAll(files, view, state).equals(pinned)).toBe(true);
    expect(state[0]).toBe(1);
    expect(reader.serialize().equals(pinned)).toBe(true);
    reader.close();
    db.close();
  });

  test('a transaction that spills uncommitted pages into the WAL is not seen', () => {
    const path = join(temporaryFolder(), 'a.db');
    const db = createWalDatabase(path, 1024, 5);
    const committed = db.serialize();
    const writer = new Database(path);
    writer.pragma('cache_size = 5');
    writer.exec('BEGIN');
    writer.exec(
      'UPDATE item SET body = randomblob(900); INSERT INTO item (body) SELECT randomblob(900) FROM item, item b',
    );
    const files = liveFiles(path);
    expect(statSync(`${path}-wal`).size).toBeGreaterThan(100_000);
    expect(readAll(files, takeSnapshotView(files)).equals(committed)).toBe(true);
    writer.exec('ROLLBACK');
    writer.close();
    db.close();
  });

  test('a WAL that does not reach the wal-index is refused; a cut database is named', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    const db = createWalDatabase(path, 4096, 5);
    const copy = join(folder, 'b.db');
    copyWithWal(path, copy);
    db.close();
    expect(() => takeSnapshotView(liveFiles(copy))).toThrow(SnapshotUnavailable);
    const { truncateSync } = await import('node:fs');
    createCountingDatabase(join(folder, 'c.db'));
    truncateSync(join(folder, 'c.db'), 40_960);
    await expect(backUp(folder, { database: join(folder, 'c.db') })).rejects.toMatchObject({
      code: 'database_corrupt',
    });
  });

  test('a backup leaves the locks of this process and the bytes of database and WAL alone', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path);
    const app = new Database(path);
    app.pragma('wal_autocheckpoint = 0');
    app.exec("INSERT INTO entry (value, body) VALUES (1, 'x')");
    app.exec('BEGIN');
    app.prepare('SELECT * FROM counter').all();
    const locks = (): string[] =>
      existsSync('/proc/locks')
        ? readFileSync('/proc/locks', 'utf8')
            .split('\n')
            .filter((line) => line.split(/\s+/)[4] === String(process.pid))
            .map((line) => line.replace(/^\d+:/, ''))
            .sort()
        : [];
    const before = locks();
    if (process.platform === 'linux') expect(before.length).toBeGreaterThan(0);
    await backUp(folder);
    expect(locks()).toEqual(before);
    // Another process still meets the read lock: it cannot empty the WAL.
    const other = new Database(path, { timeout: 0 });
    expect(other.pragma('wal_checkpoint(TRUNCATE)')).toMatchObject([{ busy: 1 }]);
    other.close();
    app.exec('COMMIT');
    app.close();
  });

  test('a WAL that grows beyond the limit ends the backup, and nothing of it stays', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 100_000 });
    await startWriter(path, 0);
    const slow = { name: 'zstd', level: 19 } as const;
    await expect(backUp(folder, { codec: slow, workers: 1, maxWalBytes: 100_000 })).rejects.toMatchObject({
      code: 'backup_failed',
    });
    await expect(restoreTo(folder, join(folder, 'b.db'))).rejects.toMatchObject({ code: 'backup_not_found' });
  });

  test('an abort ends it at once, without a trace', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 50_000 });
    const abort = new AbortController();
    const context = testContext({ signal: abort.signal });
    const progress = {
      start: () => ({ advance: () => abort.abort(), total: () => {}, done: () => {} }),
    };
    const failed = backUp(folder, { codec: { name: 'zstd', level: 19 }, workers: 1 }, { ...context, progress });
    await expect(failed).rejects.toMatchObject({ code: 'cancelled' });
    await expect(restoreTo(folder, join(folder, 'b.db'))).rejects.toMatchObject({ code: 'backup_not_found' });
    expect(expectCommittedState(path)).toBe(50_000);
  });
});

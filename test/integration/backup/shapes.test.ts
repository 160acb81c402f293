import { readFileSync, realpathSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { backUp, restoreTo } from '../../support/backup-requests.ts';
import {
  createCountingDatabase,
  expectCommittedState,
  startWriter,
  stopProcess,
} from '../../support/counting-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { pageSizes } from '../../support/wal-database.ts';

/** Pages of a database as SQLite shows them now, independent of what lies in the WAL. */
function serialised(path: string): Buffer {
  const db = new Database(path, { readonly: true });
  const copy = new Database(':memory:');
  try {
    return db.serialize();
  } finally {
    copy.close();
    db.close();
  }
}

describe('shapes of databases', () => {
  test.each(pageSizes)('page size %i, with pages in the WAL only, and incremental on top', async (pageSizeBytes) => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { pageSizeBytes, rows: 1500 });
    const app = new Database(path);
    app.pragma('wal_autocheckpoint = 0');
    app.exec(
      'INSERT INTO entry (value, body) VALUES (7, hex(zeroblob(9000))); UPDATE counter SET n = n + 1, total = total + 7',
    );
    const full = await backUp(folder, { codec: { name: 'gzip', level: 1 } });
    expect(full.snapshot.walPages).toBeGreaterThan(0);
    expect(full.manifest.position?.frame).toBeGreaterThan(0);
    await restoreTo(folder, join(folder, 'b.db'));
    expect(serialised(join(folder, 'b.db')).equals(serialised(path))).toBe(true);

    app.exec('UPDATE entry SET body = body || 1 WHERE id % 50 = 0');
    const next = await backUp(folder, { type: 'incremental' });
    expect(next.manifest).toMatchObject({ type: 'incremental', parentId: full.manifest.id, chainLength: 1 });
    expect(next.manifest.storedPages).toBeLessThanOrEqual(full.manifest.storedPages);
    await restoreTo(folder, join(folder, 'c.db'));
    expect(serialised(join(folder, 'c.db')).equals(serialised(path))).toBe(true);
    app.close();
    expect(expectCommittedState(join(folder, 'c.db'))).toBe(1501);
  });

  test.each([
    ['auto_vacuum', (db: Database.Database) => db.pragma('auto_vacuum = FULL')],
    ['UTF-16', (db: Database.Database) => db.pragma("encoding = 'UTF-16le'")],
    [
      'WITHOUT ROWID and generated columns',
      (db: Database.Database) =>
        db.exec(
          "CREATE TABLE w (k TEXT PRIMARY KEY, v ANY, g TEXT AS (v || k)) STRICT, WITHOUT ROWID; INSERT INTO w VALUES ('a', 1), ('b', x'00ff')",
        ),
    ],
    [
      'FTS5',
      (db: Database.Database) =>
        db.exec(
          "CREATE VIRTUAL TABLE note USING fts5(text); INSERT INTO note VALUES ('stop loss hit'), ('limit order')",
        ),
    ],
  ])('%s', async (_, setUp) => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { setUp, rows: 1000 });
    await backUp(folder);
    await restoreTo(folder, join(folder, 'b.db'), { check: 'full' });
    expect(readFileSync(join(folder, 'b.db')).equals(readFileSync(join(folder, 'a.db')))).toBe(true);
    expect(expectCommittedState(join(folder, 'b.db'))).toBe(1000);
  });

  test('a rollback-journal database, quiet and beside a writer', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { journalMode: 'delete', rows: 20_000 });
    const quiet = await backUp(folder);
    expect(quiet.manifest).toMatchObject({ position: null, method: 'pages' });
    expect(quiet.findings.map((finding) => finding.id)).toEqual(['snapshot.writers_waited']);
    const writer = await startWriter(path, 100);
    for (let round = 0; round < 4; round++) {
      const { manifest } = await backUp(folder);
      await restoreTo(folder, join(folder, `c${round}.db`), { wanted: { kind: 'backup', id: manifest.id } });
      expectCommittedState(join(folder, `c${round}.db`));
    }
    await stopProcess(writer);
    expect(statSync(path).size).toBeGreaterThan(0);
  });

  test('pages dropped and added between incrementals, by VACUUM beside an open connection', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 8000 });
    await backUp(folder);
    const app = new Database(path);
    app.pragma('wal_autocheckpoint = 0');
    app.exec(
      'DELETE FROM entry WHERE id > 1000; UPDATE counter SET (n, total) = (SELECT count(*), sum(value) FROM entry)',
    );
    app.exec('VACUUM');
    const shrunk = await backUp(folder, { type: 'auto' });
    expect(shrunk.manifest.type).toBe('incremental');
    await restoreTo(folder, join(folder, 'b.db'));
    expect(serialised(join(folder, 'b.db')).equals(serialised(path))).toBe(true);
    app.exec('INSERT INTO entry (value, body) SELECT value, hex(randomblob(300)) FROM entry, (VALUES (1), (2), (3))');
    app.exec('UPDATE counter SET (n, total) = (SELECT count(*), sum(value) FROM entry)');
    await backUp(folder, { type: 'auto' });
    await restoreTo(folder, join(folder, 'c.db'));
    expect(serialised(join(folder, 'c.db')).equals(serialised(path))).toBe(true);
    app.close();
    expect(expectCommittedState(join(folder, 'b.db'))).toBe(1000);
    expect(expectCommittedState(join(folder, 'c.db'))).toBe(4000);
  });

  test('unchanged since the parent: nothing is stored', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'));
    await backUp(folder);
    const { manifest } = await backUp(folder, { type: 'incremental' });
    expect(manifest).toMatchObject({ storedPages: 0, packs: [] });
    await restoreTo(folder, join(folder, 'b.db'));
    expect(readFileSync(join(folder, 'b.db')).equals(readFileSync(join(folder, 'a.db')))).toBe(true);
  });

  test.each([`a b'c"d%20.db`, 'new\nline ü.db', '-dash.db'])('the name %j', async (name) => {
    const folder = temporaryFolder('tradedb %20\'"\n-');
    const path = join(folder, name);
    createCountingDatabase(path, { rows: 200 });
    await backUp(folder, { database: path });
    await restoreTo(folder, join(folder, `copy ${name}`));
    expect(readFileSync(join(folder, `copy ${name}`)).equals(readFileSync(path))).toBe(true);
    await restoreTo(folder, path, { replace: true });
    expect(expectCommittedState(path)).toBe(200);
  });

  test('a symbolic link leads to the WAL of the real file; another file under the same label is told', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 100 });
    const app = new Database(path);
    app.exec("INSERT INTO entry (value, body) VALUES (5, 'x'); UPDATE counter SET n = n + 1, total = total + 5");
    const link = join(folder, 'link.db');
    symlinkSync(path, link);
    const { manifest, findings } = await backUp(folder, { database: link });
    expect(manifest).toMatchObject({ method: 'pages', database: { path: realpathSync(path) } });
    expect(findings).toEqual([]);
    app.close();
    await restoreTo(folder, join(folder, 'b.db'));
    expect(expectCommittedState(join(folder, 'b.db'))).toBe(101);
    const other = await backUp(folder, { database: join(folder, 'b.db'), type: 'auto' });
    expect(other.findings.map((finding) => finding.id)).toEqual(['backup.other_path']);
  });

  test('--method api gives the same content and says so', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 20_000 });
    const writer = await startWriter(path, 0);
    const { manifest, findings } = await backUp(folder, { method: 'api' });
    await stopProcess(writer);
    expect(manifest).toMatchObject({ method: 'api', position: null });
    expect(findings.map((finding) => finding.id)).toEqual(['snapshot.fallback']);
    await restoreTo(folder, join(folder, 'b.db'));
    expect(expectCommittedState(join(folder, 'b.db'))).toBeGreaterThanOrEqual(20_000);
  });
});

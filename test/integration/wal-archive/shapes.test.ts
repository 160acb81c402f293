import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { readEpochs } from '../../../src/core/backup/wal-archive/epoch.ts';
import { readSegment } from '../../../src/core/backup/wal-archive/segment-reading.ts';
import { type ArchiveTarget, routeTo } from '../../../src/core/restore/point-in-time.ts';
import { startArchive, writeCommits } from '../../support/archive-runs.ts';
import { backUp, openTestRepository, restoreTo, testDatabaseId } from '../../support/backup-requests.ts';
import { type CountingOptions, createCountingDatabase } from '../../support/counting-database.ts';
import { followInto } from '../../support/follow-runs.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { verifyAll } from '../../support/verify-all.ts';
import { toBigEndianWal } from '../../support/wal-database.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Of the newest committed state as SQLite shows it, wherever its pages lie. */
function hashNow(path: string): string {
  const db = new Database(path, { readonly: true });
  try {
    return sha256(db.serialize());
  } finally {
    db.close();
  }
}

function hashOfFile(path: string): string {
  return sha256(readFileSync(path));
}

async function restoreAt(folder: string, target: ArchiveTarget): Promise<string> {
  const route = await routeTo(await openTestRepository(join(folder, 'backups')), testDatabaseId, target);
  const file = join(folder, 'restored.db');
  await restoreTo(folder, file, { lineage: route!.lineage, route, check: 'none' });
  const hash = hashOfFile(file);
  rmSync(file);
  return hash;
}

async function epochNow(folder: string): Promise<string> {
  return (await readEpochs(await openTestRepository(join(folder, 'backups')), testDatabaseId)).at(-1)!.id;
}

/** Rows of `entry` also go into the table of the shape, so that every commit of the writer reaches its pages. */
interface Shape {
  readonly name: string;
  readonly options: CountingOptions;
  readonly trigger?: string;
}

const shapes: readonly Shape[] = [
  {
    name: 'page size 512 and auto_vacuum full',
    options: { pageSizeBytes: 512, setUp: (db) => db.pragma('auto_vacuum = FULL') },
  },
  {
    name: 'page size 1024, auto_vacuum incremental and UTF-16le',
    options: {
      pageSizeBytes: 1024,
      setUp: (db) => db.exec("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA encoding = 'UTF-16le'"),
    },
  },
  {
    name: 'page size 65536 and WITHOUT ROWID',
    options: {
      pageSizeBytes: 65_536,
      setUp: (db) =>
        db.exec(`CREATE TABLE line (k TEXT, n INTEGER, v ANY, g TEXT AS (k || n), PRIMARY KEY (k, n)) STRICT, WITHOUT ROWID;
          CREATE INDEX line_g ON line (g)`),
    },
    trigger:
      'CREATE TRIGGER copy AFTER INSERT ON entry BEGIN INSERT INTO line VALUES (hex(randomblob(12)), new.id, new.body); END',
  },
  {
    name: 'FTS5 and UTF-16be',
    options: {
      pageSizeBytes: 8192,
      setUp: (db) => db.exec("PRAGMA encoding = 'UTF-16be'; CREATE VIRTUAL TABLE note USING fts5(text)"),
    },
    trigger:
      "CREATE TRIGGER copy AFTER INSERT ON entry BEGIN INSERT INTO note VALUES ('order ' || new.id || ' ' || new.body); END",
  },
];

describe('every shape of database through the archive', () => {
  test.each(shapes)('$name', async ({ options, trigger }) => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 300, ...options });
    const app = new Database(path);
    if (trigger !== undefined) app.exec(trigger);
    await backUp(folder);
    const archive = await startArchive(folder);
    const first = await writeCommits(folder, { commits: 30, chaos: true, seed: 11 });
    // Freed pages at the end, then a smaller file.
    app.exec('DELETE FROM entry WHERE id % 3 = 0; PRAGMA incremental_vacuum');
    if (app.pragma('auto_vacuum', { simple: true }) === 0) app.exec('VACUUM');
    const shrunk = hashNow(path);
    const fromWal = await backUp(folder, { type: 'incremental', archiveWaitMs: 10_000 });
    expect(fromWal.manifest).toMatchObject({ type: 'incremental', method: 'wal' });
    await restoreTo(folder, join(folder, 'wal.db'), { check: 'full' });
    expect(hashOfFile(join(folder, 'wal.db'))).toBe(shrunk);

    const epoch = await epochNow(folder);
    const { appliedTx } = await followInto(folder, { limit: { kind: 'tx', tx: 17, epoch }, forMs: null });
    expect(appliedTx).toBe(17);
    const second = await writeCommits(folder, { commits: 20, seed: 5 });
    const totals = await archive.stop();
    expect(totals.gaps).toEqual([]);
    const last = second.at(-1)!;
    expect(await restoreAt(folder, { kind: 'latest' })).toBe(last.hash);
    expect(await restoreAt(folder, { kind: 'tx', tx: 17, epoch })).toBe(first[16]!.hash);
    expect(await followInto(folder, { promote: true })).toMatchObject({ appliedTx: totals.tx, promoted: true });
    expect(hashOfFile(join(folder, 'standby.db'))).toBe(last.hash);

    // Nobody archives this: by page fingerprints.
    app.close();
    await writeCommits(folder, { commits: 3, seed: 6 });
    const fromPages = await backUp(folder, { type: 'incremental' });
    expect(fromPages.manifest).toMatchObject({ type: 'incremental', method: 'pages' });
    await restoreTo(folder, join(folder, 'pages.db'), { check: 'full' });
    expect(hashOfFile(join(folder, 'pages.db'))).toBe(hashNow(path));
    expect(await verifyAll(await openTestRepository(join(folder, 'backups')), 3)).toEqual([]);
  });

  test.each(shapes)(
    '$name in journal_mode=DELETE: full, incremental and a rewritten file',
    async ({ options, trigger }) => {
      const folder = temporaryFolder();
      const path = join(folder, 'a.db');
      createCountingDatabase(path, { rows: 300, ...options, journalMode: 'delete' });
      const app = new Database(path);
      if (trigger !== undefined) app.exec(trigger);
      const steps = [
        'SELECT 1',
        "INSERT INTO entry (value, body) SELECT value, body || 'x' FROM entry WHERE id % 4 = 0",
        'DELETE FROM entry WHERE id % 3 = 0; PRAGMA incremental_vacuum; VACUUM',
      ];
      for (const [round, sql] of steps.entries()) {
        app.exec(sql);
        const { manifest } = await backUp(folder, { type: round === 0 ? 'full' : 'incremental' });
        expect(manifest).toMatchObject({ type: round === 0 ? 'full' : 'incremental', method: 'pages', position: null });
        const target = join(folder, `${round}.db`);
        await restoreTo(folder, target, { check: 'full' });
        expect(hashOfFile(target)).toBe(hashOfFile(path));
      }
      app.close();
    },
  );
});

describe('both byte orders of the WAL checksum', () => {
  /** A database whose last commits are in a WAL of this order, as after a crash. */
  function withWal(folder: string, order: 'little' | 'big'): string {
    const path = join(folder, 'a.db');
    const original = join(folder, 'original.db');
    createCountingDatabase(original, { rows: 300 });
    const app = new Database(original);
    app.pragma('wal_autocheckpoint = 0');
    for (let round = 1; round <= 5; round++) app.exec(`UPDATE entry SET body = body || ${round} WHERE id % 9 = 0`);
    for (const suffix of ['', '-wal']) copyFileSync(`${original}${suffix}`, `${path}${suffix}`);
    app.close();
    if (order === 'big') toBigEndianWal(`${path}-wal`);
    return path;
  }

  test.each([
    ['little', 0x82],
    ['big', 0x83],
  ] as const)('%s-endian: backup, incremental, archive, restore and follow', async (order, magic) => {
    const folder = temporaryFolder();
    const path = withWal(folder, order);
    const app = new Database(path);
    app.pragma('wal_autocheckpoint = 0');
    // SQLite itself reads the frames of that order, and goes on in it.
    expect(app.prepare("SELECT body LIKE '%12345' FROM entry WHERE id = 9").pluck().get()).toBe(1);
    const full = await backUp(folder);
    expect(full.snapshot.walPages).toBeGreaterThan(0);
    await restoreTo(folder, join(folder, 'full.db'), { check: 'full' });
    expect(hashOfFile(join(folder, 'full.db'))).toBe(hashNow(path));

    // The archiver's own checkpoints would begin a WAL in the order of this machine.
    const archive = await startArchive(folder, { checkpointFrames: 1_000_000 });
    const first = await writeCommits(folder, { commits: 20, seed: 3 });
    expect(readFileSync(`${path}-wal`)[3]).toBe(magic);
    const fromWal = await backUp(folder, { type: 'incremental', archiveWaitMs: 10_000 });
    expect(fromWal.manifest.method).toBe('wal');
    const repository = await openTestRepository(join(folder, 'backups'));
    const epoch = (await readEpochs(repository, testDatabaseId)).at(-1)!;
    const place = { databaseId: testDatabaseId, epoch: epoch.id };
    expect((await readSegment(repository, place, epoch.segments[0]!)).header.checksumOrder).toBe(order);

    // From here on in the order of this machine, in the same epoch.
    app.pragma('busy_timeout = 0');
    const truncate = () => app.pragma('wal_checkpoint(TRUNCATE)');
    await expect.poll(truncate, { timeout: 10_000 }).toMatchObject([{ busy: 0 }]);
    const second = await writeCommits(folder, { commits: 20, seed: 4 });
    expect(readFileSync(`${path}-wal`)[3]).toBe(0x82);
    const totals = await archive.stop();
    expect(totals).toMatchObject({ gaps: [], tx: 40 });
    for (const [commits, index] of [
      [first, 6],
      [second, 0],
    ] as const) {
      const tx = index + 1 + (commits === second ? 20 : 0);
      expect(await restoreAt(folder, { kind: 'tx', tx, epoch: epoch.id }), `commit ${tx}`).toBe(commits[index]!.hash);
    }
    expect(await followInto(folder, { promote: true })).toMatchObject({ appliedTx: 40 });
    expect(hashOfFile(join(folder, 'standby.db'))).toBe(second[19]!.hash);
    expect(await verifyAll(repository, 3)).toEqual([]);
    app.close();
  });

  test('a torn frame at the end of a big-endian WAL is left out, as SQLite does', async () => {
    const folder = temporaryFolder();
    const path = withWal(folder, 'big');
    const bytes = readFileSync(`${path}-wal`);
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1;
    writeFileSync(`${path}-wal`, bytes);
    const app = new Database(path);
    expect(app.prepare("SELECT body LIKE '%1234' FROM entry WHERE id = 9").pluck().get()).toBe(1);
    await backUp(folder);
    await restoreTo(folder, join(folder, 'b.db'), { check: 'full' });
    expect(hashOfFile(join(folder, 'b.db'))).toBe(hashNow(path));
    app.close();
  });
});

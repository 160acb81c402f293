import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { BackupArchiveData } from '../../../src/commands/backup/archive.ts';
import { databaseIdOf } from '../../../src/core/backup/repository/object-name.ts';
import { readEpochs } from '../../../src/core/backup/wal-archive/epoch.ts';
import { decodeSegment } from '../../../src/core/backup/wal-archive/segment-format.ts';
import { WalTailRecorder } from '../../../src/core/backup/wal-archive/wal-tail-recorder.ts';
import { LiveFiles } from '../../../src/core/file-access/live-files.ts';
import { routeTo } from '../../../src/core/restore/point-in-time.ts';
import { startArchive, writeCommits } from '../../support/archive-runs.ts';
import { openTestRepository, restoreTo, testDatabaseId } from '../../support/backup-requests.ts';
import { tradedb } from '../../support/cli.ts';
import {
  createCountingDatabase,
  expectCommittedState,
  startWriter,
  stopProcess,
} from '../../support/counting-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

/** The newest archived state, in a file of its own. */
async function restoreLatest(folder: string, databaseId: string): Promise<string> {
  const file = join(folder, 'restored.db');
  rmSync(file, { force: true });
  const repository = await openTestRepository(join(folder, 'backups'));
  const route = await routeTo(repository, databaseId, { kind: 'latest' });
  await restoreTo(folder, file, { lineage: route!.lineage, route, repository, check: 'none' });
  return file;
}

function rowsOf(path: string): number {
  const db = new Database(path, { readonly: true, timeout: 20_000 });
  try {
    return db.prepare('SELECT n FROM counter').pluck().get() as number;
  } finally {
    db.close();
  }
}

describe('what happens beside an archiver', () => {
  test('SIGSTOP while a writer goes on at full speed: nothing is missing afterwards', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 500 });
    let signal = (_: NodeJS.Signals): void => {};
    let started = false;
    const archiving = tradedb(['backup', 'archive', '-d', path, '-f', 'ndjson', '--segment-interval', '100ms'], {
      cwd: folder,
      onStart: (child) => {
        signal = (name) => void child.kill(name);
        child.stdout?.on('data', (text: string) => {
          started ||= text.includes('"started"');
        });
      },
    });
    while (!started) await Promise.race([archiving, sleep(20)]);
    const writer = await startWriter(path, 0);
    await expect.poll(() => rowsOf(path), { timeout: 60_000 }).toBeGreaterThan(700);
    signal('SIGSTOP');
    const before = rowsOf(path);
    await expect.poll(() => rowsOf(path), { timeout: 60_000 }).toBeGreaterThan(before + 500);
    signal('SIGCONT');
    const after = rowsOf(path);
    await expect.poll(() => rowsOf(path), { timeout: 60_000 }).toBeGreaterThan(after + 100);
    await stopProcess(writer);
    signal('SIGTERM');
    const ended = await archiving;
    expect(ended.code, ended.stderr).toBe(143);
    const report = JSON.parse(ended.stdout.trimEnd().split('\n').at(-1) ?? '') as { data: BackupArchiveData };
    expect(report.data.gaps).toEqual([]);
    const restored = await restoreLatest(folder, databaseIdOf('a.db'));
    expect(expectCommittedState(restored)).toBe(expectCommittedState(path));
  });

  test('a clock that jumps an hour ahead and back: times of commits never go back, also after a restart', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 100 });
    const app = new Database(path);
    onTestFinished(() => void app.close());
    // Keeps the frames in place, as the pin of the archiver does.
    const pin = new Database(path, { readonly: true });
    onTestFinished(() => void pin.close());
    pin.exec('BEGIN; SELECT count(*) FROM counter');
    const files = new LiveFiles(path);
    let now = Date.parse('2026-03-29T00:59:00Z');
    const start = { path, stagingFolder: folder, epoch: '00000000', segmentBytes: 2 ** 20, isPinned: false };
    const first = { ...start, position: null, tx: 0, previous: null, notAfter: 0 };
    const recorder = new WalTailRecorder(files, first, () => now);
    const hour = 3_600_000;
    for (const jump of [0, hour, 0, -hour, -hour, 0, 2 * hour]) {
      now += jump;
      app.exec("INSERT INTO entry (value, body) VALUES (1, ''); UPDATE counter SET n = n + 1");
      expect(recorder.tail()).toMatchObject({ caughtUp: true, commits: 2 });
    }
    const [segment] = recorder.flush();
    now -= 5 * hour;
    const place = { position: segment!.end, tx: segment!.lastTx, previous: segment!.digest };
    const again = new WalTailRecorder(
      files,
      { ...start, ...place, stagingFolder: temporaryFolder(), notAfter: segment!.lastNotAfter },
      () => now,
    );
    app.exec('UPDATE counter SET n = n + 1');
    again.tail();
    const commits = [segment!, ...again.flush()].flatMap(
      ({ file, digest }) => decodeSegment(readFileSync(file), digest).footer.commits,
    );
    files.close();
    expect(commits).toHaveLength(15);
    for (const [index, commit] of commits.entries()) {
      expect(commit.notBefore).toBeLessThanOrEqual(commit.notAfter);
      expect(commit.notAfter).toBeGreaterThanOrEqual(commits[index - 1]?.notAfter ?? 0);
    }
  });

  test('the page size and the journal mode cannot be changed under it; changed without it, the gap is named', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 300 });
    const first = await startArchive(folder);
    await writeCommits(folder, { commits: 5 });
    const app = new Database(path, { timeout: 100 });
    // VACUUM with another page size needs another journal mode, and that needs the database for itself.
    expect(() => app.pragma('journal_mode = DELETE')).toThrow('database is locked');
    app.pragma('page_size = 8192');
    app.exec('VACUUM');
    expect(app.pragma('page_size', { simple: true })).toBe(4096);
    app.close();
    expect((await first.stop()).gaps).toEqual([]);
    expect(hashOf(await restoreLatest(folder, testDatabaseId))).toBe(hashNow(path));

    const alone = new Database(path);
    alone.pragma('journal_mode = DELETE');
    alone.pragma('page_size = 8192');
    alone.exec('VACUUM; UPDATE counter SET n = n + 0');
    alone.pragma('journal_mode = WAL');
    alone.close();
    const second = await startArchive(folder);
    const commits = await writeCommits(folder, { commits: 5, seed: 2 });
    const totals = await second.stop();
    expect(totals).toMatchObject({ tx: 5, gaps: [{ reason: expect.stringContaining('WAL') }] });
    const epochs = await readEpochs(await openTestRepository(join(folder, 'backups')), testDatabaseId);
    expect(epochs.at(-1)?.missing).not.toBeNull();
    const restored = await restoreLatest(folder, testDatabaseId);
    expect(hashOf(restored)).toBe(commits.at(-1)?.hash);
  });

  test('a database that is replaced by another file: it ends and says so, and the next start names the gap', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 300 });
    const other = join(folder, 'other.db');
    copyFileSync(path, other);
    const archive = await startArchive(folder);
    const before = await writeCommits(folder, { commits: 10 });
    await expect.poll(() => archive.events.at(-1), { timeout: 30_000 }).toMatchObject({ event: 'segment', lastTx: 10 });
    const changed = new Database(other);
    changed.exec(
      "INSERT INTO entry (value, body) VALUES (7, 'other'); UPDATE counter SET n = n + 1, total = total + 7",
    );
    changed.pragma('wal_checkpoint(TRUNCATE)');
    changed.close();
    // As a deployment does that knows nothing of SQLite.
    for (const suffix of ['-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
    renameSync(other, path);
    await expect(archive.ended).rejects.toMatchObject({ code: 'database_replaced' });

    const next = await startArchive(folder);
    const after = await writeCommits(folder, { commits: 3, seed: 9 });
    const totals = await next.stop();
    expect(totals).toMatchObject({ tx: 3, gaps: [{ reason: expect.any(String) }] });
    expect(hashOf(await restoreLatest(folder, testDatabaseId))).toBe(after.at(-1)?.hash);
    // What the old file held is still there.
    const repository = await openTestRepository(join(folder, 'backups'));
    const [epoch] = await readEpochs(repository, testDatabaseId);
    const route = await routeTo(repository, testDatabaseId, { kind: 'tx', tx: 10, epoch: epoch!.id });
    const old = join(folder, 'old.db');
    await restoreTo(folder, old, { lineage: route!.lineage, route, repository, check: 'none' });
    expect(hashOf(old)).toBe(before.at(-1)?.hash);
  });
});

function hashNow(path: string): string {
  const db = new Database(path, { readonly: true });
  try {
    return createHash('sha256').update(db.serialize()).digest('hex');
  } finally {
    db.close();
  }
}

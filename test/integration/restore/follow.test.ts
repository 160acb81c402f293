import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { FollowEvent } from '../../../src/core/restore/follow/follow-request.ts';
import { startArchive, writeCommits } from '../../support/archive-runs.ts';
import { createCountingDatabase, startWriter, stopProcess } from '../../support/counting-database.ts';
import { emptyDisk, fillDisk } from '../../support/fill-disk.ts';
import { followInto } from '../../support/follow-runs.ts';
import { smallDisk } from '../../support/small-disk.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const hashOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

/** One look at the standby by an ordinary application. */
function readWhole(path: string): number {
  const db = new Database(path, { timeout: 10_000 });
  try {
    db.exec('BEGIN');
    const counter = db.prepare('SELECT n, total FROM counter').get() as { n: number; total: number };
    expect(db.prepare('SELECT count(*) AS n, sum(value) AS total FROM entry').get()).toEqual(counter);
    expect(db.pragma('quick_check', { simple: true })).toBe('ok');
    return counter.n;
  } finally {
    db.close();
  }
}

describe('restore follow', () => {
  test('takes over every commit, stops at a wanted one, goes over a gap, and a promoted one is the database byte for byte', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 300 });
    let archive = await startArchive(folder);
    const first = await writeCommits(folder, { commits: 60, chaos: true, seed: 2 });
    const epoch = archive.events.find((event) => event.event === 'started');
    await sleep(300);
    const limit = { kind: 'tx', tx: 20, epoch: epoch?.event === 'started' ? epoch.epoch : '' } as const;
    expect(await followInto(folder, { limit, forMs: null })).toMatchObject({ appliedTx: 20, reached: true });
    expect((await followInto(folder)).appliedTx).toBe(first.length);
    const second = await writeCommits(folder, { commits: 200, seed: 5, chaos: true });
    await archive.stop();
    const caughtUp = await followInto(folder);
    expect(caughtUp).toMatchObject({ appliedTx: first.length + second.length, batches: 1, gaps: 0 });

    // Nobody archives, and the WAL goes away: a gap.
    await writeCommits(folder, { commits: 30, seed: 7 });
    archive = await startArchive(folder);
    const last = await writeCommits(folder, { commits: 30, seed: 9 });
    await archive.stop();
    const events: FollowEvent[] = [];
    const over = await followInto(folder, { promote: true, onEvent: (event) => events.push(event) });
    expect(over).toMatchObject({ gaps: 1, promoted: true });
    expect(events.map((one) => one.event)).toEqual(['started', 'gap', 'applied', 'promoted']);
    expect(hashOf(join(folder, 'standby.db'))).toBe(last.at(-1)?.hash);
    expect(readdirSync(folder).filter((name) => name.startsWith('standby'))).toEqual(['standby.db']);
    await expect(followInto(folder)).rejects.toMatchObject({ code: 'database_exists' });
  });

  test('refuses a standby that somebody wrote to, and waits for a reader that holds it', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 300 });
    const archive = await startArchive(folder);
    await writeCommits(folder, { commits: 10 });
    await sleep(300);
    await followInto(folder);
    await writeCommits(folder, { commits: 10, seed: 3 });
    await archive.stop();
    const reader = new Database(join(folder, 'standby.db'));
    reader.exec('BEGIN');
    reader.prepare('SELECT * FROM counter').get();
    const events: FollowEvent[] = [];
    const held = followInto(folder, { lagWarningMs: 0, forMs: 10_000, onEvent: (event) => events.push(event) });
    while (!events.some((event) => event.event === 'started' || event.event === 'lag'))
      await Promise.race([held, sleep(20)]);
    reader.exec('COMMIT');
    const stopped = held.then((totals) => totals.appliedTx);
    while (!events.some((event) => event.event === 'applied')) await Promise.race([stopped, sleep(20)]);
    expect(await stopped).toBe(20);
    reader.exec("INSERT INTO entry (value, body) VALUES (1, '')");
    reader.close();
    await expect(followInto(folder)).rejects.toMatchObject({ code: 'database_replaced' });
  }, 60_000);

  test('a full disk takes a batch back, and with space it goes on', async (context) => {
    const folder = temporaryFolder();
    const small = smallDisk(4) ?? context.skip('a tmpfs cannot be mounted here');
    const target = join(small, 'standby.db');
    createCountingDatabase(join(folder, 'a.db'), { rows: 300 });
    const archive = await startArchive(folder);
    await writeCommits(folder, { commits: 10 });
    await sleep(300);
    await followInto(folder, { target });
    const before = hashOf(target);
    const app = new Database(join(folder, 'a.db'));
    app.exec('INSERT INTO entry (value, body) VALUES (1, hex(randomblob(400000)))');
    app.exec(
      "UPDATE entry SET body = body || 'x'; UPDATE counter SET (n, total) = (SELECT count(*), sum(value) FROM entry)",
    );
    app.close();
    await archive.stop();
    fillDisk(small, 500_000);
    await expect(followInto(folder, { target })).rejects.toMatchObject({ code: 'disk_full' });
    const reader = new Database(target);
    expect(reader.pragma('integrity_check', { simple: true })).toBe('ok');
    reader.close();
    expect(hashOf(target)).toBe(before);
    emptyDisk(small);
    await followInto(folder, { target, promote: true });
    expect(readWhole(target)).toBe(readWhole(join(folder, 'a.db')));
  });

  test('a promotion waits for readers, and leaves no archived commit out', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 200 });
    const archive = await startArchive(folder);
    await followInto(folder);
    await writeCommits(folder, { commits: 20, pauseMs: 1 });
    await archive.stop();
    const reader = new Database(join(folder, 'standby.db'));
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM sqlite_schema').get();
    // Longer than one try for the lock takes.
    setTimeout(() => reader.close(), 3000);
    const totals = await followInto(folder, { promote: true });
    expect(totals.promoted).toBe(true);
    const content = (path: string): unknown => {
      const db = new Database(path, { readonly: true });
      const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").pluck().all();
      const rows = tables.map((name) => db.prepare(`SELECT count(*) FROM "${name}"`).pluck().get());
      db.close();
      return [tables, rows];
    };
    expect(content(join(folder, 'standby.db'))).toEqual(content(join(folder, 'a.db')));
  }, 120_000);

  test('kill -9 at any moment leaves whole commits for every reader, and the next run goes on', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 2000 });
    const archive = await startArchive(folder);
    const writer = await startWriter(join(folder, 'a.db'), 200);
    await sleep(500);
    await followInto(folder);
    const script = fileURLToPath(new URL('../../support/follow-and-die.ts', import.meta.url));
    const kills = Number(process.env.TRADEDB_TEST_KILLS ?? 8);
    let newest = readWhole(join(folder, 'standby.db'));
    for (let round = 0; round < kills; round++) {
      const child = spawn(
        process.execPath,
        ['--experimental-strip-types', '--disable-warning=ExperimentalWarning', script, folder],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      onTestFinished(() => stopProcess(child));
      await once(child.stdout, 'data');
      const end = performance.now() + ((round * 137) % 600);
      while (performance.now() < end) {
        newest = readWhole(join(folder, 'standby.db'));
        await sleep(5);
      }
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
      for (let look = 0; look < 5; look++) {
        const seen = readWhole(join(folder, 'standby.db'));
        expect(seen).toBeGreaterThanOrEqual(newest);
        newest = seen;
        await sleep(10);
      }
    }
    // A killed writer may leave a commit in the WAL that nobody was told of, and that only the next opener finds.
    const ended = once(writer, 'exit');
    writer.disconnect();
    await ended;
    await archive.stop();
    await followInto(folder, { promote: true });
    expect(existsSync(join(folder, 'standby.db-journal'))).toBe(false);
    expect(readWhole(join(folder, 'standby.db'))).toBe(readWhole(join(folder, 'a.db')));
  }, 300_000);
});

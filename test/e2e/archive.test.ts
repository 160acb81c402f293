import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { BackupArchiveData } from '../../src/commands/backup/archive.ts';
import type { BackupListData } from '../../src/commands/backup/list.ts';
import type { BackupMarkData } from '../../src/commands/backup/mark.ts';
import type { BackupVerifyData } from '../../src/commands/backup/verify.ts';
import type { RestoreRunData } from '../../src/commands/restore/run.ts';
import { databaseIdOf } from '../../src/core/backup/repository/object-name.ts';
import { writeCommits } from '../support/archive-runs.ts';
import { type CliResult, parseError, parseReport, tradedb } from '../support/cli.ts';
import {
  createCountingDatabase,
  expectCommittedState,
  startWriter,
  stopProcess,
} from '../support/counting-database.ts';
import { fileState } from '../support/file-state.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs the archiver until `work` is done, then ends it with a signal. */
async function whileArchiving(
  folder: string,
  work: () => Promise<void>,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<CliResult> {
  let stop = (): void => {};
  let text = '';
  let started = (): void => {};
  const running = new Promise<void>((resolve) => {
    started = resolve;
  });
  const args = ['backup', 'archive', '-d', join(folder, 'a.db'), '-f', 'ndjson', '--segment-interval', '200ms'];
  const result = tradedb(args, {
    cwd: folder,
    onStart: (child) => {
      stop = () => void child.kill(signal);
      child.stdout?.on('data', (chunk: string) => {
        text += chunk;
        if (text.includes('"started"')) started();
      });
    },
  });
  await Promise.race([running, result]);
  await work();
  stop();
  return result;
}

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

describe('tradedb backup archive and restore to a moment', () => {
  it('brings back the instant before a bad batch, any commit, and says what it can bring back', async () => {
    const folder = temporaryFolder(`tradedb b'"%\n-`);
    const database = join(folder, 'a.db');
    createCountingDatabase(database, { rows: 500 });
    let moment = '';
    let commits: Awaited<ReturnType<typeof writeCommits>> = [];
    const archived = await whileArchiving(folder, async () => {
      commits = await writeCommits(folder, { commits: 25, pauseMs: 4 });
      await sleep(400);
      moment = new Date().toISOString();
      await sleep(400);
      const bad = new Database(database);
      bad.exec('BEGIN; DELETE FROM entry; UPDATE counter SET n = 0, total = 0; COMMIT');
      bad.close();
      await sleep(600);
    });
    expect(archived.code, archived.stderr).toBe(143);
    const lines = archived.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map((line) => line.event)).toContain('segment');
    expect(lines.at(-1)?.data).toMatchObject({ tx: 26, commits: 26, gaps: [], interrupted: true });

    const cwd = { cwd: folder };
    const list = parseReport<BackupListData>(await tradedb(['backup', 'list', '-d', database, '--json'], cwd)).data;
    expect(list.windows).toMatchObject([{ fromTx: 0, toTx: 26, perCommit: true }]);
    const text = await tradedb(['backup', 'list', '-d', database], cwd);
    expect(text.stdout).toContain('every commit from');

    const target = join(folder, 'before.db');
    const args = ['restore', '-d', database, '--to-time', moment, '--target', target, '--json'];
    const before = fileState(folder, (name) => name.startsWith('.tradedb'));
    const planned = parseReport<RestoreRunData>(await tradedb([...args, '--dry-run'], cwd)).data;
    expect(planned).toMatchObject({ outcome: 'planned', target: { tx: 25 }, route: { commits: 25 } });
    expect(fileState(folder, (name) => name.startsWith('.tradedb'))).toEqual(before);
    const restored = await tradedb(args, cwd);
    expect(restored.code, restored.stderr).toBe(0);
    expect(parseReport<RestoreRunData>(restored).data).toMatchObject({ outcome: 'restored', target: { tx: 25 } });
    expect(hashOf(target)).toBe(commits.at(-1)?.hash);

    const one = await tradedb(['restore', '-d', database, '--to-tx', '7', '--target', join(folder, 'seven.db')], cwd);
    expect(one.code, one.stderr).toBe(0);
    expect(one.stdout).toMatch(/restored .* to commit 7 @[0-9a-f]{4} = /);
    expect(hashOf(join(folder, 'seven.db'))).toBe(commits[6]?.hash);

    const over = await tradedb(['restore', '--replace', '--yes', '-d', database, '--to-time', moment, '--json'], cwd);
    expect(over.code, over.stderr).toBe(0);
    expect(hashOf(database)).toBe(commits.at(-1)?.hash);
    const missing = await tradedb(['restore', '-d', database, '--to-tx', '999', '--target', 'x.db', '--json'], cwd);
    expect(missing.code).toBe(10);
    expect(parseError(missing).hint).toContain('it holds 1 to 26');
    for (const level of ['1', '2', '3']) {
      const verify = await tradedb(['backup', 'verify', '-d', database, '--level', level], cwd);
      expect(verify.code, verify.stdout).toBe(0);
    }

    // The newest segment is gone: no hole in the chain says so, only the archiver knows that it was there.
    const place = join(folder, 'backups', 'db', databaseIdOf('a.db'), 'wal', list.windows[0]?.epoch ?? '');
    const newest = readdirSync(place).sort().at(-2) ?? '';
    expect(newest).toMatch(/-000000000026-/);
    rmSync(join(place, newest));
    const lost = await tradedb(['backup', 'verify', '-d', database, '--level', '1', '--json'], cwd);
    expect(lost.code).toBe(12);
    expect(parseReport<BackupVerifyData>(lost).data.problems).toMatchObject([
      { kind: 'missing', message: expect.stringMatching(/26 (was|were) stored by the archiver/) },
    ]);
    // Somewhere else nobody knows.
    const elsewhere = await tradedb(['backup', 'verify', '-R', join(folder, 'backups'), '--all', '--json'], {
      cwd: temporaryFolder(),
    });
    expect(elsewhere.code, elsewhere.stderr).toBe(0);
  });

  it('marks a commit, restores to it, lists it, and removes the mark', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'a.db');
    createCountingDatabase(database, { rows: 100 });
    const cwd = { cwd: folder };
    const early = await tradedb(['backup', 'mark', 'early', '-d', database, '--json'], cwd);
    expect(early.code).toBe(10);
    let commits: Awaited<ReturnType<typeof writeCommits>> = [];
    await whileArchiving(folder, async () => {
      // Another connection keeps the WAL in place between the writers.
      const app = new Database(database);
      app.prepare('SELECT * FROM counter').all();
      commits = await writeCommits(folder, { commits: 8 });
      const set = await tradedb(
        ['backup', 'mark', 'before-batch', '--keep', '--note', 'calm', '-d', database, '--json'],
        cwd,
      );
      expect(set.code, set.stderr).toBe(0);
      expect(parseReport<BackupMarkData>(set).data).toMatchObject({ action: 'set', mark: { tx: 8, keep: true } });
      await writeCommits(folder, { commits: 5, seed: 4 });
      await sleep(500);
      app.close();
    });
    const again = await tradedb(['backup', 'mark', 'before-batch', '--at', '3', '-d', database, '--json'], cwd);
    expect(again.code).toBe(2);
    const third = await tradedb(['backup', 'mark', 'third', '--at', '3', '-d', database], cwd);
    expect(third.stdout).toMatch(/^mark third set: commit 3 @/);
    const list = parseReport<BackupListData>(await tradedb(['backup', 'list', '-d', database, '--json'], cwd)).data;
    expect(list.marks.map((mark) => [mark.name, mark.tx])).toEqual(
      expect.arrayContaining([
        ['before-batch', 8],
        ['third', 3],
      ]),
    );
    for (const [name, index] of [
      ['before-batch', 7],
      ['third', 2],
    ] as const) {
      const target = join(folder, `${name}.db`);
      const run = await tradedb(['restore', '--to-mark', name, '-d', database, '--target', target, '--json'], cwd);
      expect(run.code, run.stderr).toBe(0);
      expect(hashOf(target)).toBe(commits[index]?.hash);
    }
    expect((await tradedb(['backup', 'mark', 'third', '--remove', '-d', database], cwd)).code).toBe(0);
    const gone = await tradedb(['restore', '--to-mark', 'third', '-d', database, '--target', 'x.db', '--json'], cwd);
    expect(gone.code).toBe(10);
    expect(parseError(gone).hint).toBe('known: before-batch');
    expect((await tradedb(['backup', 'mark', 'a/b', '-d', database, '--json'], cwd)).code).toBe(2);
  });

  it('beside a writer at full speed nothing is missing and the WAL stays bounded', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'a.db');
    createCountingDatabase(database, { rows: 2000 });
    const writer = await startWriter(database, 0);
    const archived = await whileArchiving(folder, async () => {
      await sleep(4000);
      await stopProcess(writer);
      await sleep(300);
    });
    expect(archived.code, archived.stderr).toBe(143);
    const report = JSON.parse(archived.stdout.trimEnd().split('\n').at(-1) ?? '') as { data: BackupArchiveData };
    expect(report.data.gaps).toEqual([]);
    expect(report.data.commits).toBeGreaterThan(100);
    const rows = expectCommittedState(database);
    const latest = await tradedb(['restore', '-d', database, '--target', join(folder, 'b.db'), '--json'], {
      cwd: folder,
    });
    expect(latest.code, latest.stderr).toBe(0);
    expect(parseReport<RestoreRunData>(latest).data.target.tx).toBe(report.data.tx);
    expect(expectCommittedState(join(folder, 'b.db'))).toBe(rows);
  });

  it('refuses a rollback-journal database and a second archiver, and ends after --for', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'a.db');
    createCountingDatabase(database, { rows: 10, journalMode: 'delete' });
    const refused = await tradedb(['backup', 'archive', '-d', database, '--for', '1s', '--json'], { cwd: folder });
    expect(refused.code).toBe(2);
    expect(parseError(refused).message).toContain('only WAL can be archived');
    const db = new Database(database);
    db.pragma('journal_mode = WAL');
    db.close();
    await whileArchiving(folder, async () => {
      const second = await tradedb(['backup', 'archive', '-d', database, '--for', '1s', '--json'], { cwd: folder });
      expect(second.code).toBe(11);
      expect(parseError(second).message).toContain('backup archive is already running');
    });
    const timed = await tradedb(['backup', 'archive', '-d', database, '--for', '300ms', '--json'], { cwd: folder });
    expect([0, 3], timed.stderr).toContain(timed.code);
    expect(parseReport<BackupArchiveData>(timed).data.interrupted).toBe(false);
    const plan = await tradedb(['backup', 'archive', '-d', database, '--dry-run'], { cwd: folder });
    expect(plan.stdout).toContain('would archive');
  });
});

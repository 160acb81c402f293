import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { databaseIdOf } from '../../src/core/backup/repository/object-name.ts';
import { archiveStatusPath, writeArchiveStatus } from '../../src/core/backup/wal-archive/status-file.ts';
import { tradedb } from '../support/cli.ts';
import { startReceiver, status } from '../support/http-receiver.ts';
import { rememberJobs } from '../support/past-jobs.ts';
import { ask, startService, untilReady } from '../support/service.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function makeDatabase(path: string): Database.Database {
  const db = new Database(path);
  onTestFinished(() => void db.close());
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE t (a)');
  return db;
}

function folderWith(config: Record<string, unknown>): { folder: string; write: (config: unknown) => void } {
  const folder = temporaryFolder();
  const write = (value: unknown): void => writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify(value));
  write(config);
  return { folder, write };
}

const metrics = async (port: number): Promise<string> => (await ask(port, '/metrics')).body;
const until = async (condition: () => Promise<boolean> | boolean): Promise<void> => {
  while (!(await condition())) await sleep(50);
};

describe('the service', () => {
  it('watches several databases, takes a new configuration at SIGHUP, and refuses a broken one', async () => {
    const config = {
      database: { path: 'trading.db' },
      monitor: { databases: { archive: { path: 'old.db' } }, log: { file: 'serve.log' } },
    };
    const { folder, write } = folderWith(config);
    makeDatabase(join(folder, 'trading.db'));
    const archive = makeDatabase(join(folder, 'old.db'));
    const logFile = join(folder, 'serve.log');
    const logged = (): Record<string, unknown>[] =>
      (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line));
    const service = startService(['--schedules', 'off'], { cwd: folder, logFile });
    const { port, child, ended } = await service;
    await untilReady(port);
    archive.exec('INSERT INTO t VALUES (1)');
    await until(async () => /^tradedb_commits_total\{database="archive"\} 1$/m.test(await metrics(port)));
    expect(await metrics(port)).toContain('tradedb_commits_total{database="trading.db"}');
    expect(JSON.parse((await ask(port, '/api/sample?database=archive')).body)).toMatchObject({ database: 'archive' });
    expect((await ask(port, '/api/sample?database=none')).status).toBe(503);
    expect((await ask(port, '/api/events?database=none')).status).toBe(404);

    // A rotation renames the file; SIGHUP opens a new one and takes the new list.
    renameSync(logFile, `${logFile}.1`);
    makeDatabase(join(folder, 'third.db'));
    write({ ...config, monitor: { ...config.monitor, databases: { third: { path: 'third.db' } } } });
    child.kill('SIGHUP');
    await until(async () => /database="third"/.test(await metrics(port)));
    await until(() => logged().some(({ event }) => event === 'service_reloaded'));
    expect(await metrics(port)).not.toContain('database="archive"');
    expect(readFileSync(`${logFile}.1`, 'utf8')).not.toContain('service_reloaded');

    write({ ...config, monitor: { rate: 'fast' } });
    child.kill('SIGHUP');
    await until(() => logged().some(({ event, level }) => event === 'reload_failed' && level === 'error'));
    expect(await metrics(port)).toContain('database="third"');
    child.kill('SIGTERM');
    expect(await ended).toBe(143);
  });

  it('evaluates the alert rules on what it sees, and tells people', async () => {
    const { folder } = folderWith({
      database: { path: 'trading.db' },
      alerts: {
        rules: [{ id: 'backlog', expr: 'wal_backlog_bytes', warn: 1 }],
        channels: { notes: { type: 'file', path: 'notes.ndjson' } },
      },
    });
    const db = makeDatabase(join(folder, 'trading.db'));
    const { port } = await startService(['--schedules', 'off'], { cwd: folder });
    await untilReady(port);
    db.exec('INSERT INTO t VALUES (1)');
    const notes = join(folder, 'notes.ndjson');
    await until(() => existsSync(notes) && readFileSync(notes, 'utf8').includes('backlog'));
    await until(async () =>
      /^tradedb_alert_state\{database="trading.db",rule="backlog"\} 2$/m.test(await metrics(port)),
    );
    const state = JSON.parse((await ask(port, '/api/state')).body);
    expect(state.alerts).toContainEqual(
      expect.objectContaining({ rule: 'backlog', phase: 'firing', severity: 'warning' }),
    );
    // A rule whose value is good again ends.
    db.pragma('wal_checkpoint(TRUNCATE)');
    await until(async () => /rule="backlog"\} 0$/m.test(await metrics(port)));
  });

  it('catches up a job that was missed while it was down, and shows what it found', async () => {
    const { folder } = folderWith({
      database: { path: 'trading.db' },
      schedules: {
        health: '0 * * * *',
        backup: '0 0 1 1 *',
        prune: false,
        verify: false,
        optimize: false,
        vacuum: false,
      },
      monitor: { jobs: { jitter: '0s' } },
    });
    makeDatabase(join(folder, 'trading.db')).exec('INSERT INTO t VALUES (1)');
    rememberJobs(folder, ['health', 'backup'], 7_200_000);
    const { port, log, child, ended } = await startService([], { cwd: folder });
    await until(async () =>
      /^tradedb_job_runs_total\{database="trading.db",job="health",result="(ok|warning)"\} 1$/m.test(
        await metrics(port),
      ),
    );
    expect(log().filter(({ event }) => event === 'job_missed')).toMatchObject([{ job: 'health', catchUp: 'once' }]);
    const text = await metrics(port);
    for (const name of ['job_last_success_timestamp_seconds', 'job_duration_seconds', 'job_failures_in_row']) {
      expect(text).toMatch(new RegExp(`^tradedb_${name}\\{database="trading.db",job="health"\\}`, 'm'));
    }
    expect(text).toMatch(/^tradedb_health_status\{database="trading.db",check="[\w.]+"\} \d$/m);
    const { events, jobs } = JSON.parse((await ask(port, '/api/state')).body);
    expect(events).toContainEqual(
      expect.objectContaining({ kind: 'job_finished', detail: expect.objectContaining({ job: 'health' }) }),
    );
    expect(jobs.find(({ name }: { name: string }) => name === 'health')).toMatchObject({
      failuresInRow: 0,
      running: false,
    });
    child.kill('SIGTERM');
    await ended;
    const again = await startService([], { cwd: folder });
    await untilReady(again.port);
    await sleep(500);
    expect(again.log().map(({ event }) => event)).not.toContain('job_started');
  });

  it("pings the dead man's switches, and shows what the archiver says", async () => {
    const { url, requests } = await startReceiver(status(200));
    const { folder } = folderWith({
      database: { path: 'trading.db' },
      alerts: { heartbeats: { service: { urlFile: 'service.url', every: '1s' }, health: { urlFile: 'health.url' } } },
      schedules: { health: '* * * * *', backup: false, prune: false, verify: false, optimize: false, vacuum: false },
      monitor: { jobs: { jitter: '0s' } },
    });
    makeDatabase(join(folder, 'trading.db')).exec('INSERT INTO t VALUES (1)');
    writeFileSync(join(folder, 'service.url'), `${url}/service`);
    writeFileSync(join(folder, 'health.url'), `${url}/health`);
    const written = {
      ...{
        pid: 1,
        hostname: hostname(),
        repository: 'backups',
        updatedAt: new Date().toISOString(),
        running: true,
        epoch: 'e',
        tx: 7,
      },
      ...{
        durableAt: '2026-03-01T10:00:00.000Z',
        commits: 7,
        segments: 3,
        gaps: 1,
        walBytes: 0,
        spoolBytes: 0,
        problem: null,
      },
    };
    writeArchiveStatus(archiveStatusPath(join(folder, '.tradedb'), databaseIdOf('trading.db')), written);
    rememberJobs(folder, ['health'], 600_000);
    const { port } = await startService([], { cwd: folder });
    const pinged = (path: string): boolean => requests.some((request) => request.path === path);
    await until(() => ['/service', '/health/start', '/health'].every(pinged));
    const text = await metrics(port);
    expect(text).toMatch(/^tradedb_archive_commits_total\{database="trading.db"\} 7$/m);
    expect(text).toMatch(/^tradedb_archive_segments_total\{database="trading.db"\} 3$/m);
    expect(text).toMatch(/^tradedb_archive_gaps_total\{database="trading.db"\} 1$/m);
    // Process 1 is no archiver: this one was killed.
    expect(text).toMatch(/^tradedb_archive_running\{database="trading.db"\} 0$/m);
    const { findings } = JSON.parse((await ask(port, '/api/sample')).body);
    expect(findings).toContainEqual(expect.objectContaining({ id: 'archive.dead' }));
  });

  it('is no user of the database: a restore and a compaction replace the file under it, and it follows', async () => {
    const { folder } = folderWith({ database: { path: 'trading.db' } });
    const db = makeDatabase(join(folder, 'trading.db'));
    db.exec('INSERT INTO t VALUES (zeroblob(3000000)); DELETE FROM t');
    db.close();
    const { port } = await startService(['--schedules', 'off'], { cwd: folder });
    await untilReady(port);
    const run = (...args: string[]) => tradedb(args, { cwd: folder });
    const generation = (least: number) => async () =>
      Number(/^tradedb_generation_changes_total\{.*\} (\d+)$/m.exec(await metrics(port))?.[1]) >= least;
    expect(await run('backup', '-R', 'backups/')).toMatchObject({ code: 0 });
    const restored = await run('restore', 'run', '-R', 'backups/', '--replace', '--yes');
    expect(restored.code, restored.stderr).toBe(0);
    await until(generation(1));
    const compacted = await run('vacuum', 'run', '--yes', '--method', 'into');
    expect(compacted.code, compacted.stderr).toBe(0);
    await until(generation(2));
  });

  it('refuses settings that would mix or hide something', async () => {
    const cases: [Record<string, unknown>, string][] = [
      [{ monitor: { databases: { 'trading.db': { path: 'old.db' } } } }, 'the name of another one'],
      [{ monitor: { databases: { b: { path: 'sub/trading.db', jobs: ['backup'] } } } }, 'mixed'],
      [{ monitor: { jobs: { timeZone: 'Mars/Olympus' } } }, 'no time zone'],
      [{ monitor: { metricsTokenFile: 'token' } }, 'needs a token'],
      [{ monitor: { log: { file: 'no/such/folder/x.log' } } }, 'no/such/folder'],
    ];
    for (const [extra, message] of cases) {
      const { folder } = folderWith({ database: { path: 'trading.db' }, ...extra });
      makeDatabase(join(folder, 'trading.db'));
      makeDatabase(join(folder, 'old.db'));
      const sub = join(folder, 'sub');
      mkdirSync(sub);
      makeDatabase(join(sub, 'trading.db'));
      writeFileSync(join(folder, 'token'), 'a-token-of-enough-length');
      await expect(startService([], { cwd: folder })).rejects.toThrow(message);
    }
  });
});

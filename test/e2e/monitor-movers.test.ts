import { spawn } from 'node:child_process';
import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { expect, it, onTestFinished } from 'vitest';
import { databaseIdOf } from '../../src/core/backup/repository/object-name.ts';
import {
  archiveStatusPath,
  readArchiveStatus,
  writeArchiveStatus,
} from '../../src/core/backup/wal-archive/status-file.ts';
import { metricDefinitions } from '../../src/core/monitor/metrics/definitions.ts';
import { startScript } from '../support/background-process.ts';
import { emptyDisk, fillDisk } from '../support/fill-disk.ts';
import { rememberJobs } from '../support/past-jobs.ts';
import { ask, launcher, startService, untilReady } from '../support/service.ts';
import { smallDisk } from '../support/small-disk.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** The values that were seen under each name of a series, with whatever labels. */
class Movements {
  readonly #values = new Map<string, Set<string>>();
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  async look(): Promise<string> {
    const { body } = await ask(this.#port, '/metrics');
    for (const [, name = '', value = ''] of body.matchAll(/^(tradedb_\w+)(?:\{.*\})? (\S+)$/gm)) {
      const seen = this.#values.get(name) ?? new Set();
      this.#values.set(name, seen.add(value));
    }
    return body;
  }

  /** Those that had one value all the time, or none. */
  unmoved(): string[] {
    return metricDefinitions()
      .map(({ name }) => name)
      .filter((name) => (this.#values.get(name)?.size ?? 0) < 2);
  }

  /** Looks until these have moved; what is missing is the message when the test runs out of time. */
  async untilMoved(names: readonly string[], during: () => Promise<void> | void = () => {}): Promise<void> {
    const end = Date.now() + 60_000;
    for (;;) {
      await during();
      await this.look();
      const missing = names.map((name) => `tradedb_${name}`).filter((name) => this.unmoved().includes(name));
      if (missing.length === 0) return;
      if (Date.now() > end) throw new Error(`did not move: ${missing.join(', ')}`);
      await sleep(100);
    }
  }

  async untilSays(pattern: RegExp, during: () => Promise<void> | void = () => {}): Promise<void> {
    const end = Date.now() + 60_000;
    for (;;) {
      await during();
      if (pattern.test(await this.look())) return;
      if (Date.now() > end) throw new Error(`was never said: ${pattern}`);
      await sleep(100);
    }
  }
}

/** The sampling child of a service. */
function samplerOf(pid: number): number {
  for (const child of readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')) {
    if (readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('sampler-main')) return Number(child);
  }
  throw new Error('the service has no sampler');
}

function startArchive(folder: string, repository: string) {
  const child = spawn(process.execPath, [launcher, 'backup', 'archive', '-R', `${repository}/`], {
    cwd: folder,
    stdio: 'ignore',
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  return { child, ended };
}

const onLinuxAsRoot = process.platform === 'linux' && process.getuid?.() === 0;

/** A series that nothing moves is a series that nobody can trust. */
it.runIf(onLinuxAsRoot || process.env.CI === 'true')(
  'every series of the service moves when what it counts happens',
  async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'trading.db');
    const db = new Database(path);
    onTestFinished(() => void db.close());
    db.pragma('journal_mode = WAL');
    db.pragma('wal_autocheckpoint = 0');
    db.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT); CREATE INDEX notes ON orders (note)');
    const insert = db.prepare('INSERT INTO orders (note) VALUES (?)');
    const commit = (note = 'x'): void => void insert.run(note);

    // Two jobs that were missed: health, and a backup whose repository is no folder.
    const off = { prune: false, verify: false, optimize: false, vacuum: false };
    writeFileSync(join(folder, 'no-folder'), '');
    writeFileSync(
      join(folder, 'tradedb.config.json'),
      JSON.stringify({
        database: { path: 'trading.db' },
        backup: { repositories: { main: { kind: 'folder', path: 'no-folder' } } },
        schedules: { health: '* * * * *', backup: '0 0 * * *', ...off },
        monitor: { jobs: { jitter: '0s' }, pinnedAfter: '500ms' },
        alerts: { rules: [{ id: 'backlog', expr: 'wal_backlog_bytes', warn: 1 }] },
      }),
    );
    rememberJobs(folder, ['health', 'backup'], 48 * 3_600_000);

    const service = await startService([], { cwd: folder });
    await untilReady(service.port);
    const moves = new Movements(service.port);
    await moves.look();

    // A writer: frames, backlog, sizes, an alert on the backlog.
    await moves.untilMoved(
      ['commits_total', 'wal_frames_total', 'wal_backlog_bytes', 'wal_file_bytes', 'alert_state', 'disk_free_bytes'],
      () => commit('y'.repeat(100)),
    );
    await moves.untilMoved(['object_written_frames_total', 'object_pages', 'unattributed_frames_total'], () =>
      commit('z'.repeat(100_000)),
    );
    await moves.untilMoved(['write_lock_busy_ratio'], async () => {
      db.exec('BEGIN IMMEDIATE');
      await sleep(300);
      db.exec('ROLLBACK');
    });

    // A reader that stands still, and then a checkpoint that it no longer stops.
    const reader = new Database(path, { readonly: true });
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM orders').get();
    await moves.untilMoved(['pinned_reader_seconds', 'pinned_reader_lag_frames', 'findings'], () => commit());
    reader.exec('COMMIT');
    reader.close();
    await moves.untilMoved(
      ['checkpointed_frames_total', 'checkpoints_total', 'database_bytes', 'wal_resets_total'],
      () => {
        db.pragma('wal_checkpoint(RESTART)');
        commit();
      },
    );
    await moves.untilMoved(['free_pages'], () => {
      db.exec('DELETE FROM orders WHERE id % 2 = 0');
      db.pragma('wal_checkpoint(RESTART)');
    });

    // A browser, and the file of the history that grows.
    const stream = get({ host: '127.0.0.1', port: service.port, path: '/api/events' });
    stream.on('error', () => {});
    await moves.untilMoved(['event_streams', 'history_bytes']);
    stream.destroy();

    // A sampler that is stopped: late, and blind for what happened meanwhile.
    const sampler = samplerOf(service.child.pid ?? 0);
    process.kill(sampler, 'SIGSTOP');
    await moves.untilMoved(['sampler_up'], () => {
      for (let round = 0; round < 3; round++) {
        for (let k = 0; k < 20; k++) commit();
        db.pragma('wal_checkpoint(RESTART)');
      }
    });
    process.kill(sampler, 'SIGCONT');
    await moves.untilMoved(['late_ticks_total', 'attribution_coverage_ratio'], () => commit());

    // Jobs that were missed: one is good, one fails.
    await moves.untilMoved(['job_duration_seconds', 'job_failures_in_row', 'health_status']);

    // Engines with statistics; a lock that makes them try again.
    const engine = await startScript('engine.mjs', [path]);
    const second = await startScript('engine.mjs', [path, '2']);
    const queries = metricDefinitions()
      .map(({ name }) => name.replace('tradedb_', ''))
      .filter((name) => /^(query_|result_cache_|background_)/.test(name));
    await moves.untilMoved([...queries, 'connected_processes'], async () => {
      db.exec('BEGIN IMMEDIATE');
      await sleep(50);
      db.exec('COMMIT');
      await sleep(50);
    });
    engine.process.kill('SIGKILL');
    second.process.kill('SIGKILL');

    // An archiver: commits, a repository that is full, its death, and the gap that this leaves.
    const disk = smallDisk(16);
    if (disk === undefined) throw new Error('mounting is not allowed here');
    const archive = startArchive(folder, join(disk, 'repository'));
    await moves.untilMoved(
      ['archive_commits_total', 'archive_segments_total', 'archive_durable_timestamp_seconds'],
      () => commit(),
    );
    fillDisk(disk);
    await moves.untilMoved(['archive_blocked'], () => commit('w'.repeat(20_000)));
    emptyDisk(disk);
    await moves.untilSays(/^tradedb_archive_blocked\{.*\} 0$/m, () => commit());
    archive.child.kill('SIGKILL');
    await archive.ended;
    await moves.untilMoved(['archive_running']);
    for (let round = 0; round < 3; round++) {
      for (let k = 0; k < 20; k++) commit();
      db.pragma('wal_checkpoint(TRUNCATE)');
    }
    const again = startArchive(folder, join(disk, 'repository'));
    await moves.untilMoved(['archive_gaps_total'], () => commit());
    again.child.kill('SIGKILL');
    await again.ended;
    // What waits for a server: a folder has none, so its last words are given a spool (archive-spool has a real one).
    const stateDirectory = join(folder, '.tradedb');
    const words = readArchiveStatus(stateDirectory, databaseIdOf('trading.db'));
    if (words === undefined) throw new Error('the archiver left no status');
    writeArchiveStatus(archiveStatusPath(stateDirectory, databaseIdOf('trading.db')), { ...words, spoolBytes: 4096 });
    await moves.untilMoved(['archive_spool_bytes']);

    // The file goes, an index that is none stays behind, another file comes.
    db.close();
    renameSync(path, `${path}.away`);
    await moves.untilMoved(['database_present']);
    renameSync(`${path}.away`, path);
    writeFileSync(`${path}-shm`, Buffer.alloc(32_768));
    await moves.untilMoved(['torn_reads_total']);
    rmSync(`${path}-shm`);
    copyFileSync(path, `${path}.copy`);
    renameSync(`${path}.copy`, path);
    await moves.untilMoved(['generation_changes_total']);

    // The minute is over by now, or soon: health runs again.
    await moves.untilMoved(['job_runs_total', 'job_last_success_timestamp_seconds', 'page_cache_bytes']);
    expect(moves.unmoved()).toEqual([]);
  },
  240_000,
);

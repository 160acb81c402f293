import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Repository } from '../../src/core/backup/repository/repository.ts';
import { type Archived, type ArchiveRun, runArchive } from '../../src/core/backup/wal-archive/archive-loop.ts';
import type { ArchiveEvent } from '../../src/core/backup/wal-archive/archive-request.ts';
import { backUp, openTestRepository, testDatabaseId } from './backup-requests.ts';
import { testContext } from './context.ts';

export interface RunningArchive {
  readonly events: readonly ArchiveEvent[];
  /** What becomes of it. */
  readonly ended: Promise<Archived>;
  /** Ends it as SIGTERM does, and gives its totals. */
  stop(): Promise<Archived>;
}

/** A run of the archiver of `<folder>/a.db` that lasts until it is ended. */
export function archiveRun(folder: string, repository: Repository, parts: Partial<ArchiveRun> = {}): ArchiveRun {
  return {
    database: join(folder, 'a.db'),
    connect: async () => repository,
    databaseId: testDatabaseId,
    makeBase: async () => (await backUp(folder, { type: 'auto' })).manifest,
    segmentIntervalMs: 100,
    segmentBytes: 8 * 1024 * 1024,
    checkpointFrames: 600,
    maxWalBytes: 256 * 1024 * 1024,
    busyTimeoutMs: 5000,
    forMs: null,
    owner: { pid: process.pid, hostname: 'test' },
    onEvent: () => {},
    ...parts,
  };
}

/** Starts the archiver of `<folder>/a.db` and waits until it records. */
export async function startArchive(folder: string, parts: Partial<ArchiveRun> = {}): Promise<RunningArchive> {
  const abort = new AbortController();
  const events: ArchiveEvent[] = [];
  const repository = await openTestRepository(join(folder, 'backups'));
  const run = runArchive(
    archiveRun(folder, repository, { onEvent: (event) => events.push(event), ...parts }),
    testContext({ signal: abort.signal }),
  );
  run.catch(() => {});
  while (!events.some((event) => event.event === 'started')) {
    await Promise.race([run, sleep(10)]);
  }
  return {
    events,
    ended: run,
    stop: () => {
      abort.abort();
      return run;
    },
  };
}

export interface NotedCommit {
  readonly tx: number;
  readonly hash: string;
  /** Milliseconds since 1970 UTC, behind the commit. */
  readonly time: number;
}

export interface WriterOptions {
  readonly commits: number;
  readonly pauseMs?: number;
  readonly seed?: number;
  readonly chaos?: boolean;
}

/** Lets another process make commits, and gives the hash of the database after each. */
export async function writeCommits(folder: string, options: WriterOptions): Promise<readonly NotedCommit[]> {
  const script = fileURLToPath(new URL('./hashing-writer.mjs', import.meta.url));
  const log = join(folder, 'commits.log');
  const before = existsSync(log) ? readLog(log).length : 0;
  const { commits, pauseMs = 0, seed = 1, chaos = false } = options;
  const args = [script, join(folder, 'a.db'), log, commits, pauseMs, seed, chaos ? 1 : 0].map(String);
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`the writer ended with ${code}`);
  return readLog(log).slice(before);
}

function readLog(path: string): NotedCommit[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [tx, hash = '', time] = line.split(' ');
      return { tx: Number(tx), hash, time: Number(time) };
    });
}

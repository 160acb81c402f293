import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BackupArchiveData } from '../../src/commands/backup/archive.ts';
import type { BackupListData } from '../../src/commands/backup/list.ts';
import { databaseIdOf } from '../../src/core/backup/repository/object-name.ts';
import { readArchiveStatus } from '../../src/core/backup/wal-archive/status-file.ts';
import { type NotedCommit, writeCommits } from '../support/archive-runs.ts';
import { type CliResult, parseError, parseReport, tradedb } from '../support/cli.ts';
import { createCountingDatabase } from '../support/counting-database.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { requireInCi } from '../support/server-process.ts';
import { type SftpServer, sftpMissing, startSftp } from '../support/sftp-server.ts';
import { type SwiftServer, startSwift, swiftMissing } from '../support/swift-server.ts';

/** A server that can be out of reach for a while. */
interface Server {
  readonly repository: object;
  readonly env?: Readonly<Record<string, string>>;
  goDown(): Promise<void>;
  comeBack(): Promise<void>;
}

interface Running {
  readonly result: Promise<CliResult>;
  /** Waits for an event; fails when the archiver ends first. */
  event(name: string): Promise<void>;
  saw(name: string): boolean;
  /** Events before this do not count any more. */
  mark(): void;
  kill(signal: NodeJS.Signals): Promise<CliResult>;
}

const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

class Desk {
  readonly folder = mkdtempSync(join(tmpdir(), 'tradedb-spool '));
  readonly database = join(this.folder, 'a.db');
  readonly #server: Server;

  constructor(server: Server, archive: object = {}) {
    this.#server = server;
    createCountingDatabase(this.database, { rows: 300 });
    const backup = {
      repositories: { away: server.repository },
      leases: { settle: '200ms', expiry: '10s' },
      archive: { segmentInterval: '100ms', ...archive },
    };
    writeFileSync(join(this.folder, 'tradedb.config.json'), JSON.stringify({ database: { path: 'a.db' }, backup }));
  }

  run(...words: string[]): Promise<CliResult> {
    return tradedb([...words, '--json'], { cwd: this.folder, env: this.#server.env ?? {} });
  }

  status() {
    return readArchiveStatus(join(this.folder, '.tradedb'), databaseIdOf('a.db'));
  }

  archive(...args: string[]): Running {
    let text = '';
    let marked = 0;
    let ended = false;
    let kill = (_: NodeJS.Signals): void => {};
    const result = tradedb(['backup', 'archive', '-f', 'ndjson', ...args], {
      cwd: this.folder,
      env: this.#server.env ?? {},
      onStart: (child) => {
        kill = (signal) => void child.kill(signal);
        child.stdout?.on('data', (more: string) => {
          text += more;
        });
      },
    }).finally(() => {
      ended = true;
    });
    const saw = (name: string): boolean => {
      if (text.includes(`"event":"${name}"`, marked)) return true;
      if (ended) throw new Error(`the archiver ended before ${name}`);
      return false;
    };
    return {
      result,
      saw,
      event: async (name) => {
        while (!saw(name)) await sleep(20);
      },
      mark: () => {
        marked = text.length;
      },
      kill: (signal) => {
        kill(signal);
        return result;
      },
    };
  }

  async expectRestored(tx: number | 'latest', commit: NotedCommit | undefined): Promise<void> {
    const target = join(this.folder, 'restored.db');
    const to = tx === 'latest' ? [] : ['--to-tx', String(tx)];
    const restored = await this.run('restore', 'run', ...to, '--target', target, '--check', 'none');
    expect(restored.code, restored.stderr).toBe(0);
    expect(hashOf(target), `commit ${tx}`).toBe(commit?.hash);
    rmSync(target);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function lastReport(result: CliResult): BackupArchiveData {
  return (JSON.parse(result.stdout.trimEnd().split('\n').at(-1) ?? '') as { data: BackupArchiveData }).data;
}

/** What every kind of server promises. */
function outagesAreSurvived(server: () => Server): void {
  afterEach(() => server().comeBack());

  it('goes on through an outage, kill -9 and a start without the server, and drains in order', async () => {
    const desk = new Desk(server());
    const first = desk.archive();
    await first.event('started');
    const commits = [...(await writeCommits(desk.folder, { commits: 20 }))];
    await first.event('durable');

    await server().goDown();
    first.mark();
    commits.push(...(await writeCommits(desk.folder, { commits: 150, seed: 2 })));
    await first.event('unreachable');
    // The WAL begins anew all the same: what is in the spool is not needed there any more.
    await first.event('checkpoint');
    await expect.poll(() => desk.status()?.spoolBytes, { timeout: 30_000 }).toBeGreaterThan(0);
    await expect.poll(() => desk.status()?.problem, { timeout: 30_000 }).toMatch(/cannot be reached|503/);
    await first.kill('SIGKILL');

    // The next one cannot ask the server where the archive ends: the spool knows.
    const second = desk.archive();
    await second.event('started');
    commits.push(...(await writeCommits(desk.folder, { commits: 60, seed: 3, chaos: true })));
    await second.event('segment');
    const stopped = await second.kill('SIGTERM');
    expect(stopped.code, stopped.stderr).toBe(143);
    const left = lastReport(stopped);
    expect(left).toMatchObject({ gaps: [], tx: commits.length });
    expect(left.spoolSegments).toBeGreaterThan(1);
    expect(stopped.stdout).toContain('"archive.spooled"');
    expect(desk.status()).toMatchObject({ running: false, spoolBytes: left.spoolBytes });

    await server().comeBack();
    const third = desk.archive();
    await third.event('started');
    commits.push(...(await writeCommits(desk.folder, { commits: 10, seed: 4 })));
    const done = await third.kill('SIGTERM');
    expect(done.code, done.stderr).toBe(143);
    expect(lastReport(done)).toMatchObject({ gaps: [], tx: commits.length, spoolSegments: 0, spoolBytes: 0 });
    expect(desk.status()).toMatchObject({ spoolBytes: 0, problem: null });

    const listed = parseReport<BackupListData>(await desk.run('backup', 'list')).data;
    expect(listed.gaps).toEqual([]);
    expect(listed.windows).toMatchObject([{ fromTx: 0, toTx: commits.length }]);
    const verified = await desk.run('backup', 'verify', '--level', '3');
    expect(verified.code, verified.stdout).toBe(0);
    await desk.expectRestored('latest', commits.at(-1));
    for (const tx of [20, 21, 133, commits.length - 15]) await desk.expectRestored(tx, commits[tx - 1]);
    desk.remove();
  }, 240_000);
}

const sftpGone = sftpMissing();
describe.skipIf(!requireInCi(sftpGone))(`archiving to SFTP${sftpGone === undefined ? '' : ` (${sftpGone})`}`, () => {
  let sftp: SftpServer;
  let desks = 0;
  beforeAll(async () => {
    sftp = await startSftp();
  }, 60_000);
  afterAll(() => sftp?.stop());
  const server = (): Server => {
    const { host, port, user, knownHostsFile, privateKeyFile, folder, goDown, comeBack } = sftp;
    const path = join(folder, `desk ${desks++}`);
    return { repository: { kind: 'sftp', host, port, user, knownHostsFile, privateKeyFile, path }, goDown, comeBack };
  };
  outagesAreSurvived(server);

  it('a full spool lets the application go first, names the gap, and begins anew when the server is back', async () => {
    const desk = new Desk(server(), { spoolMax: '64KiB', maxWal: '2MiB', segmentSize: '256KiB' });
    const archive = desk.archive();
    await archive.event('started');
    const before = [...(await writeCommits(desk.folder, { commits: 10 }))];
    await archive.event('durable');
    await sftp.goDown();
    // However late the archiver sees them: it is the growth of the WAL behind the full spool that counts.
    const during: NotedCommit[] = [];
    while (!archive.saw('paused')) {
      during.push(...(await writeCommits(desk.folder, { commits: 50, seed: 5 + during.length })));
    }
    await archive.event('spool_full');
    await expect.poll(() => desk.status()?.problem, { timeout: 30_000 }).toContain('the spool of the archive is full');
    expect(desk.status()?.spoolBytes).toBeLessThanOrEqual(64 * 1024);
    // Nothing holds the WAL any more: whoever writes next begins it anew.
    await writeCommits(desk.folder, { commits: 5, seed: 6, chaos: true });
    archive.mark();
    await sftp.comeBack();
    await archive.event('gap');
    await archive.event('started');
    const after = await writeCommits(desk.folder, { commits: 10, seed: 7 });
    const stopped = await archive.kill('SIGTERM');
    expect(stopped.code, stopped.stderr).toBe(143);
    const report = lastReport(stopped);
    expect(report.gaps).toHaveLength(1);
    expect(report.gaps[0]?.reason).toContain('the spool of the archive is full');
    expect(report).toMatchObject({ tx: 10, spoolSegments: 0 });

    const list = await desk.run('backup', 'list');
    expect(list.code).toBe(3);
    const [old] = parseReport<BackupListData>(list).data.windows;
    const all = [...before, ...during];
    expect(old?.toTx).toBeGreaterThanOrEqual(before.length);
    expect(old?.toTx).toBeLessThan(all.length);
    await desk.expectRestored('latest', after.at(-1));
    const inside = new Date(during.at(-1)!.time).toISOString();
    const refused = await desk.run('restore', 'run', '--to-time', inside, '--target', 'x.db');
    expect(refused.code).not.toBe(0);
    expect(parseError(refused).message).toContain('what happened between');
    const target = join(desk.folder, 'old.db');
    const to = `${old?.toTx}@${old?.epoch}`;
    const restored = await desk.run('restore', 'run', '--to-tx', to, '--target', target, '--check', 'none');
    expect(restored.code, restored.stderr).toBe(0);
    expect(hashOf(target)).toBe(all[(old?.toTx ?? 0) - 1]?.hash);
    expect((await desk.run('backup', 'verify', '--level', '3')).code).toBe(0);
    desk.remove();
  }, 240_000);

  it('without the server a first start says so, and what waits for another archive is not sent', async () => {
    const desk = new Desk(server());
    await sftp.goDown();
    const alone = await desk.archive('--for', '1s').result;
    expect(alone.code).toBe(1);
    expect(alone.stderr).toContain('cannot be reached');
    await sftp.comeBack();

    const archive = desk.archive();
    await archive.event('started');
    await writeCommits(desk.folder, { commits: 5 });
    await archive.event('durable');
    await sftp.goDown();
    await writeCommits(desk.folder, { commits: 5, seed: 2 });
    await archive.event('unreachable');
    await archive.kill('SIGTERM');
    await sftp.comeBack();
    // Another archiver of the same database, with a state directory of its own, goes on where the repository ends.
    const other = await tradedb(['backup', 'archive', '--for', '300ms', '--json'], {
      cwd: desk.folder,
      env: { TRADEDB_STATE_DIRECTORY: join(desk.folder, 'other') },
    });
    expect(parseReport<BackupArchiveData>(other).data).toMatchObject({ tx: 10, gaps: [] });
    const again = desk.archive();
    await again.event('started');
    const commits = await writeCommits(desk.folder, { commits: 5, seed: 3 });
    const stopped = lastReport(await again.kill('SIGTERM'));
    expect(stopped.spoolSegments).toBe(0);
    const list = parseReport<BackupListData>(await desk.run('backup', 'list')).data;
    expect(list.windows.reduce((sum, { toTx }) => sum + toTx, 0)).toBe(15);
    expect((await desk.run('backup', 'verify', '--level', '3')).code).toBe(0);
    await desk.expectRestored('latest', commits.at(-1));
    desk.remove();
  }, 240_000);

  it('an incremental backup is made of the archive here too, also when the WAL is empty', async () => {
    const desk = new Desk(server());
    const archive = desk.archive();
    await archive.event('started');
    await writeCommits(desk.folder, { commits: 30, chaos: true });
    await archive.event('durable');
    const made = parseReport<{ method: string }>(await desk.run('backup', 'create')).data;
    expect(made.method).toBe('wal');
    // The last connection of the application is gone, and a checkpoint has emptied the WAL.
    const { default: Database } = await import('better-sqlite3');
    await expect
      .poll(
        () => {
          const db = new Database(desk.database);
          db.pragma('busy_timeout = 100');
          db.pragma('wal_checkpoint(TRUNCATE)');
          db.close();
          return statSync(`${desk.database}-wal`).size;
        },
        { timeout: 60_000 },
      )
      .toBe(0);
    const empty = parseReport<{ method: string; backup: { id: string } }>(await desk.run('backup', 'create')).data;
    expect(empty.method).toBe('wal');
    await archive.kill('SIGTERM');
    const target = join(desk.folder, 'restored.db');
    const restored = await desk.run('restore', 'run', '--backup', empty.backup.id, '--target', target);
    expect(restored.code, restored.stderr).toBe(0);
    expect(hashOf(target)).toBe(hashOf(desk.database));
    desk.remove();
  }, 240_000);
});

const swiftGone = swiftMissing();
describe.skipIf(!requireInCi(swiftGone))(`archiving to S3${swiftGone === undefined ? '' : ` (${swiftGone})`}`, () => {
  let swift: SwiftServer;
  let proxy: FaultProxy;
  let isDown = false;
  beforeAll(async () => {
    swift = await startSwift();
    await swift.createBucket('tradedb-spool');
    proxy = await startFaultProxy(swift);
    proxy.fail({ kind: 'status', status: 503 }, Number.POSITIVE_INFINITY, () => isDown);
  }, 120_000);
  afterAll(async () => {
    await proxy?.stop();
    await swift?.stop();
  });
  outagesAreSurvived(() => ({
    repository: { kind: 's3', endpoint: proxy.endpoint, bucket: 'tradedb-spool' },
    env: { TRADEDB_S3_ACCESS_KEY_ID: swift.accessKeyId, TRADEDB_S3_SECRET_ACCESS_KEY: swift.secretAccessKey },
    goDown: async () => {
      isDown = true;
    },
    comeBack: async () => {
      isDown = false;
    },
  }));
});

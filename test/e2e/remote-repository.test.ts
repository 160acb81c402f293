import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackupCreateData } from '../../src/commands/backup/create.ts';
import type { BackupListData } from '../../src/commands/backup/list.ts';
import type { BackupMarkData } from '../../src/commands/backup/mark.ts';
import type { BackupPruneData } from '../../src/commands/backup/prune.ts';
import type { BackupVerifyData } from '../../src/commands/backup/verify.ts';
import type { RestoreDrillData } from '../../src/commands/restore/drill.ts';
import type { RestoreRunData } from '../../src/commands/restore/run.ts';
import { type CliResult, parseError, parseReport, tradedb } from '../support/cli.ts';
import {
  createCountingDatabase,
  expectCommittedState,
  startWriter,
  stopProcess,
} from '../support/counting-database.ts';
import { requireInCi } from '../support/server-process.ts';
import { type SftpServer, sftpMissing, startSftp } from '../support/sftp-server.ts';
import { type SwiftServer, startSwift, swiftMissing } from '../support/swift-server.ts';

const secret = 'testing';

/** Every command of backup and restore on a repository of a server. */
function commandsWork(settings: () => { repository: object; env?: Readonly<Record<string, string>> }): void {
  let folder = '';
  let database = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tradedb-remote '));
    database = join(folder, 'a.db');
    createCountingDatabase(database, { rows: 500 });
    const backup = {
      repositories: { away: settings().repository },
      leases: { settle: '500ms' },
      retention: { keepLast: 1, daily: 0, weekly: 0, monthly: 0, minimumRedundancy: 1, recoveryWindow: '0s' },
    };
    writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify({ database: { path: 'a.db' }, backup }));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = async (words: string, code = 0): Promise<CliResult> => {
    const result = await tradedb([...words.split(' '), '--json'], { cwd: folder, env: settings().env ?? {} });
    expect(result.code, `${words}: ${result.stderr}`).toBe(code);
    expect(result.stdout + result.stderr).not.toContain(`"${secret}"`);
    return result;
  };

  it('plans without writing, backs up, lists, shows, verifies, prunes, restores and drills', async () => {
    const planned = parseReport<BackupCreateData>(await run('backup create --dry-run')).data;
    expect(planned.plan).toMatchObject({ newRepository: true, freeBytes: null });
    expect(parseError(await run('backup list', 10)).code).toBe('backup_not_found');

    const first = parseReport<BackupCreateData>(await run('backup create --label first')).data;
    expect(first.backup?.type).toBe('full');
    await startWriter(database, 20);
    const second = parseReport<BackupCreateData>(await run('backup create')).data;
    expect(second.backup).toMatchObject({ type: 'incremental', parentId: first.backup?.id });

    const list = parseReport<BackupListData>(await run('backup list')).data;
    expect(list.points).toHaveLength(2);
    expect(list.repository).toMatchObject({ name: 'away', kind: first.repository.kind });
    await run(`backup show ${first.backup?.id}`);
    const verified = parseReport<BackupVerifyData>(await run('backup verify --level 4')).data;
    expect(verified.problems).toEqual([]);
    expect(verified.restored.map(({ passed }) => passed)).toEqual([true, true]);

    const drill = parseReport<RestoreDrillData>(await run('restore drill')).data;
    expect(drill.problems).toEqual([]);
    const restored = parseReport<RestoreRunData>(await run('restore run --target back.db')).data;
    expect(restored.target.backup).toBe(second.backup?.id);
    expectCommittedState(join(folder, 'back.db'));

    await run('backup create --type full');
    // Nobody has read the new one yet: the old one is the only backup that is known to be whole.
    const held = parseReport<BackupPruneData>(await run('backup prune --grace 0s --dry-run', 3)).data;
    expect(held.heldBack).toEqual([{ id: first.backup?.id, reason: 'minimum redundancy' }]);
    await run('backup verify --level 2');
    const marked = parseReport<BackupPruneData>(await run('backup prune --grace 0s --yes')).data;
    expect(marked.tombstoned).toHaveLength(2);
    const pruned = parseReport<BackupPruneData>(await run('backup prune --grace 0s --yes')).data;
    expect(pruned.deleted).toHaveLength(2);
    expect(parseReport<BackupListData>(await run('backup list')).data.points).toHaveLength(1);
  }, 180_000);

  it('archives commits, marks one and restores it', async () => {
    let started = (): void => {};
    const running = new Promise<void>((resolve) => {
      started = resolve;
    });
    let stop = (): void => {};
    const archiving = tradedb(['backup', 'archive', '--segment-interval', '300ms', '-f', 'ndjson'], {
      cwd: folder,
      env: settings().env ?? {},
      onStart: (child) => {
        stop = () => void child.kill('SIGTERM');
        child.stdout?.on('data', (text: string) => {
          if (text.includes('"started"')) started();
        });
      },
    });
    await Promise.race([running, archiving]);
    const writer = await startWriter(database, 50);
    const mark = parseReport<BackupMarkData>(await run('backup mark five --wait 20s')).data.mark;
    await stopProcess(writer);
    stop();
    const archived = await archiving;
    expect(archived.code, archived.stderr).toBe(143);
    expect(mark.tx).toBeGreaterThan(0);
    const restored = parseReport<RestoreRunData>(await run('restore run --to-mark five --target marked.db')).data;
    expect(restored.target.tx).toBe(mark.tx);
    expectCommittedState(join(folder, 'marked.db'));
    await run('backup verify --level 3');
  }, 180_000);

  it('is whole after kills in the middle, and the next backup works at once', async () => {
    for (const ms of [400, 700, 1000]) {
      await tradedb(['backup', 'create', '--type', 'full', '--codec', 'none'], {
        cwd: folder,
        env: settings().env ?? {},
        onStart: (child) => setTimeout(() => child.kill('SIGKILL'), ms),
      });
    }
    await run('backup create --type full');
    expect(parseReport<BackupVerifyData>(await run('backup verify --level 3')).data.problems).toEqual([]);
  }, 180_000);

  it('lets one of two backups at the same time through', async () => {
    const results = await Promise.all(
      ['s1', 's2'].map((state) =>
        tradedb(['backup', 'create', '--json'], {
          cwd: folder,
          env: { ...settings().env, TRADEDB_STATE_DIRECTORY: join(folder, state) },
        }),
      ),
    );
    const codes = results.map(({ code }) => code).sort();
    expect([[0, 0].join(), [0, 11].join()], results.map(({ stderr }) => stderr).join()).toContain(codes.join());
    await run('backup verify --level 2');
  }, 120_000);
}

const sftpGone = sftpMissing();
describe.skipIf(!requireInCi(sftpGone))(`SFTP repository${sftpGone === undefined ? '' : ` (${sftpGone})`}`, () => {
  let server: SftpServer;
  beforeAll(async () => {
    server = await startSftp();
  }, 60_000);
  afterAll(() => server?.stop());
  commandsWork(() => {
    const { host, port, user, knownHostsFile, privateKeyFile, folder } = server;
    const path = join(folder, 'backups of a');
    return { repository: { kind: 'sftp', host, port, user, knownHostsFile, privateKeyFile, path } };
  });

  it('takes an address, and refuses one with a password', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tradedb-address-'));
    createCountingDatabase(join(folder, 'a.db'));
    const address = `sftp://${server.user}@127.0.0.1:${server.port}${server.folder}/by-address`;
    const home = join(folder, 'home');
    const ssh = join(home, '.ssh');
    mkdirSync(ssh, { recursive: true });
    copyFileSync(server.knownHostsFile, join(ssh, 'known_hosts'));
    const run = (repository: string) =>
      tradedb(['backup', '-d', 'a.db', '-R', repository, '--json'], {
        cwd: folder,
        env: { HOME: home, SSH_AUTH_SOCK: '' },
      });
    const noKey = await run(address);
    expect(noKey.code, noKey.stderr).toBe(2);
    expect(parseError(noKey).message).toContain('no key to log in');
    const refused = await run('sftp://user:hunter2@127.0.0.1/x');
    expect(refused.code).toBe(2);
    expect(refused.stderr).not.toContain('hunter2');
    rmSync(folder, { recursive: true, force: true });
  });
});

const swiftGone = swiftMissing();
describe.skipIf(!requireInCi(swiftGone))(`S3 repository${swiftGone === undefined ? '' : ` (${swiftGone})`}`, () => {
  let server: SwiftServer;
  beforeAll(async () => {
    server = await startSwift();
    await server.createBucket('tradedb-e2e');
  }, 120_000);
  afterAll(() => server?.stop());
  commandsWork(() => ({
    repository: { kind: 's3', endpoint: server.endpoint, bucket: 'tradedb-e2e', prefix: 'desk 1/a' },
    env: { TRADEDB_S3_ACCESS_KEY_ID: server.accessKeyId, TRADEDB_S3_SECRET_ACCESS_KEY: secret },
  }));
});

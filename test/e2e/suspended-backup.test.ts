import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackupCreateData } from '../../src/commands/backup/create.ts';
import type { BackupListData } from '../../src/commands/backup/list.ts';
import { type CliResult, parseError, parseReport, tradedb } from '../support/cli.ts';
import { createCountingDatabase, expectCommittedState } from '../support/counting-database.ts';
import { requireInCi } from '../support/server-process.ts';
import { type SftpServer, sftpMissing, startSftp } from '../support/sftp-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Backups that are suspended at a random moment; raise it for a long run. */
const rounds = Number(process.env.TRADEDB_TEST_SUSPENSIONS ?? 3);

interface Place {
  readonly folder: string;
  readonly repository: object;
  readonly leases: object;
  /** Lets the lease of the suspended backup run out. */
  readonly outlast: () => void;
}

/** A backup is suspended, others go on in its place and clean up, it comes back: all that is listed is whole. */
async function suspendAndGoOn({ folder, repository, leases, outlast }: Place): Promise<void> {
  createCountingDatabase(join(folder, 'a.db'), { rows: 20_000 });
  const backup = { repositories: { main: repository }, leases, retention: { keepLast: 1000, grace: '0s' } };
  writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify({ database: { path: 'a.db' }, backup }));
  const run = (words: string, parts: Parameters<typeof tradedb>[1] = {}): Promise<CliResult> =>
    tradedb([...words.split(' '), '--json'], { cwd: folder, ...parts });
  const other = { env: { TRADEDB_STATE_DIRECTORY: join(folder, 'other') } };
  const made: string[] = [];
  const note = (result: CliResult): void => {
    expect([0, 3], result.stderr).toContain(result.code);
    made.push(parseReport<BackupCreateData>(result).data.backup?.id ?? '');
  };
  const started = performance.now();
  note(await run('backup create --type full'));
  const usualMs = performance.now() - started;
  for (let round = 0; round < rounds; round++) {
    let suspended: import('node:child_process').ChildProcess | undefined;
    const first = run('backup create --type full --codec zstd:9', { onStart: (child) => (suspended = child) });
    await sleep(usualMs * ((round + 1) / (rounds + 0.5)));
    suspended?.kill('SIGSTOP');
    outlast();
    note(await run('backup create --type full --wait-lock 90s', other));
    for (let time = 0; time < 2; time++) {
      const pruned = await run('backup prune --yes --grace 0s', other);
      expect([0, 3], pruned.stderr).toContain(pruned.code);
    }
    suspended?.kill('SIGCONT');
    const result = await first;
    if (result.code === 11) expect(parseError(result).code).toBe('lease_lost');
    else note(result);
  }
  const list = parseReport<BackupListData>(await run('backup list')).data;
  expect(list.points.map(({ id }) => id).sort()).toEqual([...made].sort());
  const verified = await run('backup verify --level 3');
  expect(verified.code, verified.stdout).toBe(0);
  expect((await run(`restore --backup ${made.at(-1)} --target b.db`)).code).toBe(0);
  expect(expectCommittedState(join(folder, 'b.db'))).toBe(20_000);
}

describe('a backup that is suspended (SIGSTOP) past the end of its lease', () => {
  it('leaves no broken backup in a folder, as if another machine had gone on', async () => {
    const folder = temporaryFolder();
    const leases = join(folder, 'backups', 'leases');
    await suspendAndGoOn({
      folder,
      repository: { kind: 'folder', path: 'backups' },
      leases: {},
      outlast: () => {
        // A process of this machine is known to live, however long it is suspended.
        for (const name of existsSync(leases) ? readdirSync(leases) : []) {
          if (!name.endsWith('.json')) continue;
          const holder = JSON.parse(readFileSync(join(leases, name), 'utf8'));
          const foreign = { ...holder, bootId: 'another', hostname: 'there', expiresAt: 1 };
          writeFileSync(join(leases, name), JSON.stringify(foreign));
        }
      },
    });
  }, 180_000);
});

const sftpGone = sftpMissing();
describe.skipIf(!requireInCi(sftpGone))(`the same on SFTP${sftpGone === undefined ? '' : ` (${sftpGone})`}`, () => {
  let server: SftpServer;
  beforeAll(async () => {
    server = await startSftp();
  });
  afterAll(() => server.stop());

  it('with a lease that runs out by the clock of the server', async () => {
    const { host, port, user, knownHostsFile, privateKeyFile } = server;
    const repository = {
      kind: 'sftp',
      ...{ host, port, user, knownHostsFile, privateKeyFile },
      path: `${server.folder}/repository`,
    };
    await suspendAndGoOn({
      folder: temporaryFolder(),
      repository,
      leases: { expiry: '3s', settle: '500ms' },
      outlast: () => {},
    });
  }, 240_000);
});

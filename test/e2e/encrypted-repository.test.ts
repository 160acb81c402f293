import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { expect, it } from 'vitest';
import type { BackupCreateData } from '../../src/commands/backup/create.ts';
import type { BackupListData } from '../../src/commands/backup/list.ts';
import type { BackupMarkData } from '../../src/commands/backup/mark.ts';
import type { BackupShowData } from '../../src/commands/backup/show-data.ts';
import type { BackupUpgradeData } from '../../src/commands/backup/upgrade.ts';
import type { BackupVerifyData } from '../../src/commands/backup/verify.ts';
import type { RestoreRunData } from '../../src/commands/restore/run.ts';
import { type CliResult, parseError, parseReport, tradedb } from '../support/cli.ts';
import {
  createCountingDatabase,
  expectCommittedState,
  startWriter,
  stopProcess,
} from '../support/counting-database.ts';
import { copyOfEncryptedFixture, encryptedFixtureIdentity } from '../support/encrypted-fixture.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

it('encrypts, archives, verifies, restores, and does only what needs no key without one', async () => {
  const folder = temporaryFolder(`tradedb e'"%\n-`);
  const identity = await generateIdentity();
  const recipient = await identityToRecipient(identity);
  const passphrase = 'open sesame, said the trader';
  const database = join(folder, 'a.db');
  createCountingDatabase(database, { rows: 800 });
  writeFileSync(join(folder, 'identity.txt'), `# created by hand\n${identity}\n`);
  const configured = (encryption: object): void =>
    writeFileSync(
      join(folder, 'tradedb.config.json'),
      JSON.stringify({ database: { path: 'a.db' }, backup: { encryption } }),
    );
  const run = async (words: string, code = 0, env: Record<string, string> = {}): Promise<CliResult> => {
    const result = await tradedb([...words.split(' '), '--json'], { cwd: folder, env });
    expect(result.code, `${words}: ${result.stderr}`).toBe(code);
    expect(result.stdout + result.stderr).not.toContain(identity);
    expect(result.stdout + result.stderr).not.toContain(passphrase);
    return result;
  };

  configured({ recipients: [recipient], identityFile: 'identity.txt' });
  const first = parseReport<BackupCreateData>(await run('backup create', 3));
  expect(first.data.encryption).toEqual({ cipher: 'aes-256-gcm', keySlots: 1 });
  expect(first.findings.map(({ id }) => id)).toContain('backup.few_keys');
  const planned = parseReport<BackupCreateData>(await run('backup create --dry-run')).data.plan;
  expect(planned).toMatchObject({ type: 'incremental', parentId: first.data.backup?.id });
  const second = await run('backup create', 0, { TRADEDB_BACKUP_PASSPHRASE: passphrase });
  expect(parseReport<BackupCreateData>(second).data).toMatchObject({
    encryption: { keySlots: 2 },
    backup: { type: 'incremental' },
  });
  const text = await tradedb(['backup', 'create'], { cwd: folder });
  expect(text.stdout).toMatch(/aes-256-gcm, 2 key slots/);

  const mark = await whileArchiving(folder, async () => {
    const writer = await startWriter(database, 50);
    const set = parseReport<BackupMarkData>(await run('backup mark here --wait 20s')).data.mark;
    await stopProcess(writer);
    return set;
  });
  const back = parseReport<RestoreRunData>(await run('restore run --to-mark here --target back.db')).data;
  expect(back.target.tx).toBe(mark.tx);
  expectCommittedState(join(folder, 'back.db'));
  expect(parseReport<BackupVerifyData>(await run('backup verify --level 3')).data.problems).toEqual([]);
  await run('restore drill');

  // Without the configuration, on another machine: the passphrase alone, the identity alone, nothing, something wrong.
  configured({});
  const key = { TRADEDB_BACKUP_IDENTITY: 'identity.txt' };
  await run('restore run --target one.db', 0, key);
  await run('restore run --target two.db', 0, { TRADEDB_BACKUP_IDENTITY: identity });
  await run('restore run --target three.db', 0, { TRADEDB_BACKUP_PASSPHRASE: passphrase });
  expect(Buffer.compare(readFileSync(join(folder, 'one.db')), readFileSync(join(folder, 'three.db')))).toBe(0);
  const list = parseReport<BackupListData>(await run('backup list')).data;
  const open = parseReport<BackupListData>(await run('backup list', 0, key)).data;
  expect(list.points.map(({ id }) => id)).toEqual(open.points.map(({ id }) => id));
  expect(list.windows.map(({ toTx }) => toTx)).toEqual(open.windows.map(({ toTx }) => toTx));
  const show = parseReport<BackupShowData>(await run(`backup show ${first.data.backup?.id}`)).data;
  expect(show.manifest?.position).toBeNull();
  expect(parseReport<BackupVerifyData>(await run('backup verify --level 2')).data.problems).toEqual([]);
  await run('backup prune --dry-run', 0);
  for (const words of [
    'backup prune --yes',
    'restore run --target no.db',
    'backup create',
    'restore drill',
    'backup verify --level 3',
  ]) {
    const refused = parseError(await run(words, 2));
    expect(refused).toMatchObject({ code: 'key_required', hint: expect.stringContaining('TRADEDB_BACKUP_IDENTITY') });
  }
  const wrong = parseError(await run('restore run --target no.db', 2, { TRADEDB_BACKUP_PASSPHRASE: 'wrong' }));
  expect(wrong.code).toBe('key_rejected');
  expect(readdirSync(folder)).not.toContain('no.db');
}, 240_000);

it('notices damage to archived segments with and without the key', async () => {
  const folder = temporaryFolder();
  const database = join(folder, 'a.db');
  createCountingDatabase(database, { rows: 100 });
  const env = { TRADEDB_BACKUP_PASSPHRASE: 'a passphrase of six words here' };
  await whileArchiving(
    folder,
    async () => {
      const writer = await startWriter(database, 50);
      await new Promise((resolve) => setTimeout(resolve, 800));
      await stopProcess(writer);
    },
    env,
  );
  const segments = readdirSync(join(folder, 'backups'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.wseg'),
  );
  expect(segments.length).toBeGreaterThan(0);
  const file = join(folder, 'backups', segments[0] ?? '');
  const bytes = readFileSync(file);
  expect(bytes.subarray(0, 8).toString()).toBe('TDBSEAL1');
  bytes[200] = (bytes[200] ?? 0) ^ 4;
  writeFileSync(file, bytes);
  for (const given of [{}, env]) {
    const args = ['backup', 'verify', '-d', 'a.db', '--level', '2', '--json'];
    const result = await tradedb(args, { cwd: folder, env: given });
    expect(result.code, result.stderr).toBe(12);
    expect(parseReport<BackupVerifyData>(result).data.problems[0]?.key).toBe(segments[0]);
  }
}, 120_000);

it('upgrades a repository of an older release, and says which record somebody changed', async () => {
  const folder = copyOfEncryptedFixture();
  const env = { TRADEDB_BACKUP_IDENTITY: encryptedFixtureIdentity };
  const run = async (words: string, code: number): Promise<CliResult> => {
    const result = await tradedb([...words.split(' '), '--all', '--json'], { cwd: folder, env });
    expect(result.code, `${words}: ${result.stderr}`).toBe(code);
    return result;
  };
  const upgrade = async (...words: string[]): Promise<BackupUpgradeData> => {
    const result = await tradedb(['backup', 'upgrade', ...words, '--json'], { cwd: folder, env });
    expect(result.code, result.stderr).toBe(0);
    return parseReport<BackupUpgradeData>(result).data;
  };
  const before = parseReport<BackupVerifyData>(await run('backup verify', 0));
  expect(before.findings.map(({ id }) => id)).toEqual(['backup.no_record_macs']);
  expect(await upgrade('--dry-run')).toMatchObject({ dryRun: true, added: ['record-macs'], records: 4 });
  const refused = await tradedb(['backup', 'upgrade', '--json'], { cwd: folder, env });
  expect(parseError(refused)).toMatchObject({ code: 'usage', hint: expect.stringContaining('--yes') });
  expect(await upgrade('--yes')).toMatchObject({ dryRun: false, added: ['record-macs'], records: 4 });
  expect(await upgrade('--yes')).toMatchObject({ added: [], records: 0 });
  const text = await tradedb(['backup', 'upgrade'], { cwd: folder, env });
  expect(text.stdout).toMatch(/nothing to do/);
  expect(parseReport(await run('backup verify', 0)).findings).toEqual([]);
  expect(parseReport<BackupListData>(await run('backup list', 0)).data.marks.map(({ name }) => name)).toEqual(['here']);

  const [mark = ''] = readdirSync(join(folder, 'backups'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.includes('/marks/here-'),
  );
  const forged = readFileSync(join(folder, 'backups', mark), 'utf8').replace('"tx":3', '"tx":4');
  writeFileSync(join(folder, 'backups', mark), forged);
  const list = parseReport<BackupListData>(await run('backup list', 3));
  expect(list.data.marks).toEqual([]);
  expect(list.findings).toMatchObject([{ id: 'backup.record_damaged', subject: mark }]);
  expect(parseError(await run('backup prune --yes', 12)).message).toMatch(/nothing was removed/);
  expect(parseReport<BackupVerifyData>(await run('backup verify', 12)).data.problems[0]?.key).toBe(mark);
}, 120_000);

async function whileArchiving<T>(
  folder: string,
  work: () => Promise<T>,
  env: Readonly<Record<string, string>> = {},
): Promise<T> {
  let started = (): void => {};
  const running = new Promise<void>((resolve) => {
    started = resolve;
  });
  let stop = (): void => {};
  const args = ['backup', 'archive', '-d', 'a.db', '--segment-interval', '200ms', '-f', 'ndjson'];
  const archiving = tradedb(args, {
    cwd: folder,
    env,
    onStart: (child) => {
      stop = () => void child.kill('SIGTERM');
      child.stdout?.on('data', (chunk: string) => {
        if (chunk.includes('"started"')) started();
      });
    },
  });
  await Promise.race([running, archiving]);
  const result = await work();
  stop();
  const ended = await archiving;
  expect(ended.code, ended.stderr).toBe(143);
  return result;
}

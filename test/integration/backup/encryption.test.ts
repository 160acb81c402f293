import { createDecipheriv, createHash, hkdfSync } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { describe, expect, it, vi } from 'vitest';
import { Repository } from '../../../src/core/backup/repository/repository.ts';
import { LocalFolder } from '../../../src/core/storage/local-folder.ts';
import { backUp, restoreTo, testDatabaseId } from '../../support/backup-requests.ts';
import { testPorts } from '../../support/context.ts';
import { createCountingDatabase, expectCommittedState } from '../../support/counting-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { type Secrets, testKeyring } from '../../support/test-keyring.ts';
import { verifyAll } from '../../support/verify-all.ts';

const [alice, bob] = await Promise.all(
  [1, 2].map(async () => {
    const identity = await generateIdentity();
    return { identity, recipient: await identityToRecipient(identity) };
  }),
);
if (alice === undefined || bob === undefined) throw new Error('no identities');

let writers = 0;

function make(folder: string, secrets: Secrets): Promise<Repository> {
  const owner = { pid: process.pid, hostname: 'test' };
  const storage = new LocalFolder(join(folder, 'backups'), `w${writers++}`);
  return Repository.openOrCreate(storage, 'main', { ...testPorts, owner, keyring: testKeyring(folder, secrets) });
}

function open(folder: string, secrets: Secrets = {}): Promise<Repository> {
  const storage = new LocalFolder(join(folder, 'backups'), `w${writers++}`);
  return Repository.open(storage, 'main', { random: testPorts.random, keyring: testKeyring(folder, secrets) });
}

const onlyAlice = { recipients: [alice.recipient], identity: alice.identity };

async function withBackup(secrets: Secrets = onlyAlice): Promise<string> {
  const folder = temporaryFolder();
  createCountingDatabase(join(folder, 'a.db'));
  await backUp(folder, { repository: await make(folder, secrets), workers: 1 });
  return folder;
}

function objects(folder: string, extension = ''): string[] {
  return readdirSync(join(folder, 'backups'), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, 'backups', name))
    .filter((path) => path.endsWith(extension) && statSync(path).isFile() && !path.includes('leases'));
}

// Stretching a passphrase takes seconds, and many times as long while coverage is measured.
vi.setConfig({ testTimeout: 300_000 });

describe('an encrypted repository', () => {
  it('gives back what went in, and holds nothing of it in the clear', async () => {
    const folder = await withBackup();
    const repository = await open(folder, { identity: alice.identity });
    await backUp(folder, { repository: await make(folder, onlyAlice), type: 'incremental' });
    await restoreTo(folder, join(folder, 'back.db'), { repository });
    expectCommittedState(join(folder, 'back.db'));
    expect(Buffer.compare(readFileSync(join(folder, 'back.db')), readFileSync(join(folder, 'a.db')))).toBe(0);

    const { points } = await repository.points(testDatabaseId);
    const secrets = ['SQLite format 3', 'CREATE TABLE', points[0]?.digest ?? '', 'TDBPACK1', 'TDBPAGE1'];
    for (const file of objects(folder)) {
      const text = readFileSync(file).toString('latin1');
      for (const secret of secrets) expect(text.includes(secret), `${file} holds ${secret}`).toBe(false);
    }
    expect(
      readdirSync(join(folder, 'state', 'spool'), { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.endsWith('.pack'),
      ),
    ).toEqual([]);
  });

  it('opens with either of two recipients and with the passphrase, and with nobody else', async () => {
    const folder = await withBackup({
      recipients: [alice.recipient, bob.recipient],
      identity: alice.identity,
      passphrase: 'correct horse',
    });
    for (const secrets of [{ identity: alice.identity }, { identity: bob.identity }, { passphrase: 'correct horse' }]) {
      const repository = await open(folder, secrets);
      expect(repository.encryption).toEqual({ cipher: 'aes-256-gcm', keySlots: 3 });
      expect(await verifyAll(repository, 3)).toEqual([]);
    }
    const stranger = await generateIdentity();
    for (const secrets of [{ identity: stranger }, { passphrase: 'wrong horse' }]) {
      await expect(open(folder, secrets)).rejects.toMatchObject({
        code: 'key_rejected',
        message: expect.stringContaining('none of the 3 key slots'),
      });
    }
    await expect(open(folder, { identity: 'AGE-SECRET-KEY-1BROKEN' })).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.not.stringContaining('BROKEN'),
    });
  });

  it('lists, and verifies the stored bytes without a key, and says what needs one', async () => {
    const folder = await withBackup();
    const locked = await open(folder);
    expect(locked.isLocked).toBe(true);
    const { points } = await locked.points(testDatabaseId);
    expect(points).toHaveLength(1);
    expect(points[0]).toMatchObject({ position: null, database: { label: 'test' } });
    expect(await verifyAll(locked, 2)).toEqual([]);
    await expect(restoreTo(folder, join(folder, 'x.db'), { repository: locked })).rejects.toMatchObject({
      code: 'key_required',
    });
    expect(existsSync(join(folder, 'x.db'))).toBe(false);
    await expect(make(folder, {})).rejects.toMatchObject({ code: 'key_required' });
  });

  it('lets the slots follow the recipients, and a removed one opens nothing any more', async () => {
    const folder = await withBackup();
    const repository = await make(folder, { recipients: [bob.recipient], identity: alice.identity });
    expect(repository.encryption?.keySlots).toBe(1);
    await expect(open(folder, { identity: alice.identity })).rejects.toMatchObject({ code: 'key_rejected' });
    expect(await verifyAll(await open(folder, { identity: bob.identity }), 3)).toEqual([]);
    const both = { recipients: [bob.recipient], identity: bob.identity, passphrase: 'first' };
    expect((await make(folder, both)).encryption?.keySlots).toBe(2);
    // A machine that does not know the passphrase leaves its slot alone; a changed one replaces it.
    const without = { recipients: [bob.recipient], identity: bob.identity };
    expect((await make(folder, without)).encryption?.keySlots).toBe(2);
    expect((await make(folder, { ...both, passphrase: 'second' })).encryption?.keySlots).toBe(2);
    await expect(open(folder, { passphrase: 'first' })).rejects.toMatchObject({ code: 'key_rejected' });
  });

  it('is never made where it could not be opened again, nor over plain backups', async () => {
    const folder = temporaryFolder();
    await expect(make(folder, { recipients: [alice.recipient] })).rejects.toMatchObject({ code: 'key_required' });
    await expect(make(folder, { recipients: [alice.recipient], identity: bob.identity })).rejects.toMatchObject({
      code: 'key_rejected',
    });
    await expect(make(folder, { recipients: ['age1nonsense'], identity: bob.identity })).rejects.toMatchObject({
      code: 'config_invalid',
    });
    await expect(open(folder)).rejects.toMatchObject({ code: 'backup_not_found' });
    await make(folder, {});
    await expect(make(folder, onlyAlice)).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('can be read by another program: age for the key, AES-256-GCM as documented', async () => {
    const folder = await withBackup();
    const slot = objects(folder, '.age')[0] ?? '';
    const { Decrypter } = await import('age-encryption');
    const age = new Decrypter();
    age.addIdentity(alice.identity);
    const text = await age.decrypt(readFileSync(slot), 'text');
    const [, id = '', master = ''] = /repository (\w+)\nkey (\w+)/.exec(text) ?? [];
    const path = objects(folder, '.pages')[0] ?? '';
    const name = path.slice(join(folder, 'backups').length + 1);
    const bytes = readFileSync(path);
    const header = bytes.subarray(0, 48);
    const size = Number(header.readBigUInt64LE(40));
    const key = Buffer.from(
      hkdfSync('sha256', Buffer.from(master, 'hex'), header.subarray(8, 40), `tradedb object ${id}`, 32),
    );
    const parts: Buffer[] = [];
    for (let frame = 0; frame < Math.max(1, Math.ceil(size / 32768)); frame++) {
      const start = 48 + frame * (32768 + 16);
      const end = start + Math.min(32768, size - frame * 32768);
      const nonce = Buffer.alloc(12);
      nonce.writeUInt32LE(frame);
      const cipher = createDecipheriv('aes-256-gcm', key, nonce);
      cipher.setAAD(Buffer.concat([header, Buffer.from(name)]));
      cipher.setAuthTag(bytes.subarray(end, end + 16));
      parts.push(cipher.update(bytes.subarray(start, end)), cipher.final());
    }
    expect(Buffer.concat(parts).subarray(0, 8).toString()).toBe('TDBPAGE1');
  });

  it('never uses a salt twice', async () => {
    const folder = await withBackup();
    for (let run = 0; run < 3; run++) await backUp(folder, { repository: await make(folder, onlyAlice) });
    const salts = [...objects(folder, '.pack'), ...objects(folder, '.pages')].map((file) =>
      readFileSync(file).subarray(8, 40).toString('hex'),
    );
    expect(salts.length).toBeGreaterThan(7);
    expect(new Set(salts).size).toBe(salts.length);
  });
});

describe('tampering with an encrypted repository', () => {
  it('is noticed for every flipped bit that was tried, without a key at level 2 and with one at level 3', async () => {
    const folder = await withBackup();
    const [locked, repository] = [await open(folder), await open(folder, { identity: alice.identity })];
    for (const extension of ['.pack', '.pages']) {
      for (const file of objects(folder, extension)) {
        const before = readFileSync(file);
        const places = [0, 9, 41, 47, 48, 100, before.length - 1, before.length - 33, before.length - 40];
        for (const place of [...places, 1000 % before.length]) {
          const damaged = Buffer.from(before);
          damaged[place] = (damaged[place] ?? 0) ^ (1 << (place % 8));
          writeFileSync(file, damaged);
          expect(await verifyAll(locked, 2), `${file} byte ${place}`).not.toEqual([]);
          expect(await verifyAll(repository, 3), `${file} byte ${place}`).not.toEqual([]);
        }
        writeFileSync(file, before);
      }
    }
    expect(await verifyAll(repository, 3)).toEqual([]);
  }, 240_000);

  it('is refused for truncated, swapped and reordered parts: a restore stops and leaves no file', async () => {
    const folder = await withBackup();
    await backUp(folder, { repository: await make(folder, onlyAlice) });
    const target = join(folder, 'x.db');
    const restore = async (): Promise<unknown> => {
      const repository = await open(folder, { identity: alice.identity });
      return restoreTo(folder, target, { repository });
    };
    const { points } = await (await open(folder, { identity: alice.identity })).points();
    const newest = points.at(-1)?.id ?? '';
    const [pack = ''] = objects(folder, '.pack').filter((file) => file.includes(newest));
    const [other = ''] = objects(folder, '.pack').filter((file) => !file.includes(newest));
    const before = readFileSync(pack);
    const refused = async (what: string): Promise<void> => {
      const error = await restore().catch((caught: unknown) => caught);
      expect(error, what).toMatchObject({ code: expect.stringMatching(/checksum_mismatch|io_error/) });
      expect(existsSync(target)).toBe(false);
      writeFileSync(pack, before);
    };
    truncateSync(pack, before.length - (32 * 1024 + 16));
    await refused('truncated by a frame');
    copyFileSync(other, pack);
    await refused('the object of another name');
    const size = 32 * 1024 + 16;
    const swapped = Buffer.from(before);
    before.copy(swapped, 48, 48 + size, 48 + 2 * size);
    before.copy(swapped, 48 + size, 48, 48 + size);
    writeFileSync(pack, swapped);
    await refused('two frames that changed places');
    await restore();
    expectCommittedState(target);
  });

  it('is noticed in a manifest that somebody without the key wrote anew', async () => {
    const folder = await withBackup();
    const manifest = objects(folder, '.json').find((file) => file.includes('manifest-')) ?? '';
    const text = readFileSync(manifest, 'utf8').replace('"label": "test"', '"label": "best"');
    const digest = createHash('sha256').update(text).digest('hex');
    const forged = manifest.replace(/manifest-[0-9a-f]{64}/, `manifest-${digest}`);
    writeFileSync(forged, text);
    renameSync(manifest, join(folder, 'aside'));
    const { points, damaged } = await (await open(folder, { identity: alice.identity })).points();
    expect(points).toEqual([]);
    expect(damaged[0]?.error).toMatchObject({ code: 'checksum_mismatch' });
    rmSync(forged);
  });
});

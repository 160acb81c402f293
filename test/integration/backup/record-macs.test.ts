import { createHash, createHmac, hkdfSync } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { decodeMark, findMark, readMarks, writeMark } from '../../../src/core/backup/mark.ts';
import { decodeFormat, encodeFormat } from '../../../src/core/backup/repository/format-version.ts';
import type { Repository } from '../../../src/core/backup/repository/repository.ts';
import { acquireRepositoryLease } from '../../../src/core/backup/repository/repository-lease.ts';
import { openSealed, sealJson } from '../../../src/core/backup/repository/sealed-json.ts';
import { upgradeRepository } from '../../../src/core/backup/repository/upgrade.ts';
import { prune } from '../../../src/core/backup/retention/prune.ts';
import { decodeTombstone, Tombstones } from '../../../src/core/backup/retention/tombstone.ts';
import { verifyArchive } from '../../../src/core/backup/verify/archive.ts';
import { verifyRecords } from '../../../src/core/backup/verify/records.ts';
import { decodeEpoch, readEpochs } from '../../../src/core/backup/wal-archive/epoch.ts';
import { resolveState } from '../../../src/core/restore/resolve-target.ts';
import { restoreTo } from '../../support/backup-requests.ts';
import { testContext, testPorts } from '../../support/context.ts';
import {
  copyOfEncryptedFixture,
  encryptedFixtureId as databaseId,
  encryptedFixtureIdentity,
  openEncryptedFixture,
} from '../../support/encrypted-fixture.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { verifyAll } from '../../support/verify-all.ts';

const owner = { pid: process.pid, hostname: 'test' };

async function upgraded(): Promise<string> {
  const folder = copyOfEncryptedFixture();
  const repository = await openEncryptedFixture(folder);
  expect(await upgradeRepository({ repository, owner, dryRun: false }, testContext())).toEqual({
    added: ['record-macs'],
    records: 4,
  });
  return folder;
}

/** Keys of all records. */
function recordsOf(folder: string): string[] {
  return readdirSync(join(folder, 'backups'), { recursive: true, encoding: 'utf8' }).filter(
    (key) => key.startsWith('db/') && key.endsWith('.json') && !key.includes('/manifest-'),
  );
}

function decode(repository: Repository, key: string, bytes: Uint8Array): object | undefined {
  if (key.includes('/marks/')) return decodeMark(repository, key, bytes);
  if (key.includes('/tombstones/')) return decodeTombstone(repository, key, bytes);
  if (key.endsWith('/epoch.json')) return decodeEpoch(repository, key, bytes);
  return repository.records.open(key, bytes);
}

async function expectWhole(folder: string): Promise<void> {
  const repository = await openEncryptedFixture(folder);
  expect(await verifyAll(repository, 3)).toEqual([]);
  expect((await verifyArchive(repository, databaseId, 3, testContext())).problems).toEqual([]);
  expect(await verifyRecords(repository, databaseId)).toEqual({ objects: 4, problems: [] });
  const { tx, epoch } = await findMark(repository, databaseId, 'here');
  expect(tx).toBe(3);
  expect((await Tombstones.read(repository, databaseId)).all).toHaveLength(1);
  for (const [number, prices] of [
    [tx, [100, 101, 102, 110, 111, 112]],
    [5, [100, 101, 102, 110, 111, 112, 113, 114]],
  ] as const) {
    const { lineage, route } = await resolveState(repository, databaseId, { kind: 'tx', tx: number, epoch });
    const file = join(temporaryFolder(), 'restored.db');
    await restoreTo(folder, file, { repository, lineage, route, check: 'full' });
    const db = new Database(file, { readonly: true });
    expect(db.prepare('SELECT price FROM trade ORDER BY id').pluck().all()).toEqual(prices);
    db.close();
  }
}

const changeWithoutKey = (bytes: Uint8Array, change: Readonly<Record<string, unknown>>): Buffer => {
  const { record, mac } = openSealed(bytes) ?? { record: {}, mac: undefined };
  // What somebody without the key can do: write what he likes, and compute the digest of it.
  return Buffer.from(sealJson({ ...record, ...change, ...(mac === undefined ? {} : { mac }) }));
};

describe('an encrypted repository of a release without MACs on records', () => {
  it('is read, verified and restored from as before', async () => {
    await expectWhole(copyOfEncryptedFixture());
  });

  it('gets them by an upgrade, and is whole afterwards', async () => {
    const folder = copyOfEncryptedFixture();
    const before = readFileSync(join(folder, 'backups/FORMAT'), 'utf8');
    const dry = { repository: await openEncryptedFixture(folder), owner, dryRun: true };
    expect(await upgradeRepository(dry, testContext())).toEqual({ added: ['record-macs'], records: 4 });
    expect(readFileSync(join(folder, 'backups/FORMAT'), 'utf8')).toBe(before);
    await upgradeRepository({ ...dry, dryRun: false }, testContext());
    const format = decodeFormat(readFileSync(join(folder, 'backups/FORMAT')), 'here');
    expect(format.required).toEqual(['encryption', 'record-macs']);
    expect(before).not.toContain(format.key);
    for (const key of recordsOf(folder)) {
      expect(openSealed(readFileSync(join(folder, 'backups', key)))?.mac, key).toMatch(/^[0-9a-f]{64}$/);
    }
    await expectWhole(folder);
    const again = { repository: await openEncryptedFixture(folder), owner, dryRun: false };
    expect(await upgradeRepository(again, testContext())).toEqual({ added: [], records: 0 });
  });

  it('is as it was when the upgrade was interrupted, and is upgraded by the next one', async () => {
    const folder = copyOfEncryptedFixture();
    const repository = await openEncryptedFixture(folder);
    const write = repository.storage.write.bind(repository.storage);
    repository.storage.write = (key, body, options) => {
      if (key === 'FORMAT') throw new Error('the power went');
      return write(key, body, options);
    };
    const request = { repository, owner, dryRun: false };
    await expect(upgradeRepository(request, testContext())).rejects.toThrow('the power went');
    await expectWhole(folder);
    const next = { ...request, repository: await openEncryptedFixture(folder) };
    expect(await upgradeRepository(next, testContext())).toEqual({ added: ['record-macs'], records: 0 });
    await expectWhole(folder);
  });

  it('is not upgraded without the key, beside an archiver, or with a damaged record', async () => {
    const folder = copyOfEncryptedFixture();
    const locked = { repository: await openEncryptedFixture(folder, { locked: true }), owner, dryRun: false };
    await expect(upgradeRepository(locked, testContext())).rejects.toMatchObject({ code: 'key_required' });
    const repository = await openEncryptedFixture(folder);
    const archiver = await acquireRepositoryLease(
      repository.storage,
      { name: `${databaseId}-wal`, purpose: 'backup archive', owner },
      testPorts,
    );
    await expect(upgradeRepository({ ...locked, repository }, testContext())).rejects.toMatchObject({
      code: 'lease_held',
    });
    await archiver.release();
    const epoch = join(folder, 'backups', recordsOf(folder).find((key) => key.endsWith('/epoch.json')) ?? '');
    writeFileSync(epoch, readFileSync(epoch, 'utf8').replace('"tx":0', '"tx":1'));
    await expect(upgradeRepository({ ...locked, repository }, testContext())).rejects.toMatchObject({
      code: 'checksum_mismatch',
    });
    expect((await openEncryptedFixture(folder)).format.required).toEqual(['encryption']);
  });
});

describe('records with MACs', () => {
  it('are refused with any single bit flipped', async () => {
    const folder = await upgraded();
    const repository = await openEncryptedFixture(folder);
    const keys = recordsOf(folder);
    expect(keys).toHaveLength(4);
    for (const key of keys) {
      const bytes = readFileSync(join(folder, 'backups', key));
      expect(decode(repository, key, bytes), key).toBeDefined();
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(decode(repository, key, flipped), `${key} bit ${bit}`).toBeUndefined();
      }
    }
  });

  it('are what the page about the format says: HMAC-SHA256 over place and JSON', async () => {
    const folder = await upgraded();
    const { Decrypter } = await import('age-encryption');
    const age = new Decrypter();
    age.addIdentity(/AGE-SECRET-KEY-\w+/.exec(readFileSync(encryptedFixtureIdentity, 'utf8'))?.[0] ?? '');
    const [slot = ''] = readdirSync(join(folder, 'backups/keys'));
    const text = await age.decrypt(readFileSync(join(folder, 'backups/keys', slot)), 'text');
    const [, id = '', master = ''] = /repository (\w+)\nkey (\w+)/.exec(text) ?? [];
    const derived = (purpose: string): Buffer =>
      Buffer.from(hkdfSync('sha256', Buffer.from(master, 'hex'), '', `tradedb ${purpose} ${id}`, 32));
    for (const key of recordsOf(folder)) {
      const stored = JSON.parse(readFileSync(join(folder, 'backups', key), 'utf8'));
      const { mac, sha256, ...fields } = stored;
      const name = key.replace(/-[0-9a-f]{64}(?=\.json$)/, '');
      const message = `${name}\n${JSON.stringify(fields)}`;
      expect(mac, key).toBe(createHmac('sha256', derived('record mac')).update(message).digest('hex'));
      const digest = createHash('sha256').update(JSON.stringify({ ...fields, mac }));
      expect(sha256, key).toBe(digest.digest('hex'));
    }
    const format = decodeFormat(readFileSync(join(folder, 'backups/FORMAT')), 'here');
    expect(format.key).toBe(derived('key id record-macs').toString('hex').slice(0, 16));
  });

  it('are refused when somebody without the key wrote them, in whole or in part', async () => {
    const folder = await upgraded();
    const repository = await openEncryptedFixture(folder);
    const changes = [
      ['/epoch.json', { reason: 'nothing happened' }],
      ['/epoch.json', { base: { pointId: '20260101T0000Z-aaaa', tx: 0 } }],
      ['/tombstones/', { createdAt: '2001-01-01T00:00:00.000Z' }],
      ['/tombstones/', { pointIds: [] }],
      ['/marks/', { tx: 4 }],
      ['/marks/', { keep: false }],
      ['/database.json', { label: 'another' }],
    ] as const;
    for (const [part, change] of changes) {
      const key = recordsOf(folder).find((one) => one.includes(part)) ?? '';
      const bytes = readFileSync(join(folder, 'backups', key));
      const { record } = openSealed(bytes) ?? { record: {} };
      for (const forged of [changeWithoutKey(bytes, change), Buffer.from(sealJson({ ...record, ...change }))]) {
        const digest = createHash('sha256').update(forged).digest('hex');
        const named = key.replace(/-[0-9a-f]{64}\.json$/, `-${digest}.json`);
        expect(decode(repository, named, forged), `${named} ${JSON.stringify(change)}`).toBeUndefined();
      }
      const problems = repository.records.problems.map(({ message }) => message);
      expect(problems.some((message) => /MAC/.test(message))).toBe(true);
    }
  });

  it('are refused in the place of another: mark, epoch, prune, database', async () => {
    const folder = await upgraded();
    const repository = await openEncryptedFixture(folder);
    await writeMark(repository, databaseId, {
      format: 1,
      name: 'there',
      epoch: (await readEpochs(repository, databaseId))[0]?.id ?? '',
      tx: 5,
      time: '2026-01-01T00:00:00.000Z',
      note: null,
      keep: false,
    });
    const root = join(folder, 'backups', 'db');
    cpSync(join(root, databaseId), join(root, 'other-00000000'), { recursive: true });
    for (const key of recordsOf(folder).filter((one) => one.startsWith('db/other-'))) {
      expect(decode(repository, key, readFileSync(join(folder, 'backups', key))), key).toBeUndefined();
    }
    const { points, damaged } = await repository.points('other-00000000');
    expect(points).toEqual([]);
    expect(damaged).toHaveLength(3);

    const marks = recordsOf(folder).filter((key) => key.startsWith(`db/${databaseId}/marks/`));
    const [here = '', there = ''] = marks.sort();
    const swapped = here.replace('/here-', '/there-');
    expect(decode(repository, swapped, readFileSync(join(folder, 'backups', here)))).toBeUndefined();
    renameSync(join(folder, 'backups', here), join(folder, 'aside'));
    renameSync(join(folder, 'backups', there), join(folder, 'backups', there.replace('/there-', '/here-')));
    expect(await readMarks(await openEncryptedFixture(folder), databaseId)).toEqual([]);
    const epoch = recordsOf(folder).find((key) => key.startsWith(`db/${databaseId}/wal/`)) ?? '';
    const bytes = readFileSync(join(folder, 'backups', epoch));
    expect(decode(repository, epoch.replace(/[0-9a-f]{8}(?=\/epoch)/, '0123abcd'), bytes)).toBeUndefined();
    const tombstone = recordsOf(folder).find((key) => key.startsWith(`db/${databaseId}/tombstones/`)) ?? '';
    const moved = tombstone.replace(/[0-9a-f]{8}\.json/, '0123abcd.json');
    expect(decode(repository, moved, readFileSync(join(folder, 'backups', tombstone)))).toBeUndefined();
  });

  it('are demanded even when somebody takes the feature out of FORMAT', async () => {
    const folder = await upgraded();
    const path = join(folder, 'backups/FORMAT');
    const format = decodeFormat(readFileSync(path), 'here');
    writeFileSync(path, encodeFormat({ ...format, required: ['encryption'] }));
    await expect(openEncryptedFixture(folder)).rejects.toMatchObject({
      code: 'checksum_mismatch',
      message: expect.stringContaining('FORMAT'),
    });
  });

  it('stop a prune when they are damaged, and need the key to be written', async () => {
    const folder = await upgraded();
    const pruneWith = (repository: Repository) =>
      prune(
        {
          repository,
          databaseId,
          owner,
          dryRun: false,
          recoveryWindowMs: 0,
          policy: { keepLast: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 },
          minimumRedundancy: 1,
          graceMs: 0,
        },
        testContext(),
      );
    const locked = await openEncryptedFixture(folder, { locked: true });
    await expect(pruneWith(locked)).rejects.toMatchObject({ code: 'key_required' });
    expect((await readMarks(locked, databaseId)).map(({ name }) => name)).toEqual(['here']);
    const mark = join(folder, 'backups', recordsOf(folder).find((key) => key.includes('/marks/')) ?? '');
    const bytes = readFileSync(mark);
    const forged = changeWithoutKey(bytes, { keep: false });
    writeFileSync(mark, forged);
    const count = (): number =>
      readdirSync(join(folder, 'backups'), { recursive: true, encoding: 'utf8' }).filter(
        (name) => name.startsWith('db/') && statSync(join(folder, 'backups', name)).isFile(),
      ).length;
    const before = count();
    await expect(pruneWith(await openEncryptedFixture(folder))).rejects.toMatchObject({
      code: 'checksum_mismatch',
      message: expect.stringContaining('nothing was removed'),
    });
    expect(count()).toBe(before);
    writeFileSync(mark, bytes);
    const { plan } = await pruneWith(await openEncryptedFixture(folder));
    expect(plan.remove).toHaveLength(1);
  });
});

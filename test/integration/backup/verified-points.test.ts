import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Repository } from '../../../src/core/backup/repository/repository.ts';
import { upgradeRepository } from '../../../src/core/backup/repository/upgrade.ts';
import { keepVerification, readVerified } from '../../../src/core/backup/verify/verified-points.ts';
import { TradedbError } from '../../../src/core/error.ts';
import { backUp, openTestRepository, testDatabaseId } from '../../support/backup-requests.ts';
import { testContext, testPorts } from '../../support/context.ts';
import { createCountingDatabase } from '../../support/counting-database.ts';
import { copyOfEncryptedFixture, encryptedFixtureId, openEncryptedFixture } from '../../support/encrypted-fixture.ts';

const time = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
const placeOf = (folder: string): string => join(folder, 'backups', 'db', testDatabaseId, 'verified');

describe('what verifications said of the points', () => {
  let folder: string;
  let ids: string[];

  const open = (): Promise<Repository> => openTestRepository(join(folder, 'backups'));
  const keep = async (minute: number, passed: Readonly<Record<string, number>>, failed: readonly string[] = []) => {
    const outcome = { at: time(minute), passed: new Map(Object.entries(passed)), failed };
    return keepVerification(await open(), testDatabaseId, outcome, testPorts.random);
  };
  const known = async () => Object.fromEntries(await readVerified(await open(), testDatabaseId));

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tradedb-test-'));
    createCountingDatabase(join(folder, 'a.db'));
    ids = [];
    for (let index = 0; index < 3; index++) ids.push((await backUp(folder)).manifest.id);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is the highest level since something failed, in one object for all', async () => {
    const [one = '', two = '', three = ''] = ids;
    expect(await known()).toEqual({});
    expect(await keep(1, { [one]: 1, [two]: 3 })).toBeUndefined();
    await keep(2, { [one]: 2, [two]: 2 });
    expect(await known()).toEqual({ [one]: { level: 2, at: time(2) }, [two]: { level: 3, at: time(1) } });
    await keep(3, { [one]: 2 }, [two, three]);
    expect(await known()).toEqual({
      [one]: { level: 2, at: time(3) },
      [two]: { level: 0, at: time(3) },
      [three]: { level: 0, at: time(3) },
    });
    await keep(4, { [two]: 1 });
    expect((await known())[two]).toEqual({ level: 1, at: time(4) });
    expect(readdirSync(placeOf(folder))).toHaveLength(1);
  });

  it('forgets points that are gone', async () => {
    await keep(5, { 'gone-for-good': 2 });
    expect(Object.keys(await known())).not.toContain('gone-for-good');
  });

  it('loses nothing when two are kept at the same time', async () => {
    const [one = '', two = '', three = ''] = ids;
    await keep(10, { [three]: 2 });
    await Promise.all([keep(11, { [one]: 3 }), keep(12, { [two]: 4 })]);
    expect(await known()).toEqual({
      [one]: { level: 3, at: time(11) },
      [two]: { level: 4, at: time(12) },
      [three]: { level: 2, at: time(10) },
    });
  });

  it('is left out and named when it is damaged, and the next verification begins anew', async () => {
    const [one = ''] = ids;
    for (const name of readdirSync(placeOf(folder))) {
      const file = join(placeOf(folder), name);
      writeFileSync(file, readFileSync(file, 'utf8').replace('"passed":', '"passes":'));
    }
    const repository = await open();
    await readVerified(repository, testDatabaseId);
    expect(repository.records.problems.map(({ message }) => message)).toContain('its digest differs');
    await keep(20, { [one]: 2 });
    expect((await known())[one]).toEqual({ level: 2, at: time(20) });
    expect((await open()).records.problems).toEqual([]);
  });

  it('says so when the repository cannot be written', async () => {
    const repository = await open();
    repository.storage.write = async () => {
      throw new TradedbError('read_only', 'the disk cannot be written');
    };
    const outcome = { at: time(30), passed: new Map([[ids[0] ?? '', 4]]), failed: [] };
    expect(await keepVerification(repository, testDatabaseId, outcome, testPorts.random)).toBe(
      'the disk cannot be written',
    );
  });
});

it('needs the key in a repository whose records have MACs, and counts nothing that was made without it', async () => {
  const folder = copyOfEncryptedFixture();
  const repository = await openEncryptedFixture(folder);
  const owner = { pid: process.pid, hostname: 'test' };
  await upgradeRepository({ repository, owner, dryRun: false }, testContext());
  const [id = ''] = (await repository.points()).points.map((point) => point.id);
  const outcome = { at: time(0), passed: new Map([[id, 3]]), failed: [] };
  const locked = await openEncryptedFixture(folder, { locked: true });
  expect(await keepVerification(locked, encryptedFixtureId, outcome, testPorts.random)).toMatch(/no key was given/);
  const opened = await openEncryptedFixture(folder);
  expect(await keepVerification(opened, encryptedFixtureId, outcome, testPorts.random)).toBeUndefined();
  expect((await readVerified(opened, encryptedFixtureId)).get(id)).toEqual({ level: 3, at: time(0) });
  const place = join(folder, 'backups', 'db', encryptedFixtureId, 'verified');
  const [name = ''] = readdirSync(place);
  writeFileSync(join(place, '0123456789abcdef.json'), readFileSync(join(place, name)));
  const again = await openEncryptedFixture(folder);
  await readVerified(again, encryptedFixtureId);
  expect(again.records.problems.map(({ message }) => message)).toEqual(['it was changed: its MAC differs']);
});

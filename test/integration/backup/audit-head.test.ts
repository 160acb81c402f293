import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { describe, expect, test } from 'vitest';
import type { Keyring } from '../../../src/core/backup/encryption/keyring.ts';
import { Repository } from '../../../src/core/backup/repository/repository.ts';
import { openReadOnly, openReadWrite } from '../../../src/core/sqlite/connection.ts';
import { normalProfile } from '../../../src/core/sqlite/pragma-profile.ts';
import { LocalFolder } from '../../../src/core/storage/local-folder.ts';
import { auditHead } from '../../../src/core/trading/audit/head.ts';
import { startArchive } from '../../support/archive-runs.ts';
import { appendAudit, createAuditedDatabase, rowsOfAudit } from '../../support/audit-log.ts';
import { backUp, restoreTo, testDatabaseId } from '../../support/backup-requests.ts';
import { testPorts } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { testKeyring } from '../../support/test-keyring.ts';

const withHead = { readAuditHead: auditHead } as const;

function grow(folder: string, count: number): void {
  const connection = openReadWrite(join(folder, 'a.db'), normalProfile, testPorts);
  try {
    appendAudit(connection, rowsOfAudit(count));
  } finally {
    connection.close();
  }
}

function headOf(path: string) {
  const connection = openReadOnly(path, testPorts);
  try {
    return auditHead(connection);
  } finally {
    connection.close();
  }
}

describe('the head of the audit log in a manifest is that of the restored file', () => {
  test.each([
    ['pages', {}],
    ['api', { method: 'api' }],
  ] as const)('of a backup by %s, and it grows with the log', async (_, parts) => {
    const folder = temporaryFolder();
    createAuditedDatabase(join(folder, 'a.db'), 40);
    for (const type of ['full', 'incremental'] as const) {
      grow(folder, 5);
      const { manifest } = await backUp(folder, { ...withHead, ...parts, type });
      const file = join(folder, `${type}.db`);
      await restoreTo(folder, file);
      expect(manifest.audit).toEqual(headOf(file));
      expect(manifest.audit?.seq).toBe(type === 'full' ? 45 : 50);
    }
  });

  test('of a backup made of archived commits', async () => {
    const folder = temporaryFolder();
    createAuditedDatabase(join(folder, 'a.db'), 40);
    const archive = await startArchive(folder);
    grow(folder, 7);
    const { manifest } = await backUp(folder, { ...withHead, type: 'incremental', archiveWaitMs: 20_000 });
    await archive.stop();
    expect(manifest).toMatchObject({ method: 'wal', audit: { seq: 47 } });
    const file = join(folder, 'restored.db');
    await restoreTo(folder, file);
    expect(headOf(file)).toEqual(manifest.audit);
  });

  test('is left out for a database without a log', async () => {
    const folder = temporaryFolder();
    createAuditedDatabase(join(folder, 'a.db'), 0);
    expect((await backUp(folder, withHead)).manifest).not.toHaveProperty('audit');
  });
});

test('in an encrypted repository the head is sealed, and comes back with the key', async () => {
  const folder = temporaryFolder();
  createAuditedDatabase(join(folder, 'a.db'), 40);
  const identity = await generateIdentity();
  const recipients = [await identityToRecipient(identity)];
  const keyring = (): Keyring => testKeyring(folder, { recipients, identity });
  const storage = (): LocalFolder => new LocalFolder(join(folder, 'backups'), 'w');
  const owner = { pid: process.pid, hostname: 'test' };
  const repository = await Repository.openOrCreate(storage(), 'main', { ...testPorts, owner, keyring: keyring() });
  const { manifest } = await backUp(folder, { ...withHead, repository });
  const hash = manifest.audit?.hash ?? '';
  expect(hash).toHaveLength(64);
  const points = join(folder, 'backups', 'db', testDatabaseId, 'points', manifest.id);
  const name = readdirSync(points).find((file) => file.startsWith('manifest')) ?? '';
  expect(readFileSync(join(points, name), 'utf8')).not.toContain(hash);
  const open = (): Promise<Repository> => Repository.open(storage(), 'main', { ...testPorts, keyring: keyring() });
  const [point] = (await (await open()).points(testDatabaseId)).points;
  expect(point?.audit).toEqual(manifest.audit);
});

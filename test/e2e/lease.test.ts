import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { acquireLease, databaseLeaseFolder, databaseLeaseName } from '../../src/core/lease.ts';
import { createShop } from '../support/bad-inputs.ts';
import { tradedb } from '../support/cli.ts';
import { testPorts } from '../support/context.ts';
import { fileState } from '../support/file-state.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// The repository may be set up before the lease is asked for; it holds no backup then.
const ignored = (name: string): boolean => /^(\.tradedb|backups|shop\.db-)/.test(name);

describe('while another operation holds the lease of the database', () => {
  it.each([
    ['backup create', ['backup', 'create']],
    ['vacuum run', ['vacuum', 'run', '--until', '0%', '--yes']],
  ])('%s is refused and names it', async (_words, args) => {
    const folder = temporaryFolder();
    const path = join(folder, 'shop.db');
    createShop(path);
    const lease = acquireLease(
      {
        directory: databaseLeaseFolder(join(folder, '.tradedb')),
        name: databaseLeaseName(path),
        purpose: 'migrate up',
        owner: { pid: process.pid, hostname: hostname() },
      },
      testPorts,
    );
    try {
      const before = fileState(folder, ignored);
      const refused = await tradedb([...args, '-d', path], { cwd: folder });
      expect(refused.code, refused.stdout + refused.stderr).toBe(11);
      expect(refused.stderr).toContain('migrate up');
      expect(fileState(folder, ignored)).toEqual(before);
    } finally {
      lease.release();
    }
    expect((await tradedb([...args, '-d', path], { cwd: folder })).code).toBe(0);
  });
});

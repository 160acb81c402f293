import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { backUp, openTestRepository, restoreTo, testDatabaseId } from '../../support/backup-requests.ts';
import { createCountingDatabase, expectCommittedState } from '../../support/counting-database.ts';
import { smallDisk } from '../../support/small-disk.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const launcher = fileURLToPath(new URL('../../../bin/tradedb.js', import.meta.url));

/** Runs the binary with a limit on the size of every file it writes, as a full disk without mounting one. */
function limited(blocks: number, args: readonly string[], cwd: string) {
  const script = 'trap "" XFSZ; ulimit -f "$0"; exec "$@"';
  return spawnSync('sh', ['-c', script, String(blocks), process.execPath, launcher, ...args], {
    cwd,
    encoding: 'utf8',
  });
}

describe('a disk that is full', () => {
  test('for the repository: no backup, nothing left over, the database goes on', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 40_000 });
    const small = smallDisk(4);
    if (small !== undefined) {
      const repository = await openTestRepository(join(small, 'backups'));
      await expect(backUp(folder, { repository })).rejects.toMatchObject({ code: 'disk_full' });
      expect((await repository.points(testDatabaseId)).points).toEqual([]);
      const left = readdirSync(small, { recursive: true, encoding: 'utf8' });
      expect(left.filter((name) => /pack|partial|pages$/.test(name))).toEqual([]);
    } else {
      const run = limited(2000, ['backup', '-d', path, '--json'], folder);
      expect([1, 12]).toContain(run.status);
      expect((await (await openTestRepository(join(folder, 'backups'))).points()).points).toEqual([]);
    }
    expect(expectCommittedState(path)).toBe(40_000);
    await backUp(folder);
  });

  test('for the restored file: refused before anything is read, and the target stays', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 40_000 });
    await backUp(folder);
    const small = smallDisk(4);
    if (small !== undefined) {
      await expect(restoreTo(folder, join(small, 'b.db'))).rejects.toMatchObject({ code: 'disk_full' });
      expect(readdirSync(small)).toEqual([]);
    } else {
      const target = join(folder, 'b.db');
      const run = limited(2000, ['restore', '-d', join(folder, 'a.db'), '--target', target], folder);
      expect(run.status).not.toBe(0);
      expect(existsSync(target)).toBe(false);
    }
    const before = readFileSync(join(folder, 'a.db'));
    expect(before.length).toBeGreaterThan(4_000_000);
  });
});

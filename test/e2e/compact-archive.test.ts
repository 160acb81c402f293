import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BackupListData } from '../../src/commands/backup/list.ts';
import type { BackupPruneData } from '../../src/commands/backup/prune.ts';
import { startArchive, writeCommits } from '../support/archive-runs.ts';
import { testDatabaseId } from '../support/backup-requests.ts';
import { type CliResult, parseReport, tradedb } from '../support/cli.ts';
import { createCountingDatabase } from '../support/counting-database.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Raise it for a long run. */
const kills = Number(process.env.TRADEDB_TEST_COMPACTION_KILLS ?? 3);

describe('tradedb backup prune --compact', () => {
  it('merges, says so, deletes after the grace time, and is whole after kill -9 at any moment', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'), { rows: 300 });
    const archive = await startArchive(folder);
    await writeCommits(folder, { commits: 30, pauseMs: 20 });
    await archive.stop();
    expect(testDatabaseId).toMatch(/^test-/);
    const backup = { label: 'test', archive: { commitWindow: '0s', compactTo: '200ms' } };
    writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify({ database: { path: 'a.db' }, backup }));
    const run = (words: string, parts: Parameters<typeof tradedb>[1] = {}): Promise<CliResult> =>
      tradedb(words.split(' '), { cwd: folder, ...parts });
    const listed = async (): Promise<BackupListData> => {
      const result = await run('backup list --json');
      expect([0, 3], result.stderr).toContain(result.code);
      return parseReport<BackupListData>(result).data;
    };

    const started = performance.now();
    const planned = parseReport<BackupPruneData>(await run('backup prune --compact --dry-run --json')).data;
    const usualMs = performance.now() - started;
    expect(planned.compaction).toMatchObject({ bytesAfter: null, problems: [] });
    expect(planned.compaction?.segmentsBefore).toBeGreaterThan(2);
    expect((await listed()).windows).toMatchObject([{ perCommit: true, toTx: 30 }]);

    for (let kill = 0; kill < kills; kill++) {
      await run('backup prune --compact --grace 0s --yes', {
        onStart: (child) => setTimeout(() => child.kill('SIGKILL'), usualMs * (0.4 + (0.8 * kill) / kills)),
      });
      const verified = await run('backup verify --level 3');
      expect(verified.code, verified.stdout).toBe(0);
      for (const { toTx } of (await listed()).windows) {
        const restored = await run(`restore --to-tx ${toTx} --target at-${kill}-${toTx}.db`);
        expect(restored.code, restored.stderr).toBe(0);
      }
    }
    for (let time = 0; time < 2; time++) {
      const pruned = await run('backup prune --compact --grace 0s --yes');
      expect(pruned.code, pruned.stdout + pruned.stderr).toBe(0);
    }
    const list = await listed();
    expect(list.windows.map(({ perCommit }) => perCommit)).toEqual([false, true]);
    expect((await run('backup list')).stdout).toContain('merged commits from');
    const again = parseReport<BackupPruneData>(await run('backup prune --compact --grace 0s --yes --json')).data;
    expect(again).toMatchObject({ compaction: { segmentsBefore: 0 }, mergedAway: { segments: 0 }, pruneId: null });
    expect((await run('backup verify --level 4')).code).toBe(0);
  }, 180_000);
});

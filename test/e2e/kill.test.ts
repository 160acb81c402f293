import { cpSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BackupCreateData } from '../../src/commands/backup/create.ts';
import type { BackupListData } from '../../src/commands/backup/list.ts';
import type { BackupVerifyData } from '../../src/commands/backup/verify.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { createCountingDatabase, expectCommittedState } from '../support/counting-database.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { addRowInWal } from '../support/wal-leftover.ts';

const kills = 50;

/** Kills the command after a time that spreads over its whole run. */
async function killed(args: readonly string[], cwd: string, afterMs: number) {
  return tradedb(args, {
    cwd,
    onStart: (child) => setTimeout(() => child.kill('SIGKILL'), afterMs),
  });
}

/** Moments from the start to a little beyond the usual end, in a mixed order. */
function moments(longestMs: number): number[] {
  return Array.from({ length: kills }, (_, index) => (((index * 37) % kills) / kills) * longestMs * 1.15);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** Runs `work` for every value, two at a time. */
async function inPairs<T>(values: readonly T[], work: (value: T, index: number) => Promise<void>): Promise<void> {
  const rest = [...values.entries()];
  const lane = async (): Promise<void> => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift()) await work(next[1], next[0]);
  };
  await Promise.all([lane(), lane()]);
}

describe('kill -9', () => {
  it(`of ${kills} backups: what was acknowledged is there and whole, nothing else is seen, the next run cleans up`, async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'a.db');
    createCountingDatabase(database, { rows: 15_000 });
    const args = ['backup', '-d', database, '--type', 'full', '--json'];
    const usualMs = await timed(() => tradedb(args, { cwd: folder }));
    const acknowledged: string[] = [];
    for (const moment of moments(usualMs)) {
      const result = await killed(args, folder, moment);
      if (result.code === 0) acknowledged.push(parseReport<BackupCreateData>(result).data.backup?.id ?? '');
    }
    const last = await tradedb(args, { cwd: folder });
    expect(last.code, last.stderr).toBe(0);
    const { data } = parseReport<BackupListData>(
      await tradedb(['backup', 'list', '-d', database, '--json'], { cwd: folder }),
    );
    const listed = data.points.map((point) => point.id);
    expect(listed).toEqual(expect.arrayContaining(acknowledged));
    const verify = await tradedb(['backup', 'verify', '-d', database, '--level', '3', '--json'], { cwd: folder });
    expect(verify.code, verify.stdout).toBe(0);
    expect(parseReport<BackupVerifyData>(verify).data.points).toBe(listed.length);
    const repository = readdirSync(join(folder, 'backups'), { recursive: true, encoding: 'utf8' });
    expect(repository.filter((name) => name.endsWith('.partial') || /staging.+pack/.test(name))).toEqual([]);
    expect(expectCommittedState(database)).toBe(15_000);
  });

  it(`of ${kills} restores: the old database or the new one, never a mixture`, async () => {
    const template = temporaryFolder();
    const name = 'a.db';
    createCountingDatabase(join(template, name), { rows: 15_000 });
    const made = await tradedb(['backup', '-d', join(template, name)], { cwd: template });
    expect(made.code, made.stderr).toBe(0);
    addRowInWal(join(template, name));
    const fresh = (index: number | string): string => {
      const folder = join(temporaryFolder(), String(index));
      cpSync(template, folder, { recursive: true });
      return folder;
    };
    const args = (folder: string) => ['restore', '--replace', '--yes', '-d', join(folder, name), '--json'];
    const usual = fresh('usual');
    const usualMs = await timed(() => tradedb(args(usual), { cwd: usual }));
    expect(expectCommittedState(join(usual, name))).toBe(15_000);

    const seen = { old: 0, new: 0, pending: 0 };
    await inPairs(moments(usualMs), async (moment, index) => {
      const folder = fresh(index);
      const database = join(folder, name);
      const result = await killed(args(folder), folder, moment);
      if (existsSync(`${database}.restore-intent`)) {
        seen.pending += 1;
        const refused = await tradedb(['backup', '-d', database, '--json'], { cwd: folder });
        expect(refused.code).toBe(15);
        expect(parseError(refused).hint).toContain('restore run --resume');
        const way = index % 2 === 0 ? '--resume' : '--abort';
        const ended = await tradedb(['restore', 'run', way, '-d', database, '--json'], { cwd: folder });
        expect(ended.code, ended.stderr).toBe(0);
        expect(expectCommittedState(database)).toBe(way === '--resume' ? 15_000 : 15_001);
      } else {
        const rows = expectCommittedState(database);
        expect([15_000, 15_001]).toContain(rows);
        if (result.code === 0) expect(rows).toBe(15_000);
        seen[rows === 15_000 ? 'new' : 'old'] += 1;
      }
      if (index % 10 === 0) {
        const again = await tradedb(args(folder), { cwd: folder });
        expect(again.code, again.stderr).toBe(0);
        expect(expectCommittedState(database)).toBe(15_000);
        expect(readdirSync(folder).filter((file) => /partial|intent/.test(file))).toEqual([]);
      }
    });
    expect(seen.old).toBeGreaterThan(0);
    expect(seen.old + seen.new + seen.pending).toBe(kills);
  });
});

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tradedb } from '../support/cli.ts';
import { makeSoundDatabase } from '../support/sound-database.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const hook = new URL('../support/module-list.mjs', import.meta.url);

/** Packages that the main process of a command loads, and how many processes loaded anything at all. */
async function packagesOf(
  args: readonly string[],
): Promise<{ packages: string[]; processes: number; code: number | null }> {
  const list = join(temporaryFolder(), 'modules.txt');
  writeFileSync(list, '');
  const result = await tradedb(args, {
    env: { NODE_OPTIONS: `--import=${hook.href}`, LOADED_MODULES: list },
  });
  const lines = readFileSync(list, 'utf8').trim().split('\n');
  const pids = lines.map((line) => line.slice(0, line.indexOf(' ')));
  const main = lines.filter((_, index) => pids[index] === pids[0]);
  const names = main.flatMap((line) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(line)?.[1] ?? []);
  return { packages: [...new Set(names)].sort(), processes: new Set(pids).size, code: result.code };
}

/** What costs a start more than it is worth to a check that cron makes every five minutes. */
const heavy = ['better-sqlite3', 'chalk', 'cli-table3', 'croner', 'knex', 'ora'];

describe('what a command loads', () => {
  test('the quick tier of health: no heavy package, and no second process', async () => {
    const path = join(temporaryFolder(), 'small.db');
    makeSoundDatabase(path);
    const { packages, processes, code } = await packagesOf(['health', '-d', path]);
    expect(code).toBe(0);
    expect(packages.filter((name) => heavy.includes(name))).toEqual([]);
    expect(packages).toEqual(['valibot']);
    expect(processes).toBe(1);
  });

  test('a dearer tier of health: SQLite in the child alone', async () => {
    const path = join(temporaryFolder(), 'small.db');
    makeSoundDatabase(path);
    const { packages, processes, code } = await packagesOf(['health', '-d', path, '--full']);
    expect(code).toBe(0);
    expect(packages).toEqual(['valibot']);
    expect(processes).toBe(2);
  });

  test('the list itself is true: other commands do load them', async () => {
    const path = join(temporaryFolder(), 'small.db');
    makeSoundDatabase(path);
    const { packages } = await packagesOf(['analyze', 'space', '-d', path, '--color', 'always']);
    expect(packages).toEqual(expect.arrayContaining(['better-sqlite3', 'chalk', 'cli-table3']));
  });
});

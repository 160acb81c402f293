import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { tradedb } from '../support/cli.ts';
import { contentOf, makeHalfEmptyDatabase } from '../support/half-empty-database.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** More for a long run: TRADEDB_TEST_KILLS=200. */
const kills = Number(process.env.TRADEDB_TEST_KILLS ?? 6);
const limitMs = 300_000 + kills * 20_000;

const commands: Readonly<Record<string, { autoVacuum: 0 | 2; args: readonly string[] }>> = {
  'vacuum run, in steps': { autoVacuum: 2, args: ['run', '--reserve', '0B', '--duty', '1'] },
  'vacuum run, by a compact copy': { autoVacuum: 0, args: ['run', '--yes', '--reserve', '0B', '--method', 'into'] },
  'vacuum checkpoint': { autoVacuum: 2, args: ['checkpoint', '--mode', 'truncate', '--yes'] },
  'vacuum optimize': { autoVacuum: 2, args: ['optimize', '--all'] },
};

describe('kill -9', () => {
  for (const [name, { autoVacuum, args }] of Object.entries(commands)) {
    it(
      `of ${name} at ${kills} moments: every row is there, and the next run finishes`,
      async () => {
        const template = join(temporaryFolder(), 'template');
        const run = (folder: string, more: readonly string[], afterMs?: number) =>
          tradedb(['vacuum', ...args, '-d', join(folder, 'a.db'), '--json', ...more], {
            onStart: (child) => {
              if (afterMs !== undefined) setTimeout(() => child.kill('SIGKILL'), afterMs);
            },
          });
        const fresh = (): string => {
          const folder = join(temporaryFolder(), 'copy');
          cpSync(template, folder, { recursive: true });
          return folder;
        };
        cpSync(madeFolder(autoVacuum), template, { recursive: true });
        const before = contentOf(join(template, 'a.db'));
        const started = performance.now();
        expect([0, 3]).toContain((await run(fresh(), [])).code);
        const usualMs = performance.now() - started;
        for (let kill = 0; kill < kills; kill += 1) {
          const folder = fresh();
          await run(folder, [], usualMs * (0.3 + (0.9 * kill) / kills));
          const database = join(folder, 'a.db');
          expect(contentOf(database)).toBe(before);
          let next = await run(folder, []);
          // A compaction works in a child, which may outlive its parent for a moment.
          for (let wait = 0; next.code === 11 && wait < 100; wait += 1) {
            await sleep(100);
            next = await run(folder, []);
          }
          if (next.code === 15) {
            const resumed = await tradedb(['vacuum', 'run', '--resume', '-d', database, '--json']);
            expect(resumed.code, resumed.stderr).toBe(0);
            next = await run(folder, []);
          }
          expect([0, 3], next.stderr).toContain(next.code);
          expect(contentOf(database)).toBe(before);
          const db = new Database(database, { readonly: true });
          expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
          db.close();
          expect(readdirSync(folder).filter((file) => /partial|tradedb-swap/.test(file))).toEqual([]);
        }
      },
      limitMs,
    );
  }
});

function madeFolder(autoVacuum: 0 | 2): string {
  const folder = join(temporaryFolder(), 'made');
  cpSync(temporaryFolder(), folder, { recursive: true });
  makeHalfEmptyDatabase(join(folder, 'a.db'), { autoVacuum, rows: 20_000 });
  // So that optimize has no table to make.
  const db = new Database(join(folder, 'a.db'));
  db.exec('ANALYZE');
  db.close();
  return folder;
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkHealth, idsWith } from '../../support/health.ts';
import { buildRandomDatabase, randomDatabase } from '../../support/random-database.ts';
import { makeSoundDatabase } from '../../support/sound-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const writerScript = fileURLToPath(new URL('../../support/busy-writer.mjs', import.meta.url));

/** The full number of 1,000 is asked for by the environment: the suite has to stay short. */
const runs = Number(process.env.TRADEDB_SOUND_DATABASES ?? 150);
const looks = Number(process.env.TRADEDB_SOUND_LOOKS ?? 12);

describe('sound databases raise no alarm', () => {
  it(
    'of any shape, closed or left with a WAL',
    async () => {
      const folder = temporaryFolder();
      let number = 0;
      await fc.assert(
        fc.asyncProperty(randomDatabase, async (shape) => {
          const path = join(folder, `db-${number++}.db`);
          buildRandomDatabase(path, shape);
          const result = await checkHealth(folder, path);
          expect(result.findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
          expect([...idsWith(result, 'critical'), ...idsWith(result, 'unknown')]).toEqual([]);
          expect(result.data.scan?.complete).toBe(true);
        }),
        { numRuns: runs },
      );
    },
    runs * 2000,
  );

  it.each([
    { pageSize: 512, journalMode: 'wal', autoVacuum: 0, pause: 0 },
    { pageSize: 4096, journalMode: 'wal', autoVacuum: 2, pause: 1 },
    { pageSize: 65536, journalMode: 'wal', autoVacuum: 0, pause: 3 },
    { pageSize: 1024, journalMode: 'delete', autoVacuum: 1, pause: 1 },
  ] as const)(
    'beside a writer that never rests: $journalMode, pages of $pageSize bytes',
    async ({ pause, ...options }) => {
      const folder = temporaryFolder();
      const path = join(folder, 'live.db');
      makeSoundDatabase(path, { ...options, rows: 200 });
      const writer = spawn(process.execPath, [writerScript, path, String(pause)], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      onTestFinished(() => {
        writer.kill('SIGKILL');
      });
      await once(writer.stdout!, 'data');
      for (let look = 0; look < looks; look++) {
        const result = await checkHealth(folder, path);
        expect(result.findings.filter(({ severity }) => severity === 'critical')).toEqual([]);
        expect(idsWith(result, 'unknown')).toEqual([]);
        // Between two transactions of a rollback-journal database its writer holds no lock.
        if (options.journalMode === 'wal') expect(result.data.database.connectedProcesses).toBe(1);
        await sleep(5);
      }
      expect(writer.exitCode).toBeNull();
    },
    30_000 + looks * 2000,
  );
});

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { HealthData } from '../../src/core/health/health-data.ts';
import { writeCommits } from '../support/archive-runs.ts';
import { parseReport, tradedb } from '../support/cli.ts';
import { createCountingDatabase } from '../support/counting-database.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

async function look(folder: string) {
  const args = ['health', '-d', join(folder, 'a.db'), '--tier', 'daily', '--only', 'pages.manifest', '--json'];
  const result = await tradedb(args, { cwd: folder });
  const { data } = parseReport<HealthData>(result);
  return { code: result.code, row: data.checks[0] };
}

/** Lets the archiver record until the end of the test. */
async function archive(folder: string): Promise<void> {
  let started = (): void => {};
  const running = new Promise<void>((resolve) => {
    started = resolve;
  });
  const args = ['backup', 'archive', '-d', join(folder, 'a.db'), '-f', 'ndjson', '--segment-interval', '100ms'];
  const result = tradedb(args, {
    cwd: folder,
    onStart: (child) => {
      let text = '';
      child.stdout?.on('data', (chunk: string) => {
        text += chunk;
        if (text.includes('"started"')) started();
      });
      onTestFinished(() => void child.kill('SIGKILL'));
    },
  });
  await Promise.race([running, result]);
}

describe('pages.manifest beside the archive and a live writer', () => {
  test('no alarm while commits and checkpoints go on; a write that never arrived is found', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 3000 });
    const db = new Database(path);
    db.exec(`CREATE TABLE quiet (id INTEGER PRIMARY KEY, note TEXT);
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
      INSERT INTO quiet SELECT i, printf('%0200d', i) FROM n`);
    db.close();
    await archive(folder);
    const busy = writeCommits(folder, { commits: 150, pauseMs: 15 });
    for (let count = 0; count < 3; count++) expect((await look(folder)).row?.status).not.toBe('critical');
    await busy;
    await sleep(500);
    const quiet = await look(folder);
    expect(quiet).toMatchObject({ code: 0, row: { status: 'ok', value: 0 } });
    expect(quiet.row?.summary).toMatch(/segments of archived WAL$/);
    const wal = readFileSync(`${path}-wal`);
    const inWal = new Set<number>();
    for (let at = 32; at + 4120 <= wal.length; at += 4120) inWal.add(wal.readUInt32BE(at));
    const pages = statSync(path).size / 4096;
    const lost = Array.from({ length: pages }, (_, index) => pages - index).find(
      (page) => !inWal.has(page) && page > 3,
    );
    const file = readFileSync(path);
    if (lost === undefined) throw new Error('every page is in the WAL');
    const at = (lost - 1) * 4096;
    file[at + 4000] = (file[at + 4000] ?? 0) ^ 1;
    writeFileSync(path, file);
    expect(await look(folder)).toMatchObject({ code: 12, row: { status: 'critical', value: 1 } });
  });
});

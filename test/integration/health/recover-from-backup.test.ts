import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { RecoverRequest } from '../../../src/core/health/recovery/recover.ts';
import { readKnownPages } from '../../../src/core/restore/known-pages.ts';
import { startArchive, writeCommits } from '../../support/archive-runs.ts';
import { backUp, openTestRepository, testDatabaseId } from '../../support/backup-requests.ts';
import { testContext } from '../../support/context.ts';
import { createCountingDatabase } from '../../support/counting-database.ts';
import { fileState } from '../../support/file-state.ts';
import { runRecovery } from '../../support/recovery.ts';
import { segmentsOf } from '../../support/segments.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

async function run(folder: string, path: string, parts: Partial<RecoverRequest> = {}) {
  const repository = await openTestRepository(join(folder, 'backups'));
  const known = { repository, databaseId: testDatabaseId, workers: 1 };
  return runRecovery(folder, path, {
    evidence: (backupId) => readKnownPages({ ...known, backupId }, testContext()),
    ...parts,
  });
}

function flip(path: string, page: number): void {
  const { atime, mtime } = statSync(path);
  const bytes = readFileSync(path);
  const at = (page - 1) * 4096 + 4090;
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}

/** Every value of every row. */
function contentOf(path: string): unknown[] {
  const db = new Database(path);
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").pluck().all();
  const rows = tables.map((name) => db.prepare(`SELECT * FROM "${name}"`).raw().all());
  db.close();
  return rows;
}

interface Crashed {
  readonly folder: string;
  /** What a crash left: the database, and a WAL with commits that the archive may not have yet. */
  readonly path: string;
  readonly wanted: unknown[];
}

/** A database that was archived while it was written, and whose machine died with the WAL in place. */
async function crashed(): Promise<Crashed> {
  const folder = temporaryFolder();
  const source = join(folder, 'a.db');
  createCountingDatabase(source, { rows: 3000 });
  const db = new Database(source);
  db.exec(`CREATE TABLE quiet (id INTEGER PRIMARY KEY, note TEXT);
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
    INSERT INTO quiet SELECT i, printf('%0200d', i) FROM n`);
  db.close();
  const archive = await startArchive(folder);
  // Two segments at least: how many commits one takes depends on how busy the machine is.
  for (let seed = 1; segmentsOf(join(folder, 'backups')).length < 2; seed += 1) {
    await writeCommits(folder, { commits: 8, pauseMs: 2, seed });
    await sleep(400);
  }
  const home = join(folder, 'patient');
  mkdirSync(home);
  const path = join(home, 'trading.db');
  for (const end of ['', '-wal']) copyFileSync(`${source}${end}`, `${path}${end}`);
  await archive.stop();
  const copy = join(folder, 'wanted.db');
  for (const end of ['', '-wal']) copyFileSync(`${path}${end}`, `${copy}${end}`);
  return { folder, path, wanted: contentOf(copy) };
}

/** A page of the file that neither the archive nor the WAL has written since the backup. */
function quietPage(path: string): number {
  const wal = readFileSync(`${path}-wal`);
  const written = new Set<number>();
  for (let at = 32; at + 4120 <= wal.length; at += 4120) written.add(wal.readUInt32BE(at));
  const pages = statSync(path).size / 4096;
  const found = Array.from({ length: pages }, (_, index) => index + 1).find((page) => page > 3 && !written.has(page));
  if (found === undefined) throw new Error('every page was written');
  return found;
}

describe('recovery with a repository', () => {
  it('replaces a page that rotted by the one of the backup, proven by the archived WAL', async () => {
    const { folder, path, wanted } = await crashed();
    const page = quietPage(path);
    flip(path, page);
    const before = fileState(join(folder, 'patient'));
    const dry = await run(folder, path, { dryRun: true });
    expect(dry.data.plan[0]).toMatchObject({ method: 'page-repair', lossless: true });
    const { data } = await run(folder, path);
    expect(data).toMatchObject({ chosen: 'page-repair', replacedPages: [page], verification: { integrity: [] } });
    expect(contentOf(data.result?.path ?? '')).toEqual(wanted);
    expect(existsSync(join(data.caseFolder ?? '', 'work', 'replaced-pages', `page-${page}`))).toBe(true);
    expect(fileState(join(folder, 'patient'))).toEqual(before);
  });

  it('restores the backup, the archived WAL and the commits that only the patient has', async () => {
    const { folder, path, wanted } = await crashed();
    const { data } = await run(folder, path, { method: 'restore' });
    expect(data).toMatchObject({ chosen: 'restore', verification: { integrity: [] } });
    expect(data.plan.find(({ method }) => method === 'restore')?.lossless).toBe(true);
    expect(contentOf(data.result?.path ?? '')).toEqual(wanted);
  });

  it('does without a segment that the WAL still holds, and refuses single pages when neither has the commits', async () => {
    const { folder, path } = await crashed();
    const page = quietPage(path);
    flip(path, page);
    const last = segmentsOf(join(folder, 'backups')).at(-1);
    rmSync(last ?? '');
    const { data } = await run(folder, path, { dryRun: true });
    const way = data.plan.find(({ method }) => method === 'page-repair');
    // The WAL of the patient still holds what the missing segment held: the proof is whole without it.
    expect(way).toMatchObject({ offered: true, lossless: true });
    rmSync(`${path}-wal`);
    const gone = await run(folder, path, { dryRun: true });
    expect(gone.data.plan.find(({ method }) => method === 'page-repair')?.offered).toBe(false);
    await expect(run(folder, path, { method: 'page-repair' })).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('refuses pages of a file that was written after the only backup', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 1000 });
    await backUp(folder, { type: 'auto' });
    flip(path, 4);
    utimesSync(path, new Date(), new Date(Date.now() + 60_000));
    const { data } = await run(folder, path, { dryRun: true });
    const way = data.plan.find(({ method }) => method === 'page-repair');
    expect(way).toMatchObject({ offered: false });
    expect(way?.reason).toMatch(/is not archived$/);
  });

  it('does not take a page of a backup whose packs are damaged', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 1000 });
    await backUp(folder, { type: 'auto' });
    utimesSync(path, new Date(), new Date(Date.now() - 60_000));
    flip(path, 4);
    const { packsOf } = await import('../../support/damage.ts');
    for (const pack of packsOf(join(folder, 'backups'))) {
      const bytes = readFileSync(pack);
      bytes[600] = (bytes[600] ?? 0) ^ 1;
      writeFileSync(pack, bytes);
    }
    await expect(run(folder, path, { method: 'page-repair' })).rejects.toMatchObject({ code: 'checksum_mismatch' });
    const { data } = await run(folder, path);
    expect(data.chosen).toBe('salvage');
    expect(data.attempts.map(({ method }) => method)).toContain('page-repair');
  });

  it('tells row by row what a salvage could not bring back', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    const db = new Database(path);
    db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT)');
    const insert = db.prepare('INSERT INTO t (note) VALUES (?)');
    db.transaction(() => {
      for (let row = 0; row < 2000; row++) insert.run('n'.repeat(100));
    })();
    db.close();
    await backUp(folder, { type: 'auto' });
    const bytes = readFileSync(path);
    bytes.fill(0, 4 * 4096, 5 * 4096);
    writeFileSync(path, bytes);
    utimesSync(path, new Date(), new Date(Date.now() + 60_000));
    const { data, findings } = await run(folder, path, { method: 'salvage' });
    const [table] = data.comparison?.tables ?? [];
    expect(table?.missing).toBeGreaterThan(10);
    expect(table).toMatchObject({ rowsInBackup: 2000, rowsInResult: 2000 - (table?.missing ?? 0), changed: 0 });
    expect(table?.missingKeyRanges).toHaveLength(1);
    const lines = readFileSync(data.comparison?.rowsFile ?? '', 'utf8')
      .trimEnd()
      .split('\n');
    expect(lines).toHaveLength(table?.missing ?? 0);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ table: 't', row: { note: 'n'.repeat(100) } });
    expect(data.tables[0]?.missingKeyRanges).toEqual([`rowids ${table?.missingKeyRanges[0]?.replace('-', ' to ')}`]);
    expect(findings.map(({ id }) => id)).toContain('recover.missing');
  });
});

import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { describe, expect, it } from 'vitest';
import type { ArchiveResult } from '../../src/core/maintenance/archive/request.ts';
import { archive, archiveSetup, contentOf, dayOf2024 } from '../support/archive-database.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { fileState } from '../support/file-state.ts';
import { holdLock } from '../support/lock-holder.ts';
import { smallDisk } from '../support/small-disk.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const rows = 3000;

function change(database: string, sql: string): void {
  const db = new Database(database);
  db.exec(sql);
  db.close();
}

const onlyNew = (content: Map<string, string>): string[] =>
  [...content.keys()].filter((key) => Number(key.split(' ')[1]) > rows);

describe('vacuum archive', () => {
  it('a dry run tells what is due and changes nothing', async () => {
    const setup = archiveSetup(rows);
    const before = fileState(setup.folder);
    const report = await archive(setup, '--dry-run');
    expect(report.data.policies).toMatchObject([{ table: 'event', rowsDue: rows, chunks: [] }]);
    expect(report.data.policies[0]?.estimatedBytes).toBeGreaterThan(rows * 20);
    const code = await tradedb(['vacuum', 'archive', '--dry-run', '--exit-code'], { cwd: setup.folder });
    expect(code.code).toBe(4);
    expect(fileState(setup.folder)).toEqual(before);
  });

  for (const format of ['parquet', 'sqlite'] as const) {
    it(`moves the rows and their children into ${format}, and gives them back value by value`, async () => {
      const setup = archiveSetup(rows);
      const before = contentOf(setup.database);
      const report = await archive(setup, '--archive-format', format);
      expect(report).toMatchObject({ status: 'ok', data: { stoppedBy: 'done', pending: [] } });
      const [policy] = report.data.policies;
      expect(policy?.chunks.map(({ format: one, state }) => [one, state])).toEqual([[format, 'done']]);
      expect(policy?.chunks[0]).toMatchObject({ rows: rows * 1.5, deleted: rows * 1.5, stale: 0, alreadyGone: 0 });
      expect([...contentOf(setup.database).keys()]).toEqual(onlyNew(before));
      expect((await archive(setup, '--verify', 'all')).status).toBe('ok');

      const id = policy?.chunks[0]?.id ?? '';
      const copy = join(setup.folder, 'back.db');
      await archive(setup, '--restore', id, '--to', copy);
      for (const [key, value] of contentOf(copy)) expect(value, key).toBe(before.get(key));
      expect(contentOf(copy).size).toBe(rows * 1.5);

      const back = await archive(setup, '--restore', id, '--into-table');
      expect(back.data.restored?.tables).toEqual([
        { name: 'event', rows, skipped: 0 },
        { name: 'detail', rows: rows / 2, skipped: 0 },
      ]);
      expect(contentOf(setup.database)).toEqual(before);
      // Retention leaves them alone for a while.
      const held = await archive(setup);
      expect(held.data.policies[0]).toMatchObject({ chunks: [], heldUntil: expect.stringMatching(/^20/) });
      expect(contentOf(setup.database)).toEqual(before);
    });
  }

  it('one archive per month, and another program can read the Parquet files', async () => {
    const setup = archiveSetup(45_000, { children: [] });
    change(setup.database, 'DELETE FROM detail');
    const report = await archive(setup);
    const ids = report.data.policies[0]?.chunks.map(({ id }) => id.slice(0, 7));
    expect(ids).toEqual(['2024-01', '2024-02', '2024-03']);
    const name = readdirSync(join(setup.archive, 'event')).find((one) => /^2024-02.*\.parquet$/.test(one)) ?? '';
    const bytes = readFileSync(join(setup.archive, 'event', name));
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    const objects = await parquetReadObjects({ file, compressors });
    expect(objects).toHaveLength(29 * 500);
    expect(objects[1]).toMatchObject({
      id: 15_501n,
      note: 'note 15501 é\0x',
      amount: 15_501 / 3,
      big: 9007199254740993n + 15_501n,
    });
  });

  it('answers a query over all archives, and leaves nothing behind', async () => {
    const setup = archiveSetup(20_000);
    await archive(setup);
    const sql = 'SELECT substr(tradedb_archive, 1, 7) AS month, count(*) AS n, max(big) AS big FROM event GROUP BY 1';
    const scratch = temporaryFolder();
    const env = { TMPDIR: scratch };
    const result = await tradedb(['vacuum', 'archive', '--query', sql, '--json'], { cwd: setup.folder, env });
    const report = parseReport<ArchiveResult>(result);
    expect(report.data.answer).toEqual({
      columns: ['month', 'n', 'big'],
      rows: [
        ['2024-01', 15_499, '9007199254756492'],
        ['2024-02', 4501, '9007199254760993'],
      ],
      truncated: false,
    });
    expect(readdirSync(scratch).filter((name) => name.startsWith('tradedb'))).toEqual([]);
    const writes = await tradedb(['vacuum', 'archive', '--query', 'DELETE FROM event', '--json'], {
      cwd: setup.folder,
    });
    expect(writes.code).not.toBe(0);
    const text = await tradedb(['vacuum', 'archive', '--table', 'event', '--query', 'SELECT count(*) FROM detail'], {
      cwd: setup.folder,
    });
    expect(text.stdout).toContain('10000');
  });

  it('what Parquet cannot hold is kept as SQLite, or refused with --strict-types', async () => {
    const setup = archiveSetup(rows);
    change(
      setup.database,
      "UPDATE event SET note = CAST(x'ff0041' AS TEXT) WHERE id = 7; UPDATE event SET amount = 'text' WHERE id = 2000",
    );
    const before = contentOf(setup.database);
    const strict = await tradedb(['vacuum', 'archive', '--yes', '--strict-types', '--json'], { cwd: setup.folder });
    expect(strict.code).toBe(2);
    expect(contentOf(setup.database)).toEqual(before);
    const report = await archive(setup);
    expect(report.data.policies[0]?.chunks).toMatchObject([{ format: 'sqlite', state: 'done', stale: 0 }]);
    const copy = join(setup.folder, 'back.db');
    await archive(setup, '--restore', report.data.policies[0]?.chunks[0]?.id ?? '', '--to', copy);
    for (const [key, value] of contentOf(copy)) expect(value, key).toBe(before.get(key));
  });

  it('a row that something else needs stays with all that belongs to it', async () => {
    const setup = archiveSetup(rows);
    change(
      setup.database,
      'CREATE TABLE claim (id INTEGER PRIMARY KEY, event_id INTEGER REFERENCES event); CREATE INDEX claim_event ON claim (event_id); INSERT INTO claim VALUES (1, 10)',
    );
    const refused = await tradedb(['vacuum', 'archive', '--yes', '--json'], { cwd: setup.folder });
    expect(refused.code).toBe(2);
    expect(parseError(refused).message).toContain('claim');
  });

  it('refuses a column of another unit, a cutoff later than the policy, unknown tables, the books', async () => {
    const refusals: [Record<string, unknown>, string[]][] = [
      [{ unit: 'us' }, []],
      [{ column: 'nothing' }, []],
      [{}, ['--before', '2999-01-01T00:00:00Z']],
      [{}, ['--table', 'unknown']],
      [{ table: 'missing', children: [] }, []],
      [{ children: ['detail', 'detail'] }, []],
      [{ table: 'postings', children: [] }, []],
    ];
    for (const [policy, more] of refusals) {
      const setup = archiveSetup(20, policy);
      const before = contentOf(setup.database);
      const result = await tradedb(['vacuum', 'archive', '--yes', '--json', ...more], { cwd: setup.folder });
      expect(result.code, JSON.stringify(policy)).toBe(2);
      expect(contentOf(setup.database)).toEqual(before);
    }
  });

  it('holds, states and minRows keep rows', async () => {
    const policy = { minRows: 4000, hold: [{ column: 'id', in: [1, 2] }] };
    const setup = archiveSetup(rows, policy);
    const report = await archive(setup);
    expect(report.data.policies[0]?.rowsDue).toBe(rows - 1000 - 2);
    const keys = [...contentOf(setup.database).keys()].filter((key) => key.startsWith('event'));
    expect(keys.length).toBe(rows + 1000 + 2);
    expect(keys).toContain('event 1');
  });

  it('a policy without an archive deletes in small steps', async () => {
    const setup = archiveSetup(rows, { archive: 'none' });
    const before = contentOf(setup.database);
    const report = await archive(setup);
    expect(report.data.policies[0]?.deletedOnly).toEqual({ deleted: rows * 1.5, kept: 0 });
    expect([...contentOf(setup.database).keys()]).toEqual(onlyNew(before));
  });

  it('a summary is written before the rows leave, and never spoiled by what is left of a day', async () => {
    const summary =
      'INSERT OR IGNORE INTO per_day (day, n, total) SELECT at / 86400, count(*), sum(id) FROM event WHERE at >= @from AND at < @until GROUP BY 1';
    const setup = archiveSetup(rows, { summary });
    change(setup.database, 'CREATE TABLE per_day (day INTEGER PRIMARY KEY, n INTEGER, total INTEGER)');
    const expected = new Database(setup.database, { readonly: true });
    const perDay = expected
      .prepare('SELECT at / 86400 AS day, count(*) AS n, sum(id) AS total FROM event WHERE id <= ? GROUP BY 1')
      .all(rows);
    expected.close();
    const report = await archive(setup, '--archive-format', 'sqlite');
    expect(report.data.policies[0]).toMatchObject({ summaryRows: perDay.length });
    // Part of a day comes again late: its summary stays as it is.
    change(setup.database, `INSERT INTO event (id, at, note) VALUES (5, ${dayOf2024(0)}, 'late')`);
    const again = await archive(setup);
    expect(again.data.policies[0]).toMatchObject({ rowsDue: 1, summaryRows: 0 });
    const db = new Database(setup.database, { readonly: true });
    expect(db.prepare('SELECT * FROM per_day').all()).toEqual(perDay);
    db.close();
    for (const unsafe of ['DELETE FROM event', 'INSERT OR REPLACE INTO per_day SELECT 1, @from, @until']) {
      const other = archiveSetup(20, { summary: unsafe });
      const refused = await tradedb(['vacuum', 'archive', '--yes', '--json'], { cwd: other.folder });
      expect(refused.code).toBe(2);
    }
  });

  it('a flipped bit, a lost file and a changed ledger are found, and nothing is deleted with them', async () => {
    for (const spoil of ['bit', 'file', 'manifest', 'ledger'] as const) {
      const setup = archiveSetup(500);
      const report = await archive(setup, '--keep-rows');
      const id = report.data.policies[0]?.chunks[0]?.id ?? '';
      const folder = join(setup.archive, 'event');
      const file = join(
        folder,
        spoil === 'ledger' ? 'ledger.ndjson' : `${id}.${spoil === 'manifest' ? 'json' : 'parquet'}`,
      );
      if (spoil === 'file') rmSync(file);
      else {
        const bytes = readFileSync(file);
        bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
        writeFileSync(file, bytes);
      }
      const before = contentOf(setup.database);
      const result = await tradedb(['vacuum', 'archive', '--verify', id, '--json'], { cwd: setup.folder });
      expect(result.code, spoil).toBe(12);
      expect(contentOf(setup.database)).toEqual(before);
    }
  });

  it('putting rows back meets rows that are there: fail writes nothing, skip and replace do as they say', async () => {
    const setup = archiveSetup(500);
    const report = await archive(setup);
    const id = report.data.policies[0]?.chunks[0]?.id ?? '';
    change(setup.database, "INSERT INTO event (id, at, note) VALUES (5, 1, 'new')");
    const before = contentOf(setup.database);
    const failed = await tradedb(['vacuum', 'archive', '--restore', id, '--into-table', '--yes', '--json'], {
      cwd: setup.folder,
    });
    expect(failed.code).toBe(1);
    expect(contentOf(setup.database)).toEqual(before);
    const skipped = await archive(setup, '--restore', id, '--into-table', '--on-conflict', 'skip');
    expect(skipped.data.restored?.tables[0]).toEqual({ name: 'event', rows: 499, skipped: 1 });
    expect(contentOf(setup.database).get('event 5')).toBe(before.get('event 5'));
    const replaced = await archive(setup, '--restore', id, '--into-table', '--on-conflict', 'replace');
    expect(replaced.data.restored?.tables[0]).toEqual({ name: 'event', rows: 500, skipped: 0 });
    expect(contentOf(setup.database).get('event 5')).not.toBe(before.get('event 5'));
  });

  it('a missing, foreign, damaged or locked database gives one error and the right code', async () => {
    const cases: [number, (database: string) => unknown][] = [
      [10, (database) => rmSync(database)],
      [12, (database) => writeFileSync(database, 'no database at all, only some text '.repeat(40))],
      [12, (database) => truncateSync(database, 5000)],
    ];
    for (const [code, spoil] of cases) {
      const setup = archiveSetup(50);
      spoil(setup.database);
      const result = await tradedb(['vacuum', 'archive', '--yes', '--json'], { cwd: setup.folder });
      expect(result.code, result.stderr).toBe(code);
      parseError(result);
    }
    const setup = archiveSetup(50);
    change(setup.database, 'PRAGMA journal_mode = DELETE');
    await holdLock(setup.database, ['BEGIN EXCLUSIVE']);
    const locked = await tradedb(['vacuum', 'archive', '--yes', '--json'], {
      cwd: setup.folder,
      env: { TRADEDB_CONNECTION_BUSY_TIMEOUT: '100ms' },
    });
    expect(locked.code, locked.stderr).toBe(11);
  });

  it('a full disk of the archive leaves the rows where they are', async (test) => {
    const disk = smallDisk(1);
    if (disk === undefined) return test.skip('a small file system cannot be mounted here');
    const setup = archiveSetup(20_000);
    const before = contentOf(setup.database);
    const folder = join(disk, 'a');
    const args = ['vacuum', 'archive', '--yes', '--json', '--folder', folder, '--archive-format', 'sqlite'];
    const result = await tradedb(args, { cwd: setup.folder });
    expect(result.code).toBe(1);
    expect(contentOf(setup.database)).toEqual(before);
    expect(statSync(setup.database).size).toBeGreaterThan(0);
  });
});

import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { DamagedFile, leaveWal } from '../../support/database-damage.ts';
import { checkHealth } from '../../support/health.ts';
import { runRecovery } from '../../support/recovery.ts';
import { makeSoundDatabase } from '../../support/sound-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

function query(path: string, sql: string): unknown[] {
  const db = new Database(path);
  const rows = db.prepare(sql).pluck().all();
  db.close();
  return rows;
}

/** 300 rows, and the symbol in as many indexes as asked for. */
function indexed(path: string, indexes: readonly string[]): void {
  const db = new Database(path);
  db.exec('CREATE TABLE trade (id INTEGER PRIMARY KEY, symbol TEXT, qty INTEGER, price INTEGER)');
  const insert = db.prepare('INSERT INTO trade (symbol, qty, price) VALUES (?, ?, ?)');
  for (let row = 0; row < 300; row++) insert.run(`SYM${1000 + row}`, row, row * 2);
  for (const [number, columns] of indexes.entries()) db.exec(`CREATE INDEX i${number} ON trade(${columns})`);
  db.close();
}

/** Changes one letter of SYM1150 where it stands in the tree of `name`. */
function falsify(path: string, name: string): void {
  const file = new DamagedFile(path, 1);
  for (const number of file.below(file.root(name))) {
    const at = file.page(number).indexOf('SYM1150');
    if (at >= 0) file.page(number).write('SYM115Z', at);
  }
  file.save();
}

describe('REINDEX after a vote', () => {
  it('rebuilds an index that two others and the table contradict', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 't.db');
    indexed(path, ['symbol', 'symbol, qty', 'price, symbol']);
    falsify(path, 'i0');
    const health = await checkHealth(folder, path, { tier: 'deep', only: ['index.vote'] });
    expect(health.findings).toMatchObject([
      { subject: 'i0', severity: 'critical', values: { verdict: 'index', rows: 1 } },
    ]);
    const { data } = await runRecovery(folder, path);
    expect(data).toMatchObject({ chosen: 'reindex', reindexed: [{ name: 'i0', rows: 1 }] });
    expect(data.attempts).toMatchObject([{ method: 'replay' }]);
    expect(query(data.result?.path ?? '', "SELECT id FROM trade INDEXED BY i0 WHERE symbol = 'SYM1150'")).toEqual([
      151,
    ]);
  });

  it('refuses when the indexes agree against the table: it would make the wrong value permanent', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 't.db');
    indexed(path, ['symbol', 'symbol, qty', 'price, symbol']);
    falsify(path, 'trade');
    const health = await checkHealth(folder, path, { tier: 'deep', only: ['index.vote'] });
    expect(health.findings.map(({ values }) => values?.verdict)).toEqual(['table', 'table', 'table']);
    await expect(runRecovery(folder, path, { method: 'reindex' })).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('refuses when it is one against one', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 't.db');
    indexed(path, ['symbol']);
    falsify(path, 'i0');
    const health = await checkHealth(folder, path, { tier: 'deep', only: ['index.vote'] });
    expect(health.findings).toMatchObject([{ values: { verdict: 'conflict' } }]);
    await expect(runRecovery(folder, path, { method: 'reindex' })).rejects.toThrow(/nobody can tell/);
  });

  it('compares partial, expression and UNIQUE indexes, names with quotes, and tables WITHOUT ROWID', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 't.db');
    const db = new Database(path);
    db.exec(`CREATE TABLE "a ""b" ("x y" TEXT COLLATE NOCASE UNIQUE, rowid REAL, z);
      CREATE INDEX "p; --" ON "a ""b"(z, "x y") WHERE z > 3 -- a comment (WHERE z)
      ;
      CREATE INDEX e ON "a ""b"(lower("x y"));
      CREATE TABLE w (k TEXT, n INTEGER, v, PRIMARY KEY (k, n)) WITHOUT ROWID;
      CREATE INDEX wv ON w(v);`);
    const insert = db.prepare('INSERT INTO "a ""b" VALUES (?, ?, ?)');
    const other = db.prepare('INSERT INTO w VALUES (?, ?, ?)');
    for (let row = 0; row < 50; row++) {
      insert.run(`Key${row}`, row / 3, row % 7);
      other.run(`k${row}`, row, row % 2 === 0 ? row : Buffer.from([row]));
    }
    db.close();
    const { data } = await checkHealth(folder, path, { tier: 'deep', only: ['index.vote'] });
    const row = data.checks.find(({ id }) => id === 'index.vote');
    expect(row).toMatchObject({ status: 'ok', value: 0 });
    expect(row?.summary).toMatch(/^[34] indexes agree/);
  });
});

describe('other ways', () => {
  it('VACUUM INTO where only the list of free pages is wrong', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 't.db');
    makeSoundDatabase(path, { rows: 900 });
    const wanted = query(path, 'SELECT note FROM trade ORDER BY id');
    const file = new DamagedFile(path, 1);
    file.page(file.firstTrunk()).fill(0);
    file.save();
    const { data } = await runRecovery(folder, path);
    expect(data).toMatchObject({ chosen: 'vacuum-into', verification: { integrity: [] } });
    expect(query(data.result?.path ?? '', 'SELECT note FROM trade ORDER BY id')).toEqual(wanted);
    expect(query(data.result?.path ?? '', 'PRAGMA journal_mode')).toEqual(['wal']);
  });

  it('goes on behind a broken frame when all pages of it were written again later', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 't.db');
    const source = new Database(join(folder, 's.db'));
    source.exec(`PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO t VALUES (1, 0);
      PRAGMA wal_checkpoint(TRUNCATE); PRAGMA wal_autocheckpoint = 0`);
    for (let n = 1; n <= 9; n++) source.prepare('UPDATE t SET n = ?').run(n);
    for (const end of ['', '-wal', '-shm']) copyFileSync(join(folder, `s.db${end}`), `${path}${end}`);
    source.close();
    const wal = readFileSync(`${path}-wal`);
    wal[32 + 4 * 4120 + 2000] = 77;
    writeFileSync(`${path}-wal`, wal);
    const { data } = await runRecovery(folder, path);
    expect(data.wal.reanchoredCommits).toBeGreaterThan(3);
    expect(data).toMatchObject({ chosen: 'replay', verification: { integrity: [] } });
    expect(data.plan[0]).toMatchObject({ method: 'replay', lossless: true });
    expect(query(data.result?.path ?? '', 'SELECT n FROM t')).toEqual([9]);
  });

  it('salvage takes the commits behind a break, and says which rows may be older', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 't.db');
    leaveWal(path, { pageSize: 1024 });
    const whole = await runRecovery(folder, path);
    const wal = readFileSync(`${path}-wal`);
    wal[32 + 12 * 1048 + 500] = (wal[32 + 12 * 1048 + 500] ?? 0) ^ 0xff;
    writeFileSync(`${path}-wal`, wal);
    const { data } = await runRecovery(folder, path, { method: 'salvage' });
    const replayed = await runRecovery(folder, path, { method: 'replay' });
    const count = (file: string | undefined): number => query(file ?? '', 'SELECT count(*) FROM trade')[0] as number;
    expect(data.wal.reanchoredCommits).toBeGreaterThan(0);
    expect(count(data.result?.path)).toBeGreaterThan(count(replayed.data.result?.path));
    expect(count(data.result?.path)).toBeLessThanOrEqual(count(whole.data.result?.path));
    const known = new Set(query(whole.data.result?.path ?? '', "SELECT id || ' ' || qty || ' ' || note FROM trade"));
    const rows = query(data.result?.path ?? '', "SELECT id || ' ' || qty || ' ' || note FROM trade");
    expect(rows.filter((row) => !known.has(row))).toEqual([]);
  });

  it('keeps rows on free pages apart as deleted ones', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 't.db');
    makeSoundDatabase(path, { rows: 2000, deleted: 0 });
    const db = new Database(path);
    db.exec('DELETE FROM trade WHERE id <= 1000');
    db.close();
    const { data } = await runRecovery(folder, path, { method: 'salvage' });
    expect(data.quarantine).toMatchObject({ rows: 0 });
    expect(data.quarantine?.deletedRows).toBeGreaterThan(300);
    expect(
      query(data.quarantine?.path ?? '', "SELECT count(*) FROM deleted WHERE table_name = 'trade' AND row_id > 1000"),
    ).toEqual([0]);
    expect(query(data.result?.path ?? '', 'SELECT min(id) FROM trade')).toEqual([1001]);
  });

  it('a case can be resumed at every step, and a changed frozen copy is refused', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 't.db');
    makeSoundDatabase(path, { rows: 900 });
    const caseFolder = join(folder, 'case');
    const parts = { caseFolder, resultPath: join(folder, 'out.db') };
    const { data } = await runRecovery(folder, path, parts);
    const steps = readFileSync(join(caseFolder, 'steps.ndjson'), 'utf8').trimEnd().split('\n');
    expect(steps.map((line) => JSON.parse(line).step)).toEqual(['opened', 'frozen', 'chosen', 'published']);
    for (let kept = steps.length; kept > 0; kept--) {
      // As a crash leaves it: a half line behind the last whole one.
      writeFileSync(join(caseFolder, 'steps.ndjson'), `${steps.slice(0, kept).join('\n')}\n{"step":"cho`);
      const again = await runRecovery(folder, path, { ...parts, resume: true });
      expect(again.data.result).toEqual(data.result);
      expect(again.data.tables).toEqual(data.tables);
    }
    writeFileSync(join(caseFolder, 'steps.ndjson'), `${steps.slice(0, 2).join('\n')}\n`);
    const frozen = join(caseFolder, 'frozen', 'database.db');
    const bytes = readFileSync(frozen);
    bytes[5000] = (bytes[5000] ?? 0) ^ 1;
    const { chmodSync } = await import('node:fs');
    chmodSync(frozen, 0o600);
    writeFileSync(frozen, bytes);
    await expect(runRecovery(folder, path, { ...parts, resume: true })).rejects.toMatchObject({
      code: 'checksum_mismatch',
    });
    mkdirSync(join(folder, 'empty'));
    const none = { ...parts, caseFolder: join(folder, 'empty'), resume: true };
    await expect(runRecovery(folder, path, none)).rejects.toMatchObject({ code: 'file_not_found' });
    expect(existsSync(join(folder, 'out.db.partial'))).toBe(false);
  });
});

import { copyFileSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { RecoverRequest, RecoverResult } from '../../../src/core/health/recovery/recover.ts';
import { DamagedFile, damageKinds, leaveWal } from '../../support/database-damage.ts';
import { fileState } from '../../support/file-state.ts';
import { runRecovery } from '../../support/recovery.ts';
import { makeSoundDatabase } from '../../support/sound-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const tables = ['trade', 'setting'] as const;

/** Every row of the tables as text, read on a copy so that nothing appears beside the database. */
function rowsOf(path: string): Map<string, Set<string>> {
  const copy = join(temporaryFolder(), 'copy.db');
  for (const suffix of ['', '-wal']) if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix);
  const db = new Database(copy);
  const present = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all();
  const rows = tables.map((name) => {
    const texts = present.includes(name)
      ? (db.prepare(`SELECT * FROM "${name}"`).raw().all() as unknown[][]).map((row) => JSON.stringify(row))
      : [];
    return [name, new Set(texts)] as const;
  });
  db.close();
  return new Map(rows);
}

function patient(): { folder: string; home: string; path: string } {
  const folder = temporaryFolder();
  const home = join(folder, "ho'me %");
  mkdirSync(home);
  return { folder, home, path: join(home, 'trading.db') };
}

function runRecover(folder: string, path: string, parts: Partial<RecoverRequest> = {}): Promise<RecoverResult> {
  const caseFolder = parts.caseFolder ?? join(folder, 'case');
  return runRecovery(folder, path, { caseFolder, resultPath: join(caseFolder, 'recovered.db'), ...parts });
}

/** Least share of the rows that must come back, where it is not nearly all. */
const leastShare: Readonly<Record<string, number>> = {
  'header magic': 0,
  'header page size': 0,
  'first page zeroed': 0,
  'schema page header': 0,
  'schema record': 0,
  'file cut by half': 0,
  'root of a table zeroed': 0.5,
  'interior page of random bytes': 0.5,
};

/** The foreign journal is refused before anything is salvaged. */
const beyondTelling = new Set(['hot journal of another database']);
const structural = damageKinds.filter(({ tier, name }) => tier === 'quick' && !beyondTelling.has(name));

describe.each([1024])('salvage of databases with pages of %i bytes', (pageSize) => {
  it.each(structural)('$name: no wrong row, no deleted row, originals untouched', async (kind) => {
    const { folder, home, path } = patient();
    const options = { pageSize, ...kind.database };
    if (kind.wal === true) leaveWal(path, options);
    else makeSoundDatabase(path, options);
    const sound = rowsOf(path);
    kind.apply(new DamagedFile(path, 11));
    const before = fileState(home);
    const { data } = await runRecover(folder, path);
    expect(fileState(home)).toEqual(before);
    expect(data.verification?.integrity).toEqual([]);
    const recovered = rowsOf(data.result?.path ?? '');
    let found = 0;
    let total = 0;
    for (const name of tables) {
      const good = sound.get(name) ?? new Set();
      const wrong = [...(recovered.get(name) ?? [])].filter((row) => !good.has(row));
      expect(wrong).toEqual([]);
      found += recovered.get(name)?.size ?? 0;
      total += good.size;
    }
    const commitsLost = kind.wal === true && kind.foundBy[0] !== 'wal.chain';
    expect(found / total).toBeGreaterThanOrEqual(leastShare[kind.name] ?? (kind.wal || commitsLost ? 0.5 : 0.85));
  });
});

describe('recovery', () => {
  it('replays a sound WAL, and takes nothing from it that was not committed', async () => {
    const { folder, path } = patient();
    leaveWal(path);
    const sound = rowsOf(path);
    const { data } = await runRecover(folder, path);
    expect(data.chosen).toBe('replay');
    expect(data.damage).toEqual([]);
    expect(rowsOf(data.result?.path ?? '')).toEqual(sound);
    expect(data.frozen.map(({ name }) => name)).toEqual(['database.db', 'database.db-wal']);
    expect(statSync(join(folder, 'case', 'frozen', 'database.db')).mode & 0o777).toBe(0o400);
  });

  it('brings all rows back when only index pages are damaged', async () => {
    const { folder, path } = patient();
    makeSoundDatabase(path);
    const sound = rowsOf(path);
    const file = new DamagedFile(path, 3);
    file.page(file.root('trade_symbol')).fill(0);
    file.save();
    const { data } = await runRecover(folder, path);
    expect(data).toMatchObject({ chosen: 'reindex', reindexed: [{ name: 'trade_symbol' }], quarantine: null });
    expect(rowsOf(data.result?.path ?? '')).toEqual(sound);
  });

  it('finds the leaves below a lost root, without deleted rows', async () => {
    const { folder, path } = patient();
    makeSoundDatabase(path, { rows: 3000 });
    const sound = rowsOf(path);
    const file = new DamagedFile(path, 3);
    file.page(file.root('trade')).fill(0);
    file.save();
    const { data } = await runRecover(folder, path);
    const recovered = rowsOf(data.result?.path ?? '');
    expect(recovered.get('setting')).toEqual(sound.get('setting'));
    expect((recovered.get('trade')?.size ?? 0) / (sound.get('trade')?.size ?? 1)).toBeGreaterThan(0.9);
    expect([...(recovered.get('trade') ?? [])].filter((row) => !sound.get('trade')?.has(row))).toEqual([]);
  });

  const schemaSql = `CREATE TABLE trade (id INTEGER PRIMARY KEY, symbol TEXT NOT NULL, qty INTEGER, price REAL, note TEXT, raw BLOB);
    CREATE INDEX trade_symbol ON trade(symbol, qty);
    CREATE TABLE setting (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE "odd ""name" (a, b);`;

  it('a lost first page: with a schema all rows come back, and none that was deleted', async () => {
    const { folder, path } = patient();
    makeSoundDatabase(path, { rows: 2000 });
    const sound = rowsOf(path);
    const file = new DamagedFile(path, 3);
    file.page(1).fill(0);
    file.save();
    const careful = await runRecover(folder, path);
    expect(careful.data.schemaOrigin).toBe('none');
    expect(careful.data.quarantine?.rows).toBeGreaterThanOrEqual(1400);
    const schemaPath = join(folder, 'schema.sql');
    writeFileSync(schemaPath, schemaSql);
    const { data } = await runRecover(folder, path, { caseFolder: join(folder, 'second'), schemaPath });
    expect(data.schemaOrigin).toBe('file');
    expect(rowsOf(data.result?.path ?? '')).toEqual(sound);
    expect(data.quarantine?.rows).toBe(0);
    expect(data.quarantine?.deletedRows).toBeGreaterThan(0);
  });

  it('a lost first page and a lost list of free pages: nobody knows what was deleted, so rows wait in quarantine', async () => {
    const { folder, path } = patient();
    makeSoundDatabase(path, { rows: 2000 });
    const sound = rowsOf(path);
    const file = new DamagedFile(path, 3);
    file.page(file.firstTrunk()).fill(0xff);
    file.page(1).fill(0);
    file.save();
    const schemaPath = join(folder, 'schema.sql');
    writeFileSync(schemaPath, schemaSql);
    const careful = await runRecover(folder, path, { schemaPath });
    expect(rowsOf(careful.data.result?.path ?? '').get('trade')).toEqual(new Set());
    const parts = { caseFolder: join(folder, 'second'), schemaPath, includeFreed: true };
    const { data } = await runRecover(folder, path, parts);
    const recovered = rowsOf(data.result?.path ?? '').get('trade');
    // Long rows that a deleted one claims an overflow page of stay in quarantine.
    const missing = [...(sound.get('trade') ?? [])].filter((row) => !recovered?.has(row));
    expect(missing.filter((row) => row.length < 2 * file.pageSize)).toEqual([]);
    expect(missing.length).toBeLessThan(20);
  });

  it('keeps the rows of an older WAL apart, and takes them with --include-wal', async () => {
    const { folder, path } = patient();
    leaveWal(path);
    const sound = rowsOf(path);
    const kind = damageKinds.find(({ name }) => name.startsWith('WAL left over'));
    kind?.apply(new DamagedFile(path, 1));
    const careful = await runRecover(folder, path);
    expect(careful.data.quarantine).toMatchObject({ rows: 0, unprovenRows: 200 });
    expect(careful.findings.map(({ id }) => id)).toContain('recover.unproven');
    const kept = new Database(careful.data.quarantine?.path ?? '', { readonly: true });
    expect(kept.prepare('SELECT count(DISTINCT row_id) FROM unproven WHERE table_name = ?').pluck().get('trade')).toBe(
      200,
    );
    kept.close();
    const { data } = await runRecover(folder, path, { caseFolder: join(folder, 'second'), includeWal: true });
    expect(data.quarantine).toBeNull();
    expect(rowsOf(data.result?.path ?? '')).toEqual(sound);
  });

  it.each(['fts5', 'fts4'])('makes a %s table anew from its texts', async (module) => {
    const { folder, path } = patient();
    const db = new Database(path);
    db.exec(`CREATE TABLE trade (id INTEGER PRIMARY KEY, note TEXT);
      CREATE VIRTUAL TABLE "my notes" USING ${module}(title, body);
      CREATE VIRTUAL TABLE outside USING ${module}(note, content="trade"${module === 'fts5' ? ', content_rowid="id"' : ''});`);
    db.exec('BEGIN');
    for (let row = 1; row <= 300; row++) {
      db.prepare('INSERT INTO trade VALUES (?, ?)').run(row, `order ${row} filled`);
      db.prepare('INSERT INTO "my notes" (rowid, title, body) VALUES (?, ?, ?)').run(
        row * 2,
        `title ${row}`,
        `venue ${row % 7}`,
      );
    }
    db.exec('COMMIT');
    db.close();
    const { data } = await runRecover(folder, path, { method: 'salvage' });
    expect(data.failedObjects).toEqual([]);
    const result = new Database(data.result?.path ?? '');
    const found = (sql: string): unknown => result.prepare(sql).pluck().all();
    expect(found(`SELECT rowid FROM "my notes" WHERE "my notes" MATCH 'title:17'`)).toEqual([34]);
    expect(found(`SELECT count(*) FROM "my notes" WHERE "my notes" MATCH 'venue'`)).toEqual([300]);
    expect(found(`SELECT rowid FROM outside WHERE outside MATCH 'order AND 250'`)).toEqual([250]);
    expect(result.pragma('integrity_check', { simple: true })).toBe('ok');
    result.close();
  });

  it('a dry run plans the ways and writes nothing', async () => {
    const { folder, path } = patient();
    makeSoundDatabase(path);
    const file = new DamagedFile(path, 5);
    file.page(file.pick(file.treePages('trade', 13))).fill(0);
    file.save();
    const before = fileState(folder);
    const { data } = await runRecover(folder, path, { dryRun: true });
    expect(fileState(folder)).toEqual(before);
    expect(data.plan.map(({ method, offered }) => [method, offered])).toEqual([
      ['salvage', true],
      ['replay', false],
      ['page-repair', false],
      ['vacuum-into', false],
      ['reindex', false],
      ['restore', false],
    ]);
    expect(data.damage[0]).toMatchObject({ class: 'child', count: 1 });
    expect(data.plan[0]?.expectedLoss).toBe('rows on 1 damaged or missing page of trade');
    makeSoundDatabase(join(folder, 'second.db'));
    const second = new DamagedFile(join(folder, 'second.db'), 5);
    second.page(second.root('trade_symbol')).fill(0);
    second.save();
    const plan = (await runRecover(folder, second.path, { dryRun: true })).data.plan;
    expect(plan.slice(0, 2)).toMatchObject([
      { method: 'reindex', lossless: true, expectedLoss: 'none' },
      { method: 'salvage', lossless: true, expectedLoss: 'none' },
    ]);
  });

  it('refuses a database in use, and a place that is taken', async () => {
    const { folder, path } = patient();
    makeSoundDatabase(path);
    const db = new Database(path);
    db.exec('BEGIN; SELECT * FROM trade LIMIT 1');
    await expect(runRecover(folder, path)).rejects.toMatchObject({ code: 'restore_target_in_use' });
    db.close();
    expect(existsSync(join(folder, 'case'))).toBe(false);
    mkdirSync(join(folder, 'case'));
    await expect(runRecover(folder, path)).rejects.toMatchObject({ code: 'database_exists' });
  });

  it('keeps rows of columns that were added later, large integers, blobs and all kinds of keys', async () => {
    const { folder, path } = patient();
    const db = new Database(path);
    db.exec(`CREATE TABLE trade (id INTEGER PRIMARY KEY AUTOINCREMENT, big INTEGER, kind TEXT CHECK (kind <> 'bad'));
      INSERT INTO trade VALUES (5, 9007199254740993, 'a'), (-3, -9223372036854775808, NULL);
      ALTER TABLE trade ADD COLUMN extra TEXT DEFAULT 'later';
      INSERT INTO trade VALUES (70, 1, 'c', x'00ff');
      CREATE TABLE setting (b, rowid, a, PRIMARY KEY (a, b)) WITHOUT ROWID;
      INSERT INTO setting VALUES (1, 'r', 'x'), (2.5, NULL, 'y');
      CREATE TABLE made (a INTEGER, twice AS (a * 2), stored AS (a + 1) STORED, z TEXT);
      INSERT INTO made (a, z) VALUES (4, 'z');
      CREATE VIEW v AS SELECT * FROM trade;
      CREATE TRIGGER t AFTER INSERT ON trade BEGIN SELECT 1; END;
      PRAGMA user_version = 42; PRAGMA application_id = 77;`);
    const dump = (database: Database.Database): unknown[] =>
      ['trade', 'setting', 'made', 'sqlite_sequence'].map((name) =>
        database.prepare(`SELECT * FROM ${name}`).safeIntegers().raw().all(),
      );
    const wanted = dump(db);
    db.close();
    const { data } = await runRecover(folder, path, { method: 'salvage' });
    expect(data.failedObjects).toEqual([]);
    const result = new Database(data.result?.path ?? '');
    expect(dump(result)).toEqual(wanted);
    expect(result.pragma('user_version', { simple: true })).toBe(42);
    expect(result.pragma('application_id', { simple: true })).toBe(77);
    expect(result.prepare("SELECT count(*) FROM sqlite_schema WHERE type IN ('view', 'trigger')").pluck().get()).toBe(
      2,
    );
    result.close();
  });
});

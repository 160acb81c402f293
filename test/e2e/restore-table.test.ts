import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { RestoreTableData } from '../../src/commands/restore/table.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { fileState } from '../support/file-state.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const orders = '"it\'s ""orders"""';

function makeDatabase(path: string): void {
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec(`
    CREATE TABLE account (code TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE) WITHOUT ROWID;
    CREATE TABLE ${orders} (id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL REFERENCES account (code),
      price INTEGER, qty INTEGER, notional INTEGER GENERATED ALWAYS AS (price * qty) STORED);
    CREATE TABLE fill (order_id INTEGER NOT NULL REFERENCES ${orders} (id) ON DELETE CASCADE, qty INTEGER);
    CREATE TABLE journal (what TEXT);
    CREATE TRIGGER noted AFTER INSERT ON ${orders} BEGIN INSERT INTO journal VALUES ('insert ' || new.id); END;
    CREATE TRIGGER gone AFTER DELETE ON ${orders} BEGIN INSERT INTO journal VALUES ('delete ' || old.id); END;
    CREATE VIRTUAL TABLE note USING fts5(body);
    INSERT INTO account VALUES ('a', 'Alpha'), ('b', 'Beta');
    INSERT INTO ${orders} (account, price, qty) SELECT CASE value % 2 WHEN 0 THEN 'a' ELSE 'b' END, value, 3
      FROM json_each('[' || substr(replace(hex(zeroblob(100)), '00', ',1'), 2) || ']');
    UPDATE ${orders} SET price = id;
    INSERT INTO fill SELECT id, 1 FROM ${orders};
    DELETE FROM ${orders} WHERE id > 90;
    DELETE FROM journal;`);
  db.close();
}

const rowsOf = (db: Database.Database, sql: string): unknown[] => db.prepare(sql).all();

describe('tradedb restore table', () => {
  it('into a new table, only missing rows, changed ones, and all of them; keys, triggers and numbers are kept', async () => {
    const folder = temporaryFolder('tradedb \'table" ');
    const database = join(folder, 'a.db');
    makeDatabase(database);
    const cwd = { cwd: folder };
    const table = (...args: string[]) =>
      tradedb(['restore', 'table', ...args, '-d', database, '--json', '--temp', folder], cwd);
    expect((await tradedb(['backup', '-d', database], cwd)).code).toBe(0);
    const db = new Database(database);
    const name = 'it\'s "orders"';
    const before = rowsOf(db, `SELECT rowid, * FROM ${orders}`);
    const fills = rowsOf(db, 'SELECT rowid, * FROM fill');

    const listed = parseReport<RestoreTableData>(await table('--list')).data.available;
    expect(listed).toContainEqual({ name, kind: 'table', rows: 90 });
    expect(listed).toContainEqual({ name: 'note', kind: 'virtual', rows: null });

    const beside = await table(name);
    expect(beside.code, beside.stderr).toBe(0);
    const [copied] = parseReport<RestoreTableData>(beside).data.tables;
    expect(copied).toMatchObject({ mode: 'new', rowsInBackup: 90, rowsInserted: 90 });
    expect(rowsOf(db, `SELECT rowid, * FROM "${copied!.as.replaceAll('"', '""')}"`)).toEqual(before);
    expect((await table(name)).code).toBe(2);
    expect((await table(name, '--as', 'other')).code).toBe(0);
    db.exec(`DROP TABLE "${copied!.as.replaceAll('"', '""')}"; DROP TABLE other`);

    db.pragma('foreign_keys = ON');
    db.exec(
      `DELETE FROM ${orders} WHERE id % 10 = 0; UPDATE ${orders} SET price = -1 WHERE id = 5; DELETE FROM journal`,
    );
    const missing = await table(name, 'fill', '--mode', 'missing', '--yes');
    expect(missing.code, missing.stderr + missing.stdout).toBe(0);
    expect(parseReport<RestoreTableData>(missing).data.tables.map((one) => one.rowsInserted)).toEqual([9, 9]);
    expect(rowsOf(db, `SELECT price FROM ${orders} WHERE id = 5`)).toEqual([{ price: -1 }]);
    expect(rowsOf(db, 'SELECT rowid, * FROM fill')).toEqual(fills);
    expect(rowsOf(db, 'SELECT * FROM journal')).toEqual([]);
    expect(rowsOf(db, "SELECT name FROM sqlite_schema WHERE type = 'trigger' ORDER BY name")).toHaveLength(2);

    const upsert = await table(name, '--mode', 'upsert', '--yes');
    expect(parseReport<RestoreTableData>(upsert).data.tables[0]).toMatchObject({ rowsUpdated: 1, rowsInserted: 0 });
    db.exec(`INSERT INTO ${orders} (account, price, qty) VALUES ('a', 1, 1)`);
    const last = db.prepare(`SELECT max(id) AS id FROM ${orders}`).get() as { id: number };
    expect(last.id).toBe(101);
    const replace = await table(name, '--mode', 'replace', '--yes', '--fire-triggers');
    expect(replace.code, replace.stderr).toBe(0);
    expect(rowsOf(db, `SELECT rowid, * FROM ${orders}`)).toEqual(before);
    expect(rowsOf(db, 'SELECT count(*) AS n FROM journal')).toEqual([{ n: 1 + 91 + 90 }]);
    // The children were not touched by the deletion, and a number that was given away does not come again.
    expect(rowsOf(db, 'SELECT rowid, * FROM fill')).toEqual(fills);
    expect(rowsOf(db, `SELECT seq FROM sqlite_sequence WHERE name = '${name.replaceAll("'", "''")}'`)).toEqual([
      { seq: 101 },
    ]);
    db.close();
  }, 120_000);

  it('refuses other definitions, rows that would point to nothing, virtual and unknown tables; a dry run writes nothing', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'a.db');
    makeDatabase(database);
    const cwd = { cwd: folder };
    const table = (...args: string[]) =>
      tradedb(['restore', 'table', ...args, '-d', database, '--json', '--temp', folder], cwd);
    expect((await tradedb(['backup', '-d', database], cwd)).code).toBe(0);
    const db = new Database(database);
    db.pragma('foreign_keys = OFF');
    db.exec(`DELETE FROM fill; DELETE FROM ${orders} WHERE id = 7; ALTER TABLE account ADD COLUMN since TEXT;
      DELETE FROM account WHERE code = 'b'; INSERT INTO account VALUES ('c', 'Beta', NULL)`);
    const before = fileState(folder, (name) => /\.tradedb|-shm|-wal/.test(name));
    const violated = await table('fill', '--mode', 'missing', '--yes');
    expect(violated.code).toBe(12);
    const { data } = parseReport<RestoreTableData>(violated);
    expect(data).toMatchObject({ outcome: 'violated' });
    expect(data.foreignKeyViolations).toHaveLength(1);
    const different = await table('account', '--mode', 'missing', '--yes');
    expect(different.code).toBe(13);
    expect(parseReport<RestoreTableData>(different).data.differences[0]?.message).toContain('since');
    expect((await table('note', '--mode', 'replace', '--yes')).code).toBe(2);
    expect(parseError(await table('nothing')).code).toBe('backup_not_found');
    expect((await table()).code).toBe(2);
    expect((await table('fill', '--mode', 'replace')).code).toBe(2);
    const dry = await table('fill', '--mode', 'replace', '--dry-run');
    expect(parseReport<RestoreTableData>(dry).data.outcome).toBe('planned');
    expect(fileState(folder, (name) => /\.tradedb|-shm|-wal/.test(name))).toEqual(before);
    expect(rowsOf(db, 'SELECT count(*) AS n FROM fill')).toEqual([{ n: 0 }]);

    const common = await table('account', '--mode', 'missing', '--columns-common', '--yes');
    expect(common.code, common.stderr + common.stdout).toBe(3);
    expect(parseReport<RestoreTableData>(common).data.tables[0]).toMatchObject({ rowsInserted: 0, rowsSkipped: 1 });
    db.exec('BEGIN IMMEDIATE');
    const locked = await tradedb(['restore', 'table', 'fill', '-d', database, '--json'], { cwd: folder });
    expect(locked.code).toBe(11);
    db.close();
  }, 120_000);
});

import { execFile, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { resolveConflict } from '../../../src/core/migration/resolve.ts';
import { readMigrationState } from '../../../src/core/migration/state.ts';
import { applyMigrations } from '../../../src/core/migration/up.ts';
import type { Connection } from '../../../src/core/sqlite/connection.ts';
import { testContext } from '../../support/context.ts';
import { migrationFixture, runSettings } from '../../support/migrations.ts';

const schema = `CREATE TABLE parent(id INTEGER PRIMARY KEY);
  INSERT INTO parent VALUES(1),(2),(3);
  CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, px REAL, sym TEXT NOT NULL, ref TEXT UNIQUE,
    p INTEGER REFERENCES parent(id) ON DELETE CASCADE, twice REAL AS (px * 2));
  CREATE TABLE child(id INTEGER PRIMARY KEY, t INTEGER REFERENCES t(id) ON DELETE CASCADE);
  WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 3000)
  INSERT INTO t(id, px, sym, ref, p) SELECT x * 2, x / 7.0, 's' || (x % 50), CASE WHEN x % 3 THEN 'r' || x END, x % 3 + 1 FROM c;
  INSERT INTO child(t) SELECT id FROM t;
  CREATE INDEX t_sym ON t(sym COLLATE NOCASE DESC, px);
  CREATE INDEX t_part ON t(px) WHERE px > 100;
  CREATE INDEX t_expr ON t(lower(sym), p + 1);
  CREATE UNIQUE INDEX t_two ON t(sym, id);
  CREATE TABLE audit(what TEXT);
  CREATE TRIGGER t_audit AFTER UPDATE OF px ON t BEGIN INSERT INTO audit VALUES(new.sym); END;
  CREATE VIEW v AS SELECT id, px FROM t;
  ANALYZE;`;
const wanted = `CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, px REAL NOT NULL DEFAULT 0 CHECK (px >= 0), sym TEXT NOT NULL, ref TEXT UNIQUE,
  p INTEGER REFERENCES parent(id) ON DELETE CASCADE, twice REAL AS (px * 2), extra INTEGER DEFAULT 7) STRICT`;
const file = (sql = wanted, options = '') => ({
  '1_t.sql': `-- migrate:up\n-- migrate:table online${options}\n${sql};\n`,
});

async function prepared(files = file()) {
  const fixture = migrationFixture(files);
  const connection = await fixture.open();
  connection.exec(schema);
  return { fixture, connection, settings: { ...runSettings, connection, source: fixture.source } };
}

const rows = (connection: Connection) => connection.all('SELECT id, px, sym, ref, p, twice FROM t ORDER BY id');
const leftOvers = (connection: Connection) =>
  connection.value(
    `SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_tradedb\\_%' ESCAPE '\\' OR tbl_name LIKE '\\_tradedb\\_%' ESCAPE '\\'`,
  );
const others = (connection: Connection) =>
  connection.all(
    `SELECT type, name, sql FROM sqlite_schema WHERE name NOT IN ('t', 'tradedb_migrations') ORDER BY type, name`,
  );

describe('an online change', () => {
  test('keeps rows, objects, counter and statistics, and leaves nothing behind', async () => {
    const { connection, settings } = await prepared();
    const [before, objects] = [rows(connection), others(connection)];
    const statistics = connection.all('SELECT * FROM sqlite_stat1 ORDER BY tbl, idx');
    connection.exec("INSERT INTO t(id, px, sym) VALUES(9999, 1, 'x'); DELETE FROM t WHERE id = 9999");
    const result = await applyMigrations(settings, testContext());
    expect(result).toMatchObject({ failed: null, applied: [{ strategy: 'online', rowsChanged: 3000 }] });
    expect(rows(connection)).toEqual(before);
    expect(others(connection)).toEqual(objects);
    expect(connection.all('SELECT * FROM sqlite_stat1 ORDER BY tbl, idx')).toEqual(statistics);
    expect(connection.value(`SELECT seq FROM sqlite_sequence WHERE name = 't'`)).toBe(9999);
    expect(leftOvers(connection)).toBe(0);
    expect(connection.pragmaValue('integrity_check')).toBe('ok');
    expect(connection.pragma('foreign_key_check')).toEqual([]);
    expect(connection.value('SELECT count(*) FROM child')).toBe(3000);
    expect(() => connection.exec(`INSERT INTO t(px, sym) VALUES(-1, 'a')`)).toThrow(/CHECK/);
    expect(connection.get('SELECT extra FROM t WHERE id = 2')).toEqual({ extra: 7 });
    expect(connection.all(`EXPLAIN QUERY PLAN SELECT * FROM t WHERE lower(sym) = 'a' AND p + 1 = 2`)).toMatchObject([
      { detail: expect.stringContaining('t_expr') },
    ]);
  });

  test('a row that does not fit is named, and the engine is not bothered; corrected, it goes on', async () => {
    const { connection, settings, fixture } = await prepared();
    connection.exec('UPDATE t SET px = -5 WHERE id = 4000');
    const failed = await applyMigrations(settings, testContext());
    expect(failed.failed).toMatchObject({
      code: 'migration_interrupted',
      reason: expect.stringContaining('row 4000 of t'),
    });
    connection.exec(`INSERT INTO t(px, sym) VALUES(-7, 'engine')`);
    expect(readMigrationState(connection, fixture.source).conflicts).toMatchObject([{ class: 'interrupted' }]);
    connection.exec('UPDATE t SET px = 5 WHERE px < 0');
    expect(await applyMigrations(settings, testContext())).toMatchObject({ failed: null, pendingCount: 0 });
    expect(connection.value('SELECT count(*) FROM t')).toBe(3001);
    expect(leftOvers(connection)).toBe(0);
  });

  test('uses ALTER TABLE where that is enough', async () => {
    const { connection, settings } = await prepared(
      file(`CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, px REAL, sym TEXT NOT NULL, ref TEXT UNIQUE,
        p INTEGER REFERENCES parent(id) ON DELETE CASCADE, twice REAL AS (px * 2), extra INTEGER)`),
    );
    expect(await applyMigrations(settings, testContext())).toMatchObject({
      failed: null,
      applied: [{ strategy: 'native' }],
    });
    expect(connection.value('SELECT count(extra) + count(*) FROM t')).toBe(3000);
  });

  test.each([
    [
      'a view that would break',
      `CREATE TABLE t(id INTEGER PRIMARY KEY, sym TEXT NOT NULL, ref TEXT UNIQUE, p INTEGER) STRICT`,
      '',
      'px',
    ],
    ['a rename', wanted.replaceAll('sym', 'symbol'), ' rename=sym:symbol', 'rename'],
    [
      'rowids that change',
      wanted.replace('id INTEGER PRIMARY KEY AUTOINCREMENT', 'id INTEGER PRIMARY KEY AUTOINCREMENT'),
      ' fill="id:id + 1"',
      'told apart',
    ],
  ])('refuses %s before it begins', async (_, sql, options, message) => {
    const { connection, settings } = await prepared(file(sql, options));
    const result = await applyMigrations(settings, testContext());
    expect(result.failed?.reason).toContain(message);
    expect(result.failed?.code).toBe('migration_failed');
    expect(leftOvers(connection)).toBe(0);
  });
});

const script = (name: string) => fileURLToPath(new URL(`../../support/${name}`, import.meta.url));
const dist = fileURLToPath(new URL('../../../dist', import.meta.url));

/** Runs up in a process of its own, which dies at a pause; its output, empty when it died. */
function upAndDie(fixture: { directory: string; path: string }, pause: number): Promise<string> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [script('long-and-die.mjs'), dist, fixture.directory, fixture.path, String(pause)],
      (_, out) => resolve(out),
    );
  });
}

function startWriter(path: string): Promise<() => Promise<{ commits: number; errors: string[] }>> {
  const child = spawn(process.execPath, [script('mirroring-writer.mjs'), path], { stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  const closed = new Promise((resolve) => child.on('close', resolve));
  return new Promise((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.startsWith('ready')) {
        resolve(async () => {
          child.stdin.end();
          await closed;
          return JSON.parse(output.slice('ready\n'.length));
        });
      }
    });
  });
}

const mirror = `CREATE TABLE m(id INTEGER PRIMARY KEY, px REAL, sym TEXT NOT NULL, ref TEXT UNIQUE);
  INSERT INTO m SELECT id, px, sym, ref FROM t;`;
const sameAsMirror = (connection: Connection) => {
  const columns = 'id, px, sym, ref';
  expect(connection.value(`SELECT count(*) FROM t`)).toBe(connection.value('SELECT count(*) FROM m'));
  expect(connection.all(`SELECT ${columns} FROM t EXCEPT SELECT ${columns} FROM m`)).toEqual([]);
};

describe('beside a writer, killed again and again', () => {
  test('ends with exactly the rows that the writer made, and the writer meets no error', async () => {
    const { fixture, connection } = await prepared();
    connection.exec(`DROP TABLE child; DROP TRIGGER t_audit; ${mirror}`);
    connection.close();
    const stop = await startWriter(fixture.path);
    // A child that dies at its third, then sixth, ... pause: every phase is met, and each run gets a bit further.
    let output = '';
    for (let pause = 3; output === '' && pause < 300; pause += 3) output = await upAndDie(fixture, pause);
    const writer = await stop();
    expect(JSON.parse(output)).toMatchObject({ applied: 1, failed: null });
    expect(writer.errors).toEqual([]);
    expect(writer.commits).toBeGreaterThan(20);
    const after = await fixture.open();
    sameAsMirror(after);
    expect(leftOvers(after)).toBe(0);
    expect(after.pragmaValue('integrity_check')).toBe('ok');
    expect(after.all(`SELECT event FROM tradedb_migrations ORDER BY seq`)).toEqual([
      { event: 'started' },
      { event: 'applied' },
    ]);
  });

  test.each([1, 20, 60])(
    'killed at pause %i and given up, the table keeps its form and nothing is left',
    async (pause) => {
      const { fixture, connection } = await prepared();
      const [before, objects] = [rows(connection), others(connection)];
      connection.close();
      expect(await upAndDie(fixture, pause)).toBe('');
      const again = await fixture.open();
      const settings = { ...runSettings, connection: again, source: fixture.source };
      const request = { version: '1', resolution: 'abort', reason: 'not today', user: 'me', dryRun: false } as const;
      const result = await resolveConflict({ ...settings, ...request }, testContext());
      expect(result).toMatchObject({ abandoned: { table: 't', rowsChanged: 0 }, conflicts: [] });
      expect(leftOvers(again)).toBe(0);
      expect(rows(again)).toEqual(before);
      expect(others(again)).toEqual(objects);
      expect(readMigrationState(again, fixture.source).pending).toHaveLength(1);
      expect(again.pragmaValue('integrity_check')).toBe('ok');
      expect(await applyMigrations(settings, testContext())).toMatchObject({ failed: null, pendingCount: 0 });
    },
  );
});

describe('a data step that is killed', () => {
  test('goes on behind its last batch: every row is changed exactly once', async () => {
    const text =
      '-- migrate:up\n-- migrate:data table=t key=id batch=100\nUPDATE t SET px = px + 1000 WHERE id > @after AND id <= @upto;';
    const { fixture, connection } = await prepared({ '1_t.sql': text });
    const before = connection.value('SELECT sum(px) FROM t') as number;
    connection.close();
    let output = '';
    for (let pause = 2; output === '' && pause < 100; pause += 3) output = await upAndDie(fixture, pause);
    expect(JSON.parse(output)).toMatchObject({ applied: 1, failed: null });
    const after = await fixture.open();
    expect(after.value('SELECT sum(px) FROM t')).toBeCloseTo(before + 3_000_000, 3);
  });
});

test('killed when nothing is left but its row in the history, the next up closes it', async () => {
  const { connection, settings } = await prepared();
  let seen = 0;
  const stop = {
    ...testContext().clock,
    sleep: async () => {
      seen += 1;
      if (connection.get(`SELECT 1 FROM sqlite_schema WHERE name = '_tradedb_online_t'`) === undefined)
        throw new Error('gone');
    },
  };
  // The last pause lies behind the removal of the old table.
  await expect(applyMigrations(settings, testContext({ clock: stop }))).rejects.toThrow('gone');
  expect(seen).toBeGreaterThan(10);
  const result = await applyMigrations(settings, testContext());
  expect(result).toMatchObject({ failed: null, pendingCount: 0 });
  expect(leftOvers(connection)).toBe(0);
});

import { describe, expect, test } from 'vitest';
import { applyMigrations, type UpResult } from '../../../src/core/migration/up.ts';
import type { Connection } from '../../../src/core/sqlite/connection.ts';
import { testContext } from '../../support/context.ts';
import { migrationFixture, runSettings } from '../../support/migrations.ts';

const base = `
  CREATE TABLE parent(id INTEGER PRIMARY KEY, name TEXT);
  CREATE TABLE child(id INTEGER PRIMARY KEY, p INT REFERENCES parent(id) ON DELETE CASCADE);
  INSERT INTO parent VALUES(1, 'a'), (2, 'b');
  INSERT INTO child VALUES(10, 1), (11, 2);`;

/** Applies one file to a database that was made with `setup`. */
async function run(setup: string, sql: string): Promise<{ result: UpResult; connection: Connection }> {
  const fixture = migrationFixture({ '1_change.sql': sql });
  const connection = await fixture.open();
  connection.exec(setup);
  return {
    result: await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext()),
    connection,
  };
}

const rebuild = `CREATE TABLE new(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO new SELECT * FROM parent;
DROP TABLE parent;
ALTER TABLE new RENAME TO parent;`;

describe('table rebuilds', () => {
  test('keep the rows of CASCADE children', async () => {
    const { result, connection } = await run(base, rebuild);
    expect(result.failed).toBeNull();
    expect(connection.value('SELECT count(*) FROM child')).toBe(2);
    expect(connection.value(`SELECT sql FROM sqlite_schema WHERE name = 'child'`)).toContain('REFERENCES parent(id)');
  });

  test('pass beside a view and a trigger of another table on the table', async () => {
    const { result, connection } = await run(
      `${base} CREATE VIEW v AS SELECT name FROM parent;
       CREATE TRIGGER tr AFTER INSERT ON child BEGIN UPDATE parent SET name = 'x' WHERE id = new.p; END;`,
      rebuild,
    );
    expect(result.failed).toBeNull();
    expect(connection.all('SELECT * FROM v')).toHaveLength(2);
    connection.exec('INSERT INTO child VALUES(12, 1)');
    expect(connection.value('SELECT name FROM parent WHERE id = 1')).toBe('x');
  });

  test('with the old table moved away first, references stay at the name', async () => {
    const { result, connection } = await run(
      `${base} CREATE VIEW v AS SELECT name FROM parent;`,
      `ALTER TABLE parent RENAME TO old; CREATE TABLE parent(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
       INSERT INTO parent SELECT * FROM old; DROP TABLE old;`,
    );
    expect(result.failed).toBeNull();
    expect(connection.value(`SELECT sql FROM sqlite_schema WHERE name = 'child'`)).toContain('REFERENCES parent(id)');
    expect(connection.all('SELECT * FROM v')).toHaveLength(2);
  });

  test('a genuine rename takes references, views and triggers along', async () => {
    const { result, connection } = await run(
      `${base} CREATE VIEW v AS SELECT name FROM parent;`,
      'ALTER TABLE parent RENAME TO people;',
    );
    expect(result.failed).toBeNull();
    expect(connection.value(`SELECT sql FROM sqlite_schema WHERE name = 'child'`)).toContain('REFERENCES "people"(id)');
    expect(connection.all('SELECT * FROM v')).toHaveLength(2);
  });

  test.each([
    ['CREATE INDEX by_name ON parent(name);', 'would lose index by_name on parent'],
    ['CREATE TRIGGER tr AFTER DELETE ON parent BEGIN SELECT 1; END;', 'would lose trigger tr on parent'],
  ])('that forget %s are refused', async (extra, reason) => {
    const { result, connection } = await run(base + extra, rebuild);
    expect(result.failed).toMatchObject({ reason, line: 4 });
    expect(connection.all(`SELECT name FROM sqlite_schema WHERE name IN ('by_name', 'tr')`)).toHaveLength(1);
    const again = await run(
      base + extra,
      extra.includes('INDEX') ? `DROP INDEX by_name; ${rebuild}` : `DROP TRIGGER tr; ${rebuild}`,
    );
    expect(again.result.failed).toBeNull();
  });

  test('that set an AUTOINCREMENT counter back are refused with the way out', async () => {
    const setup =
      'CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, x); INSERT INTO a VALUES(100, 1); DELETE FROM a;';
    const sql =
      'CREATE TABLE b(id INTEGER PRIMARY KEY AUTOINCREMENT, x INT); INSERT INTO b SELECT * FROM a; DROP TABLE a; ALTER TABLE b RENAME TO a;';
    const { result } = await run(setup, sql);
    expect(result.failed?.reason).toContain('back from 100 to 0');
    const fixed = await run(setup, `${sql} ${result.failed?.hint?.replace('after the rebuild: ', '')}`);
    expect(fixed.result.failed).toBeNull();
    fixed.connection.exec('INSERT INTO a(x) VALUES(1)');
    expect(fixed.connection.value('SELECT id FROM a')).toBe(101);
  });
});

describe('foreign keys', () => {
  test('new violations are refused and named', async () => {
    const { result, connection } = await run(base, 'SELECT 1;\nDELETE FROM parent WHERE id = 2;');
    expect(result.failed).toMatchObject({
      line: 2,
      reason: 'would leave 1 row of child (rowid 11) without a parent in parent',
    });
    expect(connection.value('SELECT count(*) FROM parent')).toBe(2);
  });

  test('old violations are tolerated and told', async () => {
    const { result } = await run(
      `PRAGMA foreign_keys = OFF; ${base} INSERT INTO child VALUES(99, 77);`,
      `UPDATE parent SET name = 'z'; INSERT INTO child VALUES(12, 1);`,
    );
    expect(result.failed).toBeNull();
    expect(result.applied[0]?.oldViolations).toEqual([{ table: 'child', rows: 1 }]);
    const worse = await run(
      `PRAGMA foreign_keys = OFF; ${base} INSERT INTO child VALUES(99, 77);`,
      'INSERT INTO child VALUES(12, 78);',
    );
    expect(worse.result.failed?.reason).toContain('rowid 12');
  });

  test('a parent key that stops being unique is noticed', async () => {
    const { result } = await run(
      'CREATE TABLE p(a TEXT); CREATE UNIQUE INDEX pa ON p(a); CREATE TABLE c(x TEXT REFERENCES p(a));',
      'DROP INDEX pa; INSERT INTO p VALUES(1);',
    );
    expect(result.failed?.reason).toContain('foreign keys of c cannot be checked any more');
  });

  test('foreign-keys=on cascades, and refuses to drop a parent', async () => {
    const cascade = await run(base, '-- migrate:up foreign-keys=on\nDELETE FROM parent WHERE id = 2;');
    expect(cascade.result.failed).toBeNull();
    expect(cascade.connection.value('SELECT count(*) FROM child')).toBe(1);
    const refused = await run(base, `-- migrate:up foreign-keys=on\n${rebuild}`);
    expect(refused.result.failed).toMatchObject({ line: 4 });
    expect(refused.connection.value('SELECT count(*) FROM child')).toBe(2);
  });
});

describe('views and triggers', () => {
  test.each([
    ['CREATE VIEW v AS SELECT x FROM t;', 'DROP TABLE t;', 'would break view v: '],
    [
      'CREATE TRIGGER tr AFTER INSERT ON u BEGIN INSERT INTO t(x) VALUES(1); END;',
      'DROP TABLE t;',
      'would break trigger tr: ',
    ],
    [
      'CREATE TRIGGER tr AFTER UPDATE OF y ON u BEGIN SELECT 1; END;',
      'ALTER TABLE u DROP COLUMN y;',
      'would break trigger tr: it waits for updates of y',
    ],
  ])('%s against %s', async (object, change, reason) => {
    const { result } = await run(`CREATE TABLE t(x); CREATE TABLE u(x, y); ${object}`, change);
    expect(result.failed?.reason).toContain(reason);
    // A column drop is refused by SQLite itself while an unrelated view is broken.
    if (!change.startsWith('DROP')) return;
    const broken = await run(
      `CREATE TABLE t(x); CREATE TABLE u(x, y); CREATE VIEW old AS SELECT nope FROM u; ${object}`,
      change,
    );
    expect(broken.result.failed?.reason).toContain(reason);
  });

  test('what was broken before does not stand in the way', async () => {
    const { result } = await run(
      'CREATE TABLE t(x); CREATE TABLE u(y); CREATE VIEW old AS SELECT nope FROM u;',
      'DROP TABLE t;',
    );
    expect(result.failed).toBeNull();
  });

  test('triggers of views are compiled too', async () => {
    const setup = `CREATE TABLE t(x); CREATE TABLE l(y); CREATE VIEW v AS SELECT x FROM t;
      CREATE TRIGGER tr INSTEAD OF UPDATE ON v BEGIN INSERT INTO l(y) VALUES(new.x); END;`;
    const { result } = await run(setup, 'DROP TABLE l;');
    expect(result.failed?.reason).toContain('would break trigger tr');
  });
});

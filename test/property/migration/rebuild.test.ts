import fc from 'fast-check';
import { expect, test } from 'vitest';
import { listViolations, recordViolations } from '../../../src/core/migration/post-check/foreign-keys.ts';
import { changeTable } from '../../../src/core/migration/table-change.ts';
import { readObjects } from '../../../src/core/schema/introspect.ts';
import { type Connection, openMemory } from '../../../src/core/sqlite/connection.ts';
import { testPorts } from '../../support/context.ts';

interface Shape {
  readonly key: 'rowid' | 'integer' | 'autoincrement' | 'without';
  readonly strict: boolean;
  readonly check: boolean;
  readonly generated: boolean;
  readonly notNull: boolean;
  readonly unique: boolean;
  readonly selfReference: boolean;
}

const shape: fc.Arbitrary<Shape> = fc.record({
  key: fc.constantFrom('rowid', 'integer', 'autoincrement', 'without'),
  strict: fc.boolean(),
  check: fc.boolean(),
  generated: fc.boolean(),
  notNull: fc.boolean(),
  unique: fc.boolean(),
  selfReference: fc.boolean(),
});

function definition(one: Shape): string {
  const key = {
    rowid: 'id INTEGER',
    integer: 'id INTEGER PRIMARY KEY',
    autoincrement: 'id INTEGER PRIMARY KEY AUTOINCREMENT',
    without: 'id INTEGER PRIMARY KEY',
  }[one.key];
  const columns = [
    key,
    `a INTEGER${one.notNull ? ' NOT NULL' : ''}`,
    `b TEXT${one.unique ? ' UNIQUE' : ''}`,
    `up INTEGER${one.selfReference && one.key !== 'rowid' ? ' REFERENCES t(id) ON DELETE CASCADE' : ''}`,
    ...(one.generated ? ['twice INTEGER AS (a * 2) STORED'] : []),
    ...(one.check ? ['CHECK (a >= 0)'] : []),
  ];
  const options = [...(one.strict ? ['STRICT'] : []), ...(one.key === 'without' ? ['WITHOUT ROWID'] : [])];
  return `CREATE TABLE t(${columns.join(', ')}) ${options.join(', ')}`;
}

const around = `CREATE INDEX t_a ON t(a DESC) WHERE a > 1;
  CREATE INDEX t_expression ON t(a + 1, lower(b));
  CREATE TRIGGER t_insert AFTER INSERT ON t BEGIN INSERT INTO log VALUES(new.a); END;
  CREATE TRIGGER other AFTER INSERT ON log BEGIN UPDATE t SET up = NULL WHERE a = new.x; END;
  CREATE VIEW v AS SELECT id, a FROM t;
  CREATE VIEW v2 AS SELECT a FROM v;
  CREATE TRIGGER v_insert INSTEAD OF INSERT ON v BEGIN INSERT INTO t(id, a) VALUES(new.id, new.a); END;`;

function content(connection: Connection, withoutRowid: boolean): unknown {
  const rowid = withoutRowid ? 'id' : 'rowid';
  return {
    rows: connection.all(`SELECT ${rowid} AS r, id, a, b, up FROM t ORDER BY id, r`),
    children: connection.all('SELECT * FROM child ORDER BY id'),
    log: connection.value('SELECT count(*) FROM log'),
  };
}

test('any table becomes any other one without losing a row, a rowid or an object', () => {
  fc.assert(
    fc.property(shape, shape, fc.uniqueArray(fc.nat(200), { maxLength: 12 }), (from, to, ids) => {
      const connection = openMemory(testPorts);
      connection.exec('PRAGMA foreign_keys = OFF');
      connection.exec(
        `${definition(from)}; CREATE TABLE log(x); CREATE TABLE child(id INTEGER PRIMARY KEY, t INT REFERENCES t(id) ON DELETE CASCADE);`,
      );
      for (const id of ids) {
        connection.run('INSERT INTO t(id, a, b, up) VALUES(?, ?, ?, NULL)', [id, id * 2, `b${id}`]);
        connection.run('INSERT INTO child(t) VALUES(?)', [id]);
      }
      // An empty table has given ids too.
      if (from.key === 'autoincrement')
        connection.exec('INSERT INTO t(id, a, b) VALUES(5000, 1, NULL); DELETE FROM t WHERE id = 5000;');
      connection.exec(around);
      const objects = readObjects(connection).filter((object) => object.name !== 't');
      const before = content(connection, from.key === 'without');
      const noRowids = from.key === 'without' || to.key === 'without';

      connection.exec('BEGIN');
      changeTable(connection, definition(to), { renames: [], fills: new Map() });
      connection.exec('COMMIT');

      if (from.key !== 'rowid' && !noRowids) expect(content(connection, false)).toEqual(before);
      const plain = (value: unknown) => (value as { rows: { id: number }[] }).rows.map(({ id }) => id);
      expect(plain(content(connection, to.key === 'without'))).toEqual(plain(before));
      const after = readObjects(connection).filter((object) => object.name !== 't');
      expect(after.map(({ type, name, sql }) => `${type} ${name} ${sql}`).sort()).toEqual(
        objects.map(({ type, name, sql }) => `${type} ${name} ${sql}`).sort(),
      );
      // Without a key the reference of the child cannot be checked at all.
      if (to.key !== 'rowid') expect(listViolations(recordViolations(connection, new Set(['t'])))).toEqual([]);
      expect(connection.pragmaValue('integrity_check')).toBe('ok');
      if (from.key === 'autoincrement' && to.key === 'autoincrement') {
        expect(connection.value(`SELECT seq FROM sqlite_sequence WHERE name = 't'`)).toBe(5000);
      }
      connection.exec('INSERT INTO v(id, a) VALUES(9000, 4)');
      expect(connection.value('SELECT count(*) FROM v2')).toBe(ids.length + 1);
      connection.close();
    }),
    { numRuns: 150 },
  );
});

import { expect, test } from 'vitest';
import { cloneSchema } from '../../../src/core/schema/clone.ts';
import { diffObjects } from '../../../src/core/schema/diff.ts';
import { schemaDigest } from '../../../src/core/schema/digest.ts';
import {
  listTables,
  readColumns,
  readForeignKeys,
  readObjects,
  readReferences,
} from '../../../src/core/schema/introspect.ts';
import { openMemory } from '../../../src/core/sqlite/connection.ts';
import { testPorts } from '../../support/context.ts';

const schema = `
  CREATE TABLE parent(id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT UNIQUE) STRICT;
  CREATE TABLE child(id INTEGER PRIMARY KEY, p INT REFERENCES parent(id) ON DELETE CASCADE, twice INT AS (id * 2) STORED, "odd ""name" TEXT DEFAULT 'x');
  CREATE TABLE keyed(a TEXT, b TEXT, PRIMARY KEY(b, a)) WITHOUT ROWID;
  CREATE INDEX child_p ON child(p DESC) WHERE p IS NOT NULL;
  CREATE VIEW v AS SELECT * FROM child;
  CREATE TRIGGER v_insert INSTEAD OF INSERT ON v BEGIN INSERT INTO child(p) VALUES(new.p); END;
  CREATE VIRTUAL TABLE words USING fts5(text);
  INSERT INTO parent(a) VALUES('row');`;

test('a clone has every object and no row', () => {
  const source = openMemory(testPorts);
  source.exec(schema);
  const { connection, skipped } = cloneSchema(source, testPorts);
  expect(skipped).toEqual([]);
  expect(diffObjects(readObjects(source), readObjects(connection))).toEqual([]);
  expect(schemaDigest(readObjects(connection))).toBe(schemaDigest(readObjects(source)));
  expect(connection.value('SELECT count(*) FROM parent')).toBe(0);
  expect(listTables(connection).find((table) => table.name === 'keyed')).toMatchObject({ withoutRowid: true });
  source.close();
  connection.close();
});

test('an object that cannot be made is named, not fatal', () => {
  const source = openMemory(testPorts);
  source.exec('CREATE TABLE t(a); CREATE TABLE u(a); CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; END;');
  const { connection, skipped } = cloneSchema(source, testPorts);
  expect(skipped).toEqual([]);
  expect(readObjects(connection)).toHaveLength(3);
  source.close();
  connection.close();
});

test('introspection sees generated columns, keys and references', () => {
  const source = openMemory(testPorts);
  source.exec(schema);
  expect(readColumns(source, 'child').map((column) => [column.name, column.generated])).toEqual([
    ['id', 'no'],
    ['p', 'no'],
    ['twice', 'stored'],
    ['odd "name', 'no'],
  ]);
  expect(readColumns(source, 'keyed').map((column) => column.keyPosition)).toEqual([2, 1]);
  expect(readForeignKeys(source, 'child')).toEqual([
    { id: 0, parent: 'parent', columns: ['p'], parentColumns: ['id'], onDelete: 'CASCADE', onUpdate: 'NO ACTION' },
  ]);
  expect(readReferences(source)).toEqual([{ child: 'child', parent: 'parent' }]);
  source.close();
});

test('diff names missing, extra and changed objects and is blind to order', () => {
  const object = (type: 'table' | 'index', name: string, sql: string) => ({ type, name, table: 't', sql });
  const table = object('table', 't', 'CREATE TABLE t(a)');
  const index = object('index', 'i', 'CREATE INDEX i ON t(a)');
  expect(diffObjects([table, index], [object('table', 'T', 'CREATE TABLE "T"(a, b)')])).toEqual([
    { type: 'table', name: 't', change: 'changed', expected: 'CREATE TABLE t(a)', actual: 'CREATE TABLE "T"(a, b)' },
    { type: 'index', name: 'i', change: 'missing', expected: 'CREATE INDEX i ON t(a)', actual: null },
  ]);
  expect(diffObjects([], [index])).toMatchObject([{ change: 'extra' }]);
  expect(schemaDigest([table, index])).toBe(schemaDigest([index, table]));
});

import { describe, expect, test } from 'vitest';
import { parseNative, parseStored } from '../../../src/core/migration/format/native.ts';
import { storedText } from '../../../src/core/migration/migration.ts';
import { decodeMigration } from '../../../src/core/migration/migration-text.ts';
import { readStatements } from '../../../src/core/migration/statement.ts';
import { compareVersions, versionKey } from '../../../src/core/migration/version.ts';
import { migrationFixture } from '../../support/migrations.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('versions', () => {
  test('are compared as numbers', () => {
    expect(versionKey('0001')).toBe('1');
    expect(versionKey('1.0.0')).toBe('1');
    expect(compareVersions('9', '10')).toBeLessThan(0);
    expect(compareVersions('20260301093000', '0001')).toBeGreaterThan(0);
    expect(compareVersions('1.10', '1.9')).toBeGreaterThan(0);
    expect(compareVersions('123456789012345678901', '123456789012345678902')).toBeLessThan(0);
    expect(compareVersions('007', '7')).toBe(0);
  });
});

describe('text', () => {
  test('a byte order mark and CRLF change neither text nor checksum', () => {
    const plain = decodeMigration(bytes('SELECT 1;\nSELECT 2;\n'), 'a.sql');
    expect(decodeMigration(bytes('\ufeffSELECT 1;\r\nSELECT 2;\r\n'), 'a.sql')).toEqual(plain);
    expect(decodeMigration(bytes('SELECT 1;\nSELECT 3;\n'), 'a.sql').sha256).not.toBe(plain.sha256);
  });

  test('broken UTF-8 and NUL are refused with the place', () => {
    expect(() => decodeMigration(new Uint8Array([0x53, 0xff]), 'a.sql')).toThrow('a.sql is not valid UTF-8');
    expect(() => decodeMigration(bytes('SELECT 1;\n\0DROP TABLE t;'), 'a.sql')).toThrow(
      'a.sql:2 holds a NUL character',
    );
  });
});

describe('markers', () => {
  const text = `-- note
-- migrate:up requires=3 foreign-keys:on
CREATE TABLE t(a DEFAULT '
-- migrate:down
'); /*
-- migrate:down
*/
-- migrate:down
DROP TABLE t;
-- migrate:verify until=9
SELECT 1 WHERE 0;`;

  test('count outside literals and block comments alone', () => {
    const sections = parseNative(text, 'f.sql');
    expect(sections.up.statements).toHaveLength(1);
    expect(sections.up.options).toEqual({
      foreignKeys: true,
      requires: ['3'],
      irreversible: false,
      lintIgnore: [],
      transaction: true,
    });
    expect(sections.down?.statements[0]).toMatchObject({ line: 9, column: 1, kind: 'drop_table', target: 't' });
    expect(sections.verify).toMatchObject({ until: '9', statements: [{ line: 11 }] });
  });

  test('a stored section is read back with its options', () => {
    const { up } = parseNative(text, 'f.sql');
    const again = parseStored(storedText(up) ?? '', 'up', 'stored');
    expect(again.options).toEqual(up.options);
    expect(again.statements.map((statement) => statement.text)).toEqual(
      up.statements.map((statement) => statement.text),
    );
  });

  test.each([
    ['-- migrate:up\n-- nothing', 'f.sql has no statement to run'],
    ['', 'f.sql has no statement to run'],
    ['-- migrate:up\nSELECT 1;\n-- migrate:up\nSELECT 2;', 'f.sql:3: migrate:up stands twice'],
    ['-- migrate:up fast=yes\nSELECT 1;', 'f.sql:1: unknown option "fast=yes" of migrate:up'],
    ['-- migrate:up foreign-keys=maybe\nSELECT 1;', 'f.sql:1: "foreign-keys=maybe" is not understood'],
    ['-- migrate:up requires=soon\nSELECT 1;', 'f.sql:1: "requires=soon" needs a version'],
    ['-- migrate:sideways\nSELECT 1;', 'f.sql:1: unknown marker "migrate:sideways"'],
    ['-- migrate:up irreversible\nSELECT 1;\n-- migrate:down\nSELECT 2;', 'f.sql:3: an irreversible migration'],
    ['-- migrate:down\nSELECT 1;', 'f.sql has no "-- migrate:up"'],
    ['SELECT 1;\n-- migrate:up\nSELECT 2;', 'f.sql:1: a statement stands before the first marker'],
  ])('%j is refused', (source, message) => {
    expect(() => parseNative(source, 'f.sql')).toThrow(message);
  });
});

test.each([
  ['CREATE TEMP TABLE IF NOT EXISTS "a b"(x)', 'create_table', 'a b', undefined],
  ['create unique index i on t(a)', 'create_index', 'i', undefined],
  ['CREATE VIRTUAL TABLE f USING fts5(x)', 'create_virtual_table', 'f', undefined],
  ['ALTER TABLE main.t RENAME TO [n]', 'rename_table', 't', 'n'],
  ['ALTER TABLE t RENAME COLUMN a TO b', 'alter_table', 't', undefined],
  ['ALTER TABLE t DROP a', 'drop_column', 't', undefined],
  ['ALTER TABLE t DROP CONSTRAINT c', 'alter_table', 't', undefined],
  ['DROP TRIGGER IF EXISTS main.tr', 'drop_trigger', 'tr', undefined],
  ['INSERT OR IGNORE INTO t VALUES(1)', 'insert', 't', undefined],
  ['UPDATE OR FAIL t SET a = 1', 'update', 't', undefined],
  ['WITH x AS (SELECT 1) DELETE FROM t', 'delete', 't', undefined],
  ['WITH x AS (DELETE) SELECT 1', 'select', undefined, undefined],
  ['END', 'transaction', undefined, undefined],
  ['PRAGMA user_version = 3', 'pragma', undefined, undefined],
])('%s is %s', (sql, kind, target, renameTo) => {
  expect(readStatements(sql, 1)[0]).toMatchObject({ kind, target, renameTo });
});

describe('folder', () => {
  test('lists by version, and leaves other files and folders alone', () => {
    const { source, write } = migrationFixture({
      '10_b.sql': 'SELECT 1',
      '9-a.sql': 'SELECT 1',
      '0011.sql': 'SELECT 1',
      'README.md': 'x',
    });
    write('.hidden.sql', 'x');
    expect(source.list().map(({ version, name }) => [version, name])).toEqual([
      ['9', 'a'],
      ['10', 'b'],
      ['0011', ''],
    ]);
  });

  test('refuses what it would otherwise pass over', () => {
    const unnamed = migrationFixture({ 'add_fee.sql': 'SELECT 1' });
    expect(() => unnamed.source.list()).toThrow('has no version');
  });
});

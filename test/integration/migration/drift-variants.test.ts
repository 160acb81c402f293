import { describe, expect, test } from 'vitest';
import { findDrift } from '../../../src/core/migration/drift.ts';
import { applyMigrations } from '../../../src/core/migration/up.ts';
import type { Connection } from '../../../src/core/sqlite/connection.ts';
import { withWritableSchema } from '../../../src/core/sqlite/writable-schema.ts';
import { testContext } from '../../support/context.ts';
import { migrationFixture, runSettings } from '../../support/migrations.ts';

/** The definitions of the fixture, as the variants spell them differently. */
const definitions = {
  orders: `CREATE TABLE orders (id INTEGER PRIMARY KEY, account TEXT NOT NULL DEFAULT 'main', px REAL CHECK (px > 0), qty INT, CONSTRAINT fk FOREIGN KEY (qty) REFERENCES lots(id)) STRICT`,
  lots: 'CREATE TABLE lots (id INTEGER PRIMARY KEY, size INT NOT NULL, half AS (size / 2) STORED)',
  by_px: `CREATE UNIQUE INDEX by_px ON orders (px DESC, account COLLATE NOCASE) WHERE account <> 'x'`,
  open_orders: `CREATE VIEW open_orders AS SELECT id, px FROM orders WHERE account = 'main'`,
  audit: `CREATE TRIGGER audit AFTER UPDATE OF px ON orders WHEN new.px > 1 BEGIN INSERT INTO lots(size) VALUES (1); END`,
} as const;
type Name = keyof typeof definitions;

const up = `-- migrate:up\n${Object.values(definitions).join(';\n')};\n-- migrate:down\nSELECT 1;`;

/** Ways to spell one definition; none changes what it means. */
const spellings: readonly ((sql: string) => string)[] = [
  (sql) => sql.replace(/\s+/g, '\n\t'),
  (sql) => sql.replace(/ /g, '  '),
  (sql) =>
    sql.replace(/\b(CREATE|TABLE|INDEX|VIEW|TRIGGER|NOT|NULL|DEFAULT|WHERE|AS|SELECT|FROM|BEGIN|END|ON)\b/g, (word) =>
      word.toLowerCase(),
    ),
  (sql) => sql.replace(/\b(orders|lots)\b/g, '"$1"'),
  (sql) => sql.replace(/\b(orders|lots)\b/g, '[$1]'),
  (sql) => sql.replace(/\b(orders|lots|px|qty|size)\b/g, '`$1`'),
  (sql) => sql.replace(/ \(/g, ' /* a ( comment */ ('),
  (sql) => `${sql} -- and a last word`,
];

/** Real changes, several of each kind of object. */
const changes: readonly (readonly [Name, from: string, to: string])[] = [
  ['orders', `'main'`, `'Main'`],
  ['orders', `DEFAULT 'main'`, `DEFAULT 'main '`],
  ['orders', `NOT NULL DEFAULT 'main'`, `DEFAULT 'main'`],
  ['orders', 'px > 0', 'px >= 0'],
  ['orders', ' CHECK (px > 0)', ''],
  ['orders', 'px REAL', 'px INT'],
  ['orders', 'qty INT', 'qty INT NOT NULL'],
  ['orders', 'qty INT', 'qty INT UNIQUE'],
  ['orders', ') STRICT', ')'],
  ['orders', 'REFERENCES lots(id)', 'REFERENCES lots(id) ON DELETE CASCADE'],
  ['orders', 'REFERENCES lots(id)', 'REFERENCES lots(id) DEFERRABLE INITIALLY DEFERRED'],
  ['orders', 'CONSTRAINT fk', 'CONSTRAINT fk2'],
  ['orders', 'INTEGER PRIMARY KEY', 'INTEGER PRIMARY KEY AUTOINCREMENT'],
  ['orders', 'account TEXT', 'account TEXT COLLATE NOCASE'],
  ['orders', ', qty INT', ', qty INT, more INT'],
  ['lots', 'size / 2', 'size / 3'],
  ['lots', 'STORED', 'VIRTUAL'],
  ['lots', 'size INT NOT NULL', 'size INT'],
  ['lots', 'size INT', 'size TEXT'],
  ['lots', '/ 2)', '/ 2.0)'],
  ['by_px', 'UNIQUE ', ''],
  ['by_px', 'px DESC', 'px'],
  ['by_px', 'px DESC', 'px ASC'],
  ['by_px', 'COLLATE NOCASE', 'COLLATE RTRIM'],
  ['by_px', ' COLLATE NOCASE', ''],
  ['by_px', `<> 'x'`, `<> 'X'`],
  ['by_px', ` WHERE account <> 'x'`, ''],
  ['by_px', 'px DESC, account', 'account, px'],
  ['by_px', 'px DESC', 'abs(px) DESC'],
  ['open_orders', `'main'`, `'other'`],
  ['open_orders', 'id, px', 'px, id'],
  ['open_orders', 'id, px', 'id, px AS price'],
  ['open_orders', 'SELECT', 'SELECT DISTINCT'],
  ['open_orders', '= ', '<> '],
  ['audit', 'AFTER', 'BEFORE'],
  ['audit', 'UPDATE OF px', 'UPDATE'],
  ['audit', 'UPDATE OF px', 'INSERT'],
  ['audit', 'new.px > 1', 'old.px > 1'],
  ['audit', 'VALUES (1)', 'VALUES (2)'],
  ['audit', ' WHEN new.px > 1', ''],
];

async function migrated() {
  const fixture = migrationFixture({ '1_base.sql': up });
  const connection = await fixture.open();
  await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
  return { ...fixture, connection };
}

/** Rewrites one definition as if somebody had made the object that way. */
function respell(connection: Connection, name: Name, sql: string): void {
  withWritableSchema(connection, () => {
    connection.run('UPDATE sqlite_schema SET sql = ? WHERE name = ?', [sql, name]);
  });
}

describe('drift', () => {
  test('40 cosmetic variants: none is reported', async () => {
    const { connection, source } = await migrated();
    const names = Object.keys(definitions) as Name[];
    const variants = names.flatMap((name) => spellings.map((spell) => [name, spell(definitions[name])] as const));
    expect(variants).toHaveLength(40);
    for (const [name, sql] of variants) {
      respell(connection, name, sql);
      for (const fromFiles of [false, true]) {
        const { objects } = await findDrift({ connection, source, fromFiles }, testContext());
        expect(objects, sql).toEqual([]);
      }
      respell(connection, name, definitions[name]);
    }
  });

  test('40 real changes: each is reported, at its object', async () => {
    const { connection, source } = await migrated();
    expect(changes).toHaveLength(40);
    for (const [name, from, to] of changes) {
      const sql = definitions[name].replace(from, to);
      expect(sql).not.toBe(definitions[name]);
      respell(connection, name, sql);
      const { objects } = await findDrift({ connection, source }, testContext());
      expect(
        objects.map((object) => [object.name, object.change]),
        sql,
      ).toEqual([[name, 'changed']]);
      respell(connection, name, definitions[name]);
    }
  });
});

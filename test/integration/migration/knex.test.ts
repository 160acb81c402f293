import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { rollBackMigrations } from '../../../src/core/migration/down.ts';
import { planMigrations } from '../../../src/core/migration/plan.ts';
import { applyMigrations, type UpResult } from '../../../src/core/migration/up.ts';
import { readObjects } from '../../../src/core/schema/introspect.ts';
import type { Connection } from '../../../src/core/sqlite/connection.ts';
import { testContext } from '../../support/context.ts';
import { type MigrationFixture, migrationFixture, runSettings } from '../../support/migrations.ts';

const base = `CREATE TABLE parent(id INTEGER PRIMARY KEY, name TEXT, extra TEXT, code TEXT UNIQUE);
  CREATE TABLE child(id INTEGER PRIMARY KEY, p INT REFERENCES parent(id) ON DELETE CASCADE);
  CREATE TABLE log(x);
  CREATE TRIGGER tr AFTER UPDATE ON parent BEGIN INSERT INTO log VALUES(new.id); END;
  CREATE INDEX parent_name ON parent(name);
  CREATE VIEW v AS SELECT id, name FROM parent;
  INSERT INTO parent(id, name) VALUES(1, 'a'), (2, 'b');
  INSERT INTO child VALUES(10, 1), (11, 2);`;

async function run(
  body: string,
  rest = '',
): Promise<{ result: UpResult; connection: Connection; fixture: MigrationFixture }> {
  const fixture = migrationFixture({ '1_change.mjs': `export async function up(knex, tools) {\n${body}\n}\n${rest}` });
  const connection = await fixture.open();
  connection.exec(base);
  const result = await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
  return { result, connection, fixture };
}

const names = (connection: Connection): string[] =>
  readObjects(connection)
    .map((object) => object.name)
    .sort();
const everything = ['child', 'log', 'parent', 'parent_name', 'tr', 'v'];

describe('knex modules', () => {
  test('schema builder, query builder and nested transactions run inside our transaction', async () => {
    const { result, connection, fixture } = await run(
      `await knex.schema.createTable('made', (t) => { t.increments('id'); t.string('a').notNullable(); t.boolean('b'); t.index(['a']); });
       const [id] = await knex('made').insert({ a: 'x', b: true });
       await knex.transaction(async (trx) => { await trx('made').insert({ a: 'y' }); });
       await knex.transaction(async (trx) => { await trx('made').insert({ a: 'z' }); throw new Error('back'); }).catch(() => {});
       await knex('made').where({ id }).update({ a: 'changed' });
       if ((await knex('made').count({ n: '*' }))[0].n !== 2) throw new Error('wrong count');
       tools.exec("CREATE TABLE one(a); INSERT INTO one VALUES(1);");`,
      `export async function down(knex) { await knex.schema.dropTable('made'); await knex.schema.dropTable('one'); }`,
    );
    expect(result.failed).toBeNull();
    expect(result.applied[0]).toMatchObject({ kind: 'module', strategy: 'program' });
    expect(connection.all('SELECT a, b FROM made')).toEqual([
      { a: 'changed', b: 1 },
      { a: 'y', b: null },
    ]);
    const down = await rollBackMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    expect(down.failed).toBeNull();
    expect(names(connection)).not.toContain('made');
    expect(connection.isOpen).toBe(true);
  });

  test('CommonJS', async () => {
    const fixture = migrationFixture({
      '1_c.cjs': `exports.up = (knex) => knex.schema.createTable('c', (t) => t.increments());`,
    });
    const connection = await fixture.open();
    const result = await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    expect(result.failed).toBeNull();
    expect(names(connection)).toContain('c');
  });

  test.each([
    ['dropColumn by ALTER', `await knex.schema.alterTable('parent', (t) => t.dropColumn('extra'));`],
    ['dropColumn by our rebuild', `await knex.schema.alterTable('parent', (t) => t.dropColumn('code'));`],
    ['dropNullable', `await knex.schema.alterTable('parent', (t) => t.dropNullable('name'));`],
    ['setNullable', `await knex.schema.alterTable('parent', (t) => t.setNullable('name'));`],
    [
      'changeTable',
      `tools.changeTable('parent', 'CREATE TABLE parent(id INTEGER PRIMARY KEY, name TEXT NOT NULL, extra TEXT, code TEXT UNIQUE) STRICT');`,
    ],
  ])('%s keeps children, trigger, index and view', async (_, body) => {
    const { result, connection } = await run(body);
    expect(result.failed).toBeNull();
    expect(names(connection)).toEqual([...everything, 'tradedb_migrations'].sort());
    expect(connection.value('SELECT count(*) FROM child')).toBe(2);
    connection.exec(`UPDATE parent SET name = 'c' WHERE id = 1`);
    expect(connection.value('SELECT count(*) FROM log')).toBe(1);
  });

  test.each([
    ['alter', `t.integer('name').alter()`],
    ['primary', `t.primary(['name'])`],
    ['foreign', `t.foreign('extra').references('child.id')`],
    ['dropForeign', `t.dropForeign(['p'])`],
    ['dropPrimary', `t.dropPrimary()`],
  ])('%s is refused with the call to use, and nothing is left', async (call, body) => {
    const { result, connection } = await run(
      `await knex.schema.createTable('before', (t) => t.increments()); await knex.schema.alterTable('${call === 'dropForeign' ? 'child' : 'parent'}', (t) => { ${body}; });`,
    );
    expect(result.failed?.reason).toContain(`${call}() on`);
    expect(result.failed?.hint).toContain('tools.changeTable(');
    expect(names(connection)).toEqual(everything);
    expect(connection.value('SELECT count(*) FROM child')).toBe(2);
  });

  test.each([
    [`await knex.raw('COMMIT');`, 'transaction control is not allowed'],
    [`await knex.raw('VACUUM');`, 'VACUUM cannot run inside a transaction'],
    [`await knex.raw('SELECT 1; SELECT 2');`, 'one statement at a time'],
    [`await knex('parent').where({ id: 1 }).del();`, 'without a parent in parent'],
    [`await knex.raw('DROP INDEX parent_name'); throw new Error('changed my mind');`, 'changed my mind'],
    [`await knex.raw("INSERT OR ROLLBACK INTO parent(id) VALUES(1)");`, 'rolled the transaction back by itself'],
  ])('%s fails and leaves nothing', async (body, reason) => {
    const { result, connection } = await run(
      `await knex.schema.createTable('before', (t) => t.increments());\n${body}`,
    );
    expect(result.failed?.reason).toContain(reason);
    expect(names(connection)).toEqual(everything);
  });

  test('verify gives the rows that must not exist', async () => {
    const { result, connection } = await run(
      `await knex.schema.createTable('x', (t) => t.increments());`,
      `export const verify = (knex) => knex('parent').where({ name: 'b' });`,
    );
    expect(result.failed?.reason).toContain('verification found a row: {"id":2');
    expect(names(connection)).toEqual(everything);
  });

  test('a query that was not awaited cannot reach the database later', async () => {
    const { result, connection } = await run(
      `setTimeout(() => knex.raw("INSERT INTO log VALUES('late')").then(() => {}, () => {}), 5);`,
    );
    expect(result.failed).toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(connection.value('SELECT count(*) FROM log')).toBe(0);
  });

  test.each([
    [`export const other = 1;`, 'exports no function "up"'],
    [`export const up = (;`, 'cannot be loaded'],
  ])('%j is refused before anything runs', async (text, message) => {
    const fixture = migrationFixture({ '1_a.sql': 'CREATE TABLE a(x);', '2_b.mjs': text });
    const connection = await fixture.open();
    const up = applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    await expect(up).rejects.toThrow(message);
    expect(names(connection)).toEqual([]);
  });

  test('the plan runs modules on the shadow', async () => {
    const fixture = migrationFixture({
      '1_a.mjs': `export const up = (knex) => knex.schema.alterTable('parent', (t) => t.dropColumn('nope'));`,
    });
    const connection = await fixture.open();
    connection.exec(base);
    const plan = await planMigrations({ connection, source: fixture.source }, testContext());
    expect(plan.failed?.reason).toContain('no such column');
    expect(names(connection)).toEqual(everything);
  });

  test('knex is loaded only where a module needs it', () => {
    const script = fileURLToPath(new URL('../../support/migrate-and-tell-knex.mjs', import.meta.url));
    const dist = fileURLToPath(new URL('../../../dist', import.meta.url));
    const sql = migrationFixture({ '1_a.sql': 'CREATE TABLE a(x);' });
    const loads = (fixture: MigrationFixture): boolean =>
      JSON.parse(execFileSync(process.execPath, [script, dist, fixture.directory, fixture.path], { encoding: 'utf8' }));
    expect(loads(sql)).toBe(false);
    sql.write('2_b.mjs', `export const up = (knex) => knex.schema.createTable('b', (t) => t.increments());`);
    expect(loads(sql)).toBe(true);
  });
});

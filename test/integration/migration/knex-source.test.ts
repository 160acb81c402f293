import knex from 'knex';
import { describe, expect, onTestFinished, test } from 'vitest';
import { knexMigrationSource } from '../../../src/index.ts';
import { migrationFixture } from '../../support/migrations.ts';

describe('the files of a folder for knex.migrate', () => {
  test('knex applies and takes back SQL and programs, and refuses what only our run can do', async () => {
    const fixture = migrationFixture({
      '1_t.sql': `-- migrate:up\nCREATE TABLE t(x TEXT DEFAULT 'what?');\nINSERT INTO t VALUES('a?b');\n-- migrate:down\nDROP TABLE t;`,
      '2_p.mjs': `export const up = (knex) => knex('t').insert({ x: 'two' });\nexport const down = (knex) => knex('t').where('x', 'two').del();`,
    });
    const client = knex({ client: 'better-sqlite3', connection: { filename: fixture.path }, useNullAsDefault: true });
    onTestFinished(() => client.destroy());
    const migrationSource = knexMigrationSource(fixture.directory) as never;
    expect(await client.migrate.latest({ migrationSource })).toEqual([1, ['1_t.sql', '2_p.mjs']]);
    expect(await client('t').pluck('x')).toEqual(['a?b', 'two']);
    await client.migrate.down({ migrationSource });
    expect(await client('t').pluck('x')).toEqual(['a?b']);
    fixture.write('3_c.sql', '-- migrate:up\n-- migrate:table\nCREATE TABLE t(x TEXT, y);\n-- migrate:down\nSELECT 1;');
    await expect(client.migrate.latest({ migrationSource })).rejects.toThrow('3_c.sql:3: knex cannot run this');
    await expect(knexMigrationSource(`${fixture.directory}/none`).getMigrations()).rejects.toThrow('does not exist');
  });
});

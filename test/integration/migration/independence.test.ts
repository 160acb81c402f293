import { describe, expect, test } from 'vitest';
import { judgeEach } from '../../../src/core/migration/independence.ts';
import { planMigrations } from '../../../src/core/migration/plan.ts';
import { applyMigrations } from '../../../src/core/migration/up.ts';
import { testContext } from '../../support/context.ts';
import { migrationFixture, runSettings } from '../../support/migrations.ts';

const base = '-- migrate:up\nCREATE TABLE a(x);\nCREATE TABLE b(x);\n-- migrate:down\nSELECT 1;';
const file = (sql: string): string => `-- migrate:up\n${sql}\n-- migrate:down\nSELECT 1;`;

/** The answer for a late file 2 behind an applied file 3. */
async function ask(late: string, applied: string) {
  const fixture = migrationFixture({ '1_base.sql': base, '2_late.sql': file(late), '3_new.sql': file(applied) });
  const [one, two, three] = fixture.source.list();
  if (one === undefined || two === undefined || three === undefined) throw new Error('three files');
  const [answer] = await judgeEach([two], [one, three], testContext());
  return answer;
}

describe('whether the order of two files matters', () => {
  test.each([
    ['columns of two tables', 'ALTER TABLE a ADD COLUMN y;', 'ALTER TABLE b ADD COLUMN y;'],
    ['new objects', 'CREATE TABLE c(x); CREATE INDEX ci ON c(x);', 'CREATE VIEW v AS SELECT x FROM b;'],
  ])('no: %s', async (_, late, applied) => {
    expect(await ask(late, applied)).toMatchObject({ independent: true, file: '2_late.sql', newer: ['3_new.sql'] });
  });

  test.each([
    ['two columns of one table', 'ALTER TABLE a ADD COLUMN y;', 'ALTER TABLE a ADD COLUMN z;', 'different schemas'],
    ['one makes what the other uses', 'CREATE TABLE c(x);', 'CREATE INDEX ci ON c(x);', 'one order fails: 1 3_new.sql'],
    ['both make it', 'CREATE TABLE IF NOT EXISTS c(x);', 'CREATE TABLE IF NOT EXISTS c(x, y);', 'different schemas'],
    ['rows of one table', 'UPDATE a SET x = 1;', 'DELETE FROM a;', 'both are about a'],
    [
      'a table that is gone afterwards',
      'CREATE TABLE c(x); DROP TABLE c;',
      'DROP TABLE IF EXISTS c;',
      'both are about c',
    ],
  ])('yes: %s', async (_, late, applied, reason) => {
    const answer = await ask(late, applied);
    expect(answer?.independent).toBe(false);
    if (reason.startsWith('one order fails')) expect(answer?.reason).toContain('one order fails');
    else expect(answer?.reason).toContain(reason);
  });

  test('rows are no part of the proof, and that is said', async () => {
    const answer = await ask('UPDATE a SET x = 1;', 'ALTER TABLE b ADD COLUMN y;');
    expect(answer).toMatchObject({ independent: true });
    expect(answer?.reason).toContain('for the rows that is no proof');
  });

  test('the plan says it for late files, refused or allowed', async () => {
    const fixture = migrationFixture({ '1_base.sql': base, '3_new.sql': file('ALTER TABLE b ADD COLUMN y;') });
    const connection = await fixture.open();
    await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
    fixture.write('2_late.sql', file('ALTER TABLE a ADD COLUMN y;'));
    for (const allowOutOfOrder of [false, true]) {
      const plan = await planMigrations({ connection, source: fixture.source, allowOutOfOrder }, testContext());
      expect(plan.late).toMatchObject([{ file: '2_late.sql', independent: true }]);
      expect(plan.conflicts).toHaveLength(allowOutOfOrder ? 0 : 1);
    }
  });
});

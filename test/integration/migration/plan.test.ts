import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { planMigrations } from '../../../src/core/migration/plan.ts';
import { openReadOnly } from '../../../src/core/sqlite/connection.ts';
import { testContext, testPorts } from '../../support/context.ts';
import { folderState } from '../../support/folder-state.ts';
import { migrationFixture } from '../../support/migrations.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

async function planned(setup: string, files: Record<string, string>, withData = false) {
  const fixture = migrationFixture(files);
  const writer = await fixture.open();
  writer.exec(setup);
  writer.close();
  const before = folderState(fixture.folder);
  const copies = temporaryFolder();
  const connection = openReadOnly(fixture.path, testPorts);
  const plan = await planMigrations(
    { connection, source: fixture.source, ...(withData ? { copyInto: copies } : {}) },
    testContext(),
  );
  connection.close();
  expect(folderState(fixture.folder)).toEqual(before);
  expect(readdirSync(copies)).toEqual([]);
  return plan;
}

const rows = (count: number): string =>
  `CREATE TABLE T(id INTEGER PRIMARY KEY, x TEXT, y INT);
   INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) SELECT i, hex(randomblob(50)), i FROM n;`;

describe('plan', () => {
  test('executes on the schema, writes nothing, estimates from sizes', async () => {
    const plan = await planned(rows(5000), {
      '1_index.sql': 'CREATE INDEX t_x ON t(x);',
      '2_fill.sql': '-- migrate:up\nUPDATE t SET y = 0;\n-- migrate:down\nSELECT 1;',
      '3_new.sql': 'CREATE TABLE n(a);',
    });
    expect(plan).toMatchObject({ executedOn: 'schema', failed: null, conflicts: [], pendingCount: 3 });
    const [index, fill, made] = plan.steps;
    expect(index).toMatchObject({ rows: 5000, estimated: true, destructive: false, reversible: false });
    expect(fill).toMatchObject({ rows: 5000, destructive: true, reversible: true });
    expect(fill?.walBytes).toBeGreaterThan(500_000);
    expect(fill?.walBytes).toBeGreaterThan(index?.walBytes ?? 0);
    expect(made).toMatchObject({ rows: 0, walBytes: 0 });
    expect(made?.statements).toMatchObject([{ line: 1, kind: 'create_table', rowsChanged: null }]);
  });

  test('finds a failing statement and keeps the steps before it', async () => {
    const plan = await planned('CREATE TABLE t(x)', {
      '1_a.sql': 'CREATE TABLE a(x);',
      '2_b.sql': 'SELECT 1;\nDROP TABLE nowhere;',
    });
    expect(plan.steps.map((step) => step.version)).toEqual(['1']);
    expect(plan.failed).toMatchObject({ file: '2_b.sql', line: 2, reason: 'no such table: nowhere' });
  });

  test('with data: real constraint errors, rows and log bytes', async () => {
    const files = { '1_fill.sql': 'UPDATE t SET y = y + 1;', '2_unique.sql': 'CREATE UNIQUE INDEX u ON t(y % 10);' };
    expect(await planned(rows(100), files)).toMatchObject({ failed: null });
    const plan = await planned(rows(2000), files, true);
    expect(plan.executedOn).toBe('data');
    expect(plan.steps[0]).toMatchObject({ rows: 2000, estimated: false });
    expect(plan.steps[0]?.walBytes).toBeGreaterThan(100_000);
    expect(plan.failed).toMatchObject({ file: '2_unique.sql', code: 'migration_failed' });
    expect(plan.failed?.reason).toContain('UNIQUE constraint failed');
  });

  test('tables of FTS5 and the history are in the shadow', async () => {
    const plan = await planned(`CREATE VIRTUAL TABLE words USING fts5(text); INSERT INTO words VALUES('a b');`, {
      '1_x.sql': `INSERT INTO words VALUES('c');\nDROP TABLE words;`,
    });
    expect(plan).toMatchObject({ failed: null, skipped: [] });
  });
});

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { MigratePlanData } from '../../src/commands/migrate/plan.ts';
import type { MigrateResolveData } from '../../src/commands/migrate/resolve.ts';
import type { MigrateStatusData } from '../../src/commands/migrate/status.ts';
import type { MigrateUpData } from '../../src/commands/migrate/up.ts';
import { parseReport, tradedb } from '../support/cli.ts';
import { folderState } from '../support/folder-state.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const online =
  '-- migrate:up\n-- migrate:table online\nCREATE TABLE t(id INTEGER PRIMARY KEY, px REAL NOT NULL CHECK (px >= 0)) STRICT;\n';
const data =
  '-- migrate:up\n-- migrate:data table=t key=id batch=100\nUPDATE t SET px = px + 1 WHERE id > @after AND id <= @upto;\n';

function workplace(files: Readonly<Record<string, string>>) {
  const cwd = temporaryFolder();
  mkdirSync(join(cwd, 'migrations'));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(cwd, 'migrations', file), text);
  const database = new Database(join(cwd, 'data.db'));
  database.pragma('journal_mode = WAL');
  database.exec(`CREATE TABLE t(id INTEGER PRIMARY KEY, px INTEGER); CREATE INDEX t_px ON t(px);
    WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 1000) INSERT INTO t SELECT x, x FROM c;`);
  database.close();
  const run = (...args: string[]) => tradedb(['migrate', ...args, '-d', 'data.db'], { cwd });
  const up = (...args: string[]) => run('up', '--backup', 'never', ...args);
  const sql = (text: string): unknown[] => {
    const open = new Database(join(cwd, 'data.db'));
    try {
      return open.prepare(text).reader ? open.prepare(text).all() : [open.prepare(text).run()];
    } finally {
      open.close();
    }
  };
  return { cwd, run, up, sql };
}

describe('files that take many transactions', () => {
  test('plan says how, and writes nothing; up says what was done', async () => {
    const { cwd, run, up } = workplace({ '1_online.sql': online, '2_data.sql': data });
    await run('status');
    const before = folderState(cwd);
    const plan = parseReport<MigratePlanData>(await run('plan', '--json')).data;
    expect(plan.steps).toMatchObject([
      { strategy: 'online', lockMs: 4 },
      { strategy: 'batches', lockMs: 25 },
    ]);
    expect((await run('plan')).stdout).toContain('copied beside its writers');
    expect(parseReport<MigratePlanData>(await run('plan', '--with-data', '--json')).data.failed).toBeNull();
    expect(folderState(cwd)).toEqual(before);
    const applied = parseReport<MigrateUpData>(await up('--json')).data.applied;
    expect(applied).toMatchObject([
      { strategy: 'online', rowsChanged: 1000, swapMs: expect.any(Number) },
      { strategy: 'batches', rowsChanged: 1000, swapMs: null },
    ]);
    expect((await up('--atomic')).code).toBe(0);
  });

  test('a row that does not fit: 15, status shows it, up goes on after the correction', async () => {
    const { run, up, sql } = workplace({ '1_online.sql': online });
    sql('UPDATE t SET px = -1 WHERE id = 900');
    const failed = await up();
    expect(failed.code).toBe(15);
    expect(failed.stdout).toContain('row 900 of t does not fit');
    expect(failed.stdout).toContain('stopped half way');
    const status = await run('status', '--json');
    expect(status.code).toBe(15);
    expect(parseReport<MigrateStatusData>(status).data.migrations).toMatchObject([
      { state: 'interrupted', progress: { running: false, phase: 'copy', rowsTotal: 1000 } },
    ]);
    const text = (await run('status')).stdout;
    expect(text).toContain('nobody works on it');
    expect(text).toContain('of 1,000 rows');
    sql('UPDATE t SET px = 1 WHERE id = 900');
    expect((await up()).code).toBe(0);
    expect(sql('SELECT count(*) AS n FROM t')).toEqual([{ n: 1000 }]);
  });

  test('resolve --abort: takes an online change away, and says what a data step leaves', async () => {
    const { run, up, sql } = workplace({ '1_online.sql': online });
    sql('UPDATE t SET px = -1 WHERE id = 900');
    expect((await up()).code).toBe(15);
    expect((await run('resolve', '1', '--abort', '--reason', 'no', '--dry-run')).code).toBe(0);
    expect(sql(`SELECT count(*) AS n FROM sqlite_schema WHERE name = '_tradedb_online_t'`)).toEqual([{ n: 1 }]);
    const given = await run('resolve', '1', '--abort', '--reason', 'not today', '--json');
    expect(given.code).toBe(0);
    expect(parseReport<MigrateResolveData>(given).data).toMatchObject({
      events: [{ event: 'aborted', reason: expect.stringContaining('not today') }],
      abandoned: { direction: 'up', table: 't' },
    });
    expect(sql(`SELECT count(*) AS n FROM sqlite_schema WHERE name GLOB '_tradedb_*'`)).toEqual([{ n: 0 }]);
    expect((await run('resolve', '1', '--abort', '--reason', 'again')).code).toBe(2);
    expect((await run('status')).code).toBe(0);
  });

  test('a missing file of a half-done version is told, and a wrong marker is bad input', async () => {
    const { cwd, run, up } = workplace({
      '1_a.sql': '-- migrate:up transaction=false\nCREATE TABLE IF NOT EXISTS u(x);\nINSERT INTO gone VALUES(1);',
    });
    expect((await up()).code).toBe(15);
    const given = await run('resolve', '1', '--abort', '--reason', 'x');
    expect(given.stdout).toContain('what ran stays: 1 statement');
    writeFileSync(join(cwd, 'migrations/1_a.sql'), '-- migrate:up transaction=maybe\nSELECT 1;');
    expect((await up()).code).toBe(2);
    writeFileSync(join(cwd, 'migrations/1_a.sql'), data.replace('key=id', ''));
    expect((await up()).code).toBe(2);
  });
});

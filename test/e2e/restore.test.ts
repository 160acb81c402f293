import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { RestoreDrillData } from '../../src/commands/restore/drill.ts';
import type { RestoreRunData } from '../../src/commands/restore/run.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { createCountingDatabase, expectCommittedState, startWriter } from '../support/counting-database.ts';
import { fileState } from '../support/file-state.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

describe('tradedb restore', () => {
  it('replaces a database, keeps the old one, refuses one in use with pid and name, and a dry run writes nothing', async () => {
    const folder = temporaryFolder(`tradedb b'"%\n-`);
    const database = join(folder, 'a.db');
    createCountingDatabase(database, { rows: 400 });
    const cwd = { cwd: folder };
    expect((await tradedb(['backup', '-d', database], cwd)).code).toBe(0);
    const writer = await startWriter(database, 50);
    const used = await tradedb(['restore', '--replace', '--yes', '-d', database, '--json'], cwd);
    expect(used.code, used.stderr).toBe(11);
    if (process.platform === 'linux') {
      expect(parseError(used).message).toContain(`pid ${writer.pid} (`);
      expect(parseError(used).message).toContain('counting-writer.mjs');
    }
    const gone = new Promise((resolve) => writer.once('exit', resolve));
    writer.kill('SIGKILL');
    await gone;
    const before = fileState(folder, (name) => name.startsWith('.tradedb'));
    const dry = await tradedb(['restore', '--replace', '--dry-run', '-d', database, '--json'], cwd);
    expect(parseReport<RestoreRunData>(dry).data).toMatchObject({ outcome: 'planned', replaces: true });
    expect(fileState(folder, (name) => name.startsWith('.tradedb'))).toEqual(before);

    const done = await tradedb(['restore', '--replace', '--yes', '-d', database, '--json'], cwd);
    expect(done.code, done.stderr).toBe(0);
    const { data } = parseReport<RestoreRunData>(done);
    expect(expectCommittedState(database)).toBe(400);
    expect(expectCommittedState(data.oldDatabase ?? '')).toBeGreaterThanOrEqual(400);
    const text = await tradedb(['restore', '-d', database, '--target', join(folder, 'b.db'), '--check', 'full'], cwd);
    expect(text.stdout).toMatch(/^restored .*\n {2}from {4}/);
    expect(text.stdout).toContain('integrity_check ok');
  });

  it('drills: sound and fast enough, a goal that is missed, a query with another answer, a damaged backup', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'a.db');
    createCountingDatabase(database, { rows: 300 });
    const config = (expected: string) => ({
      database: { path: database },
      restore: { drill: { queries: [{ name: 'rows', sql: 'SELECT n FROM counter', expect: expected }] } },
    });
    const { writeFileSync } = await import('node:fs');
    const write = (expected: string): void => {
      writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify(config(expected)));
    };
    write('300');
    const cwd = { cwd: folder };
    await tradedb(['backup'], cwd);
    const good = await tradedb(
      ['restore', 'drill', '--max-rto', '10m', '--max-rpo', '1h', '--temp', folder, '--json'],
      cwd,
    );
    expect(good.code, good.stderr + good.stdout).toBe(0);
    expect(parseReport<RestoreDrillData>(good).data).toMatchObject({
      problems: [],
      queries: [{ name: 'rows', passed: true, actual: '300' }],
      objectives: { met: true },
    });
    expect(readdirSync(folder).filter((name) => name.startsWith('tradedb-drill'))).toEqual([]);
    const slow = await tradedb(['restore', 'drill', '--max-rto', '1ms', '-f', 'junit'], cwd);
    expect(slow.code).toBe(4);
    expect(slow.stdout).toContain('<failure');
    write('301');
    const wrong = await tradedb(['restore', 'drill', '--json'], cwd);
    expect(wrong.code).toBe(4);
    expect(parseReport<RestoreDrillData>(wrong).findings[0]).toMatchObject({ id: 'drill.query', subject: 'rows' });
    const db = new Database(database);
    db.pragma('journal_mode = DELETE');
    db.close();
    const bytes = readFileSync(database);
    bytes.fill(0xee, 8192, 20_000);
    writeFileSync(database, bytes);
    await tradedb(['backup', '--type', 'full'], cwd);
    const damaged = await tradedb(['restore', 'drill', '--check', 'full', '--json'], cwd);
    expect(damaged.code, damaged.stderr).toBe(12);
    const refused = await tradedb(['restore', '--target', join(folder, 'x.db'), '--check', 'full', '--json'], cwd);
    expect(refused.code).toBe(12);
    expect(parseError(refused).hint).toContain('restore an older backup');
    expect(readdirSync(folder).filter((name) => /x\.db|partial/.test(name))).toEqual([]);
  });
});

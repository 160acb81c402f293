import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { MigrateUndoData } from '../../src/commands/migrate/undo.ts';
import { makeBadInput } from '../support/bad-inputs.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { flipBit, packsOf } from '../support/damage.ts';
import { fileState } from '../support/file-state.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const first = `-- migrate:up
CREATE TABLE t(id INTEGER PRIMARY KEY, note TEXT, px REAL);
CREATE TABLE counted(id INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE plain(a, b);
INSERT INTO t VALUES(1, 'keep me', 1.5), (7, 'and me', NULL);
INSERT INTO plain(rowid, a, b) VALUES(3, x'00ff', 1), (9, 'text', 1.0);
-- migrate:down
SELECT 1;`;

/** A database at version 1, with a file that throws data away pending. */
async function workplace(second = '-- migrate:up irreversible\nALTER TABLE t DROP COLUMN note;\nDELETE FROM plain;') {
  const cwd = temporaryFolder();
  mkdirSync(join(cwd, 'migrations'));
  const write = (file: string, text: string): void => writeFileSync(join(cwd, 'migrations', file), text);
  write('1_t.sql', first);
  const run = (...args: string[]) => tradedb([...args, '-d', 'data.db'], { cwd });
  expect((await run('migrate', 'up', '--create')).code).toBe(0);
  write('2_drop.sql', second);
  const database = <T>(work: (db: Database.Database) => T): T => {
    const opened = new Database(join(cwd, 'data.db'));
    try {
      return work(opened);
    } finally {
      opened.close();
    }
  };
  const content = () =>
    database((db) =>
      ['t', 'plain'].map((name) =>
        db.prepare(`SELECT rowid, * FROM ${name} ORDER BY rowid`).safeIntegers().raw().all(),
      ),
    );
  return { cwd, run, write, database, content };
}

// A read-only open may leave these beside a database.
const isSideFile = (name: string): boolean => /-(wal|shm)$/.test(name);

describe('migrate undo', () => {
  test('brings every row back in one command, and the file is pending again', async () => {
    const { cwd, run, content, database } = await workplace();
    const before = content();
    expect((await run('migrate', 'up')).code).toBe(0);
    const dry = parseReport<MigrateUndoData>(await run('migrate', 'undo', '--dry-run', '--json'));
    expect(dry.data).toMatchObject({ restored: false, versions: ['2'], notRepeated: null });
    expect(dry.data.tables.every((table) => table.equal)).toBe(true);
    expect(() => content()).not.toThrow();
    const undo = await run('migrate', 'undo', '--yes', '--json');
    expect(undo.code, undo.stderr).toBe(0);
    const { data } = parseReport<MigrateUndoData>(undo);
    expect(data.restored).toBe(true);
    expect(existsSync(data.oldDatabase ?? '')).toBe(true);
    expect(content()).toEqual(before);
    const undone = database((db) =>
      db.prepare(`SELECT version, event, reason FROM tradedb_migrations WHERE event = 'undone'`).all(),
    );
    expect(undone).toMatchObject([{ version: '2', reason: expect.stringContaining(data.backup) }]);
    expect((await run('migrate', 'status')).stdout).toContain('1 file pending');
    expect((await run('migrate', 'up')).stdout).toContain('1 migration applied');
    expect(readdirSync(cwd).filter((name) => name.includes('undo'))).toEqual([]);
  });

  test('refuses when anything would be lost, and shows the counts', async () => {
    const { cwd, run, database } = await workplace();
    await run('migrate', 'up');
    const changes = [
      ['an id that was given and deleted', `INSERT INTO counted DEFAULT VALUES; DELETE FROM counted`],
      [
        'the type of a value',
        `UPDATE t SET px = 1 WHERE id = 7; UPDATE t SET px = NULL WHERE id = 7; INSERT INTO plain VALUES(1, 2)`,
      ],
      ['one value', `UPDATE t SET px = 1.5000000001 WHERE id = 1`],
    ];
    const expected = [
      { name: 'plain', rowsExpected: 0, rowsActual: 1, equal: false },
      { name: 'sqlite_sequence', rowsExpected: 0, rowsActual: 1, equal: false },
      { name: 't', rowsExpected: 2, rowsActual: 2, equal: false },
    ];
    const seen: number[] = [];
    for (const [, sql] of changes) {
      database((db) => db.exec(sql as string));
      const before = fileState(cwd, isSideFile);
      const undo = await run('migrate', 'undo', '--yes', '--json');
      expect(undo.code).toBe(1);
      const { data } = parseReport<MigrateUndoData>(undo);
      expect(data.restored).toBe(false);
      const different = data.tables.filter((one) => !one.equal);
      seen.push(different.length);
      expect(expected).toEqual(expect.arrayContaining([...different]));
      expect(fileState(cwd, isSideFile)).toEqual(before);
    }
    expect(seen).toEqual([1, 2, 3]);
    const text = await run('migrate', 'undo', '--yes');
    expect(text.stdout).toMatch(/TABLE +ROWS AFTER THE RUN +ROWS NOW/);
    expect(text.stdout).toContain('not taken back; nothing was touched');
  });

  test('finds what an engine wrote between the backup and the run, and an object made since', async () => {
    const { run, database, write } = await workplace('-- migrate:up irreversible\nUPDATE t SET note = NULL;');
    await run('migrate', 'up');
    database((db) => db.exec('CREATE INDEX by_hand ON t(px)'));
    const { data } = parseReport<MigrateUndoData>(await run('migrate', 'undo', '--yes', '--json'));
    expect(data.objects).toMatchObject([{ type: 'index', name: 'by_hand', change: 'extra' }]);
    const discarded = await run('migrate', 'undo', '--yes', '--discard-changes', '--json');
    expect(discarded.code, discarded.stderr).toBe(0);
    expect(parseReport<MigrateUndoData>(discarded).data.restored).toBe(true);
    write('3_more.sql', '-- migrate:up\nCREATE TABLE more(a);\n-- migrate:down\nDROP TABLE more;');
    expect((await run('migrate', 'up')).code).toBe(0);
  });

  test('takes a run of down back, and with --run everything that came later', async () => {
    const { run, write, content } = await workplace(
      '-- migrate:up\nUPDATE t SET px = 0;\n-- migrate:down\nDELETE FROM t;',
    );
    const before = content();
    await run('migrate', 'up');
    const between = content();
    expect((await run('migrate', 'down', '--yes')).code).toBe(0);
    expect(content()).not.toEqual(between);
    expect((await run('migrate', 'undo', '--yes')).code).toBe(0);
    expect(content()).toEqual(between);
    expect((await run('migrate', 'status')).stdout).toContain('nothing pending');
    const runId = parseReport<MigrateUndoData>(await run('migrate', 'undo', '--dry-run', '--json')).data.run;
    write('3_more.sql', '-- migrate:up\nCREATE TABLE more AS SELECT id FROM t;\n-- migrate:down\nDROP TABLE more;');
    await run('migrate', 'up');
    const both = await run('migrate', 'undo', '--run', runId, '--yes', '--json');
    expect(both.code, both.stdout).toBe(0);
    expect(parseReport<MigrateUndoData>(both).data.versions).toEqual(['2', '3']);
    expect(content()).toEqual(before);
  });

  test('a program is repeated from its file, and refused when that was edited', async () => {
    const { run, write, cwd, content } = await workplace();
    rmSync(join(cwd, 'migrations', '2_drop.sql'));
    write('2_drop.mjs', `export const up = (knex) => knex('t').where('id', 7).del();\n`);
    const before = content();
    expect((await run('migrate', 'up')).code).toBe(0);
    write('2_drop.mjs', `export const up = (knex) => knex('t').del();\n`);
    const edited = await run('migrate', 'undo', '--yes', '--json');
    expect(edited.code).toBe(1);
    expect(parseReport<MigrateUndoData>(edited).data.notRepeated).toContain('was edited since it ran');
    write('2_drop.mjs', `export const up = (knex) => knex('t').where('id', 7).del();\n`);
    expect((await run('migrate', 'undo', '--yes')).code).toBe(0);
    expect(content()).toEqual(before);
  });

  test('without a backup, with a damaged one, and while the database is in use', async () => {
    const { cwd, run, database } = await workplace();
    const none = await run('migrate', 'undo', '--yes', '--json');
    expect(none.code).toBe(10);
    expect(parseError(none).hint).toContain('migrate down');
    await run('migrate', 'up');
    const holder = spawn(process.execPath, [
      '-e',
      `const D = require('better-sqlite3'); const d = new D(process.argv[1]); d.prepare('SELECT 1 FROM t').get();
       console.log('open'); setInterval(() => {}, 1000)`,
      join(cwd, 'data.db'),
    ]);
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    const used = await run('migrate', 'undo', '--yes', '--json');
    expect(used.code).toBe(11);
    holder.kill('SIGKILL');
    await new Promise((resolve) => holder.once('close', resolve));
    for (const pack of packsOf(join(cwd, 'backups'))) flipBit(pack, 40);
    expect((await run('migrate', 'undo', '--yes', '--json')).code).toBe(12);
    expect(database((db) => db.prepare('SELECT count(*) FROM plain').pluck().get())).toBe(0);
    rmSync(join(cwd, 'backups'), { recursive: true });
    expect((await run('migrate', 'undo', '--yes', '--json')).code).toBe(10);
  });

  test.each([
    ['missing', 10],
    ['folder', 12],
    ['empty', 12],
    ['text', 12],
    ['truncated', 2],
  ] as const)('%s instead of a database: one line, a hint, the code', async (kind, code) => {
    const cwd = temporaryFolder();
    mkdirSync(join(cwd, 'migrations'));
    const path = makeBadInput(kind, cwd);
    const before = fileState(cwd, isSideFile);
    const result = await tradedb(['migrate', 'undo', '-d', path, '--yes'], { cwd });
    expect(kind === 'truncated' ? [2, 12] : [code], result.stderr).toContain(result.code);
    expect(result.stderr).toMatch(/^error: .+\nhint: .+\n$/);
    expect(fileState(cwd, isSideFile)).toEqual(before);
  });
});

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readWorkload } from '../../../src/core/analysis/workload/read-workload.ts';
import { openTradingDatabase, StatementCapture } from '../../../src/index.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const support = fileURLToPath(new URL('../../support/', import.meta.url));
const snippets = fileURLToPath(new URL('../../../examples/capture/', import.meta.url));
const hasPython = spawnSync('python3', ['-c', 'import sqlite3']).status === 0;

test.runIf(hasPython)('the Python snippet captures statements with the types of their values', async () => {
  const path = join(temporaryFolder(), 'capture-1.jsonl');
  execFileSync('python3', [join(support, 'capture-python.py'), snippets, path], {
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const workload = await readWorkload([path], 1);
  expect(workload.engine).toMatchObject({ name: 'python-sqlite3', pragmas: { foreign_keys: '0' } });
  const sets = Object.fromEntries(workload.queries.map((query) => [query.sql, query.tuning.map((set) => set.values)]));
  expect(sets).toMatchObject({
    'INSERT INTO t VALUES (?, ?)': [
      [2n ** 60n + 1n, Uint8Array.from([0, 255])],
      { a: 'café\n', b: null },
      [1.5, 1n],
      [3n, 'x'],
    ],
    'SELECT b FROM t WHERE a = ?': [['2026-03-01']],
    'SELECT count(*) FROM t': [[]],
  });
  expect(workload.skipped).toEqual([{ reason: 'CREATE is not analysed', count: 1 }]);
});

const hasSqlalchemy = spawnSync('/usr/bin/python3', ['-c', 'import sqlalchemy']).status === 0;

test.runIf(hasSqlalchemy || process.env.CI)('SQLAlchemy: the snippet and the log of echo tell the same', async () => {
  const folder = temporaryFolder();
  const [path, log] = [join(folder, 'capture-1.jsonl'), join(folder, 'echo.log')];
  const output = execFileSync('/usr/bin/python3', [join(support, 'capture-sqlalchemy.py'), snippets, path], {
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  });
  writeFileSync(log, output);
  const [captured, logged] = [await readWorkload([path], 1), await readWorkload([log], 1)];
  expect(captured.engine).toMatchObject({ name: 'sqlalchemy' });
  const setsOf = (workload: typeof captured) =>
    Object.fromEntries(workload.queries.map((query) => [query.sql, query.tuning.map((set) => set.values)]));
  expect(setsOf(captured)).toEqual({
    'INSERT INTO t VALUES (?, ?)': [
      [2n ** 60n + 1n, Uint8Array.from([0, 255])],
      [1.5, "it's\né"],
      [null, 1n],
    ],
    'SELECT b\nFROM t\nWHERE a = ?': [[1.5]],
    'SELECT count(*) FROM t': [[]],
  });
  expect(setsOf(logged)).toEqual(setsOf(captured));
  expect(logged.skipped).toEqual([{ reason: 'CREATE is not analysed', count: 1 }]);
});

test.each(['better-sqlite3', 'node:sqlite'])('the Node snippet captures %s', async (engine) => {
  const path = join(temporaryFolder(), 'capture-1.jsonl');
  execFileSync(process.execPath, [join(support, 'capture-node.mjs'), engine, path], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const workload = await readWorkload([path], 1);
  expect(workload.engine?.name).toBe('node');
  expect(workload.queries.find((query) => query.sql.startsWith('INSERT'))?.tuning.map((set) => set.values)).toEqual([
    [2n ** 60n + 1n, Uint8Array.from([0, 255])],
    { a: 'café\n', b: null },
  ]);
});

test('the hook of the library captures both connections, and only when it is asked to', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'capture-1.jsonl');
  const capture = new StatementCapture(path);
  const failures: unknown[] = [];
  const database = openTradingDatabase(join(folder, 'a.db'), {
    create: true,
    hooks: [capture],
    onHookError: (error) => failures.push(error),
  });
  database.writer.exec('CREATE TABLE t(a, b)');
  database.tx((tx) => {
    tx.run('INSERT INTO t VALUES (?, ?)', [2n ** 60n + 1n, Uint8Array.from([0, 255])]);
    tx.run('INSERT INTO t VALUES (:a, :b)', { a: 'café\n', b: null });
  });
  expect(database.read((snapshot) => snapshot.get('SELECT count(*) AS n FROM t WHERE b IS ?', [null]))).toEqual({
    n: 1,
  });
  await database.close();
  capture.close();
  expect(failures).toEqual([]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const workload = await readWorkload([path], 1);
  expect(workload.engine).toMatchObject({ name: 'tradedb', stat4: true, pragmas: { journal_mode: 'wal' } });
  expect(workload.queries.map((query) => [query.sql, query.tuning.map((set) => set.values)])).toEqual([
    ['INSERT INTO t VALUES (?, ?)', [[2n ** 60n + 1n, Uint8Array.from([0, 255])], { a: 'café\n', b: null }]],
    ['SELECT count(*) AS n FROM t WHERE b IS ?', [[null]]],
  ]);

  const silent = openTradingDatabase(join(folder, 'a.db'));
  const before = readFileSync(path);
  silent.read((snapshot) => snapshot.get('SELECT 1'));
  await silent.close();
  expect(readFileSync(path).equals(before)).toBe(true);
});

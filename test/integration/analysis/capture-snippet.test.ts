import { execFileSync, spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readWorkload } from '../../../src/core/analysis/workload/read-workload.ts';
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

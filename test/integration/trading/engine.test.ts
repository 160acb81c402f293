import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { createDatabase, openReadOnly } from '../../../src/core/sqlite/connection.ts';
import { normalProfile } from '../../../src/core/sqlite/pragma-profile.ts';
import { applyReferenceSchema } from '../../../src/core/trading/reference-schema.ts';
import { runRules } from '../../../src/core/trading/rule/run-rules.ts';
import { microseconds } from '../../../src/core/trading/time.ts';
import { testPorts } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const program = fileURLToPath(new URL('../../../examples/engine/engine.mjs', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function engine(
  args: readonly string[],
  onOutput: (child: ChildProcess, stderr: string) => void = () => {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      onOutput(child, stderr);
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

function emptyDatabase(): string {
  const path = join(temporaryFolder(), 'engine.db');
  const connection = createDatabase(path, normalProfile, testPorts);
  applyReferenceSchema(connection);
  connection.close();
  return path;
}

function counted(path: string) {
  const connection = openReadOnly(path, testPorts);
  try {
    const number = (sql: string): number => Number(connection.value(sql));
    const nowUs = microseconds(testPorts.clock.wallTime());
    return {
      orders: number('SELECT count(*) FROM orders'),
      open: number('SELECT count(*) FROM orders WHERE is_open = 1'),
      fills: number('SELECT count(*) FROM fills'),
      orderAudit: number("SELECT count(*) FROM audit_log WHERE entity = 'order'"),
      position: number('SELECT qty FROM positions'),
      broken: runRules(connection, { nowUs, tolUs: 1_000_000, staleUs: 86_400_000_000 }).filter(
        (result) => result.status !== 'ok',
      ),
    };
  } finally {
    connection.close();
  }
}

describe('examples/engine', () => {
  test('trades, and what it counts is what the database holds', async () => {
    const path = emptyDatabase();
    const result = await engine(['--database', path, '--seconds', '2.5', '--rate', '150']);
    expect(result.code, result.stderr).toBe(0);
    const sums = JSON.parse(result.stdout);
    const found = counted(path);
    expect(sums).toMatchObject({ orders: found.orders, fills: found.fills, position: found.position, errors: 0 });
    expect(sums.fills).toBeGreaterThan(0);
    expect(sums.events).toBe(found.orderAudit);
    expect(found).toMatchObject({ open: 0, broken: [] });
    expect(result.stderr).toMatch(/^1 s {2}\d+ writes/);
  });

  test('SIGTERM ends it cleanly', async () => {
    const path = emptyDatabase();
    const result = await engine(['--database', path, '--seconds', '600'], (child, stderr) => {
      if (stderr.includes('1 s')) child.kill('SIGTERM');
    });
    expect(result.code, result.stderr).toBe(0);
    expect(JSON.parse(result.stdout)).toMatchObject({ errors: 0, orders: counted(path).orders });
    expect(counted(path).open).toBe(0);
  });

  test('after kill -9 every rule holds, and it goes on', async () => {
    const path = emptyDatabase();
    const killed = await engine(['--database', path, '--seconds', '600', '--rate', '2000'], (child, stderr) => {
      if (stderr.includes('1 s')) child.kill('SIGKILL');
    });
    expect(killed.code).toBeNull();
    const before = counted(path);
    expect(before.orders).toBeGreaterThan(0);
    expect(before.broken).toEqual([]);
    const again = await engine(['--database', path, '--seconds', '1']);
    expect(again.code, again.stderr).toBe(0);
    expect(counted(path)).toMatchObject({ open: 0, broken: [] });
  });

  test('says how it is used', async () => {
    const result = await engine([]);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain('usage: ');
  });
});

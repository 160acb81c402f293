import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runHealth } from '../../../src/core/health/run-health.ts';
import { testContext } from '../../support/context.ts';
import { checkHealth, healthRequest } from '../../support/health.ts';
import { makeSoundDatabase } from '../../support/sound-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const holderScript = fileURLToPath(new URL('../../support/sqlite-holder.mjs', import.meta.url));

async function startReader(path: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [holderScript, path, 'read'], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(child.stdout!, 'data');
  return child;
}

/** A writer in this process: it must stay open, and no other file handle on the database may be closed here meanwhile. */
function commitInChild(path: string): Promise<unknown> {
  const sql = 'db.exec("INSERT INTO trade (symbol, qty) VALUES (\'X\', 1)")';
  const code = `import Database from ${JSON.stringify(import.meta.resolve('better-sqlite3'))};
    const db = new Database(${JSON.stringify(path)}); ${sql}; ${sql}; db.close();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return once(child, 'exit');
}

/** A later moment than it is. */
function later(ms: number) {
  const context = testContext();
  return { ...context, clock: { ...context.clock, wallTime: () => context.clock.wallTime() + ms } };
}

describe.runIf(process.platform === 'linux')('wal.reader', () => {
  it('names a reader that stays at its snapshot while the WAL grows, from the second look on', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'live.db');
    makeSoundDatabase(path);
    await commitInChild(path);
    const reader = await startReader(path);
    await commitInChild(path);
    const row = async (ms: number) =>
      (await runHealth(healthRequest(folder, path), later(ms))).data.checks.find(({ id }) => id === 'wal.reader');
    expect(await row(0)).toMatchObject({ status: 'ok' });
    expect(await row(5000), 'the WAL did not move').toMatchObject({ status: 'ok' });
    await commitInChild(path);
    const warned = await row(10_000);
    expect(warned).toMatchObject({ status: 'warning', unit: 'ms' });
    expect(warned?.summary).toContain(`pid ${reader.pid} "`);
    expect(warned?.summary).toMatch(/sqlite-holder\.mjs.* holds READ\d at frame \d+ for >= \d+ s, WAL at \d+/);
    expect(await row(120_000)).toMatchObject({ status: 'critical' });
  });

  it('does not accuse our own backup', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'live.db');
    makeSoundDatabase(path);
    await commitInChild(path);
    const reader = await startReader(path);
    await commitInChild(path);
    const facts = { ownWork: async () => ({ pid: reader.pid ?? 0, purpose: 'backup create' }) };
    await checkHealth(folder, path, { facts });
    await commitInChild(path);
    const { data } = await runHealth(healthRequest(folder, path, { facts }), later(600_000));
    expect(data.checks.find(({ id }) => id === 'wal.reader')).toMatchObject({
      status: 'ok',
      summary: `pid ${reader.pid} is our own backup create`,
    });
  });

  it('counts the processes, and warns of a sqlite3 command line', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'live.db');
    makeSoundDatabase(path);
    const code = `import Database from ${JSON.stringify(import.meta.resolve('better-sqlite3'))};
      const db = new Database(${JSON.stringify(path)}); db.prepare('SELECT count(*) FROM trade').get();
      process.stdout.write('ready'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      argv0: '/usr/bin/sqlite3',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    await once(child.stdout!, 'data');
    const { data, findings } = await checkHealth(folder, path);
    expect(data.checks.find(({ id }) => id === 'connections')).toMatchObject({ status: 'warning', value: 1 });
    expect(findings.find(({ id }) => id === 'connections')?.subject).toBe(`pid ${child.pid}`);
  });

  it('keeps the locks of a writer: a health run beside it changes nothing of its lines in the lock table', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'live.db');
    makeSoundDatabase(path);
    const child = spawn(process.execPath, [holderScript, path, 'write'], { stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    await once(child.stdout!, 'data');
    await checkHealth(folder, path, { tier: 'daily' });
    const db = new Database(path, { timeout: 0 });
    expect(() => db.exec('BEGIN IMMEDIATE')).toThrow(/locked/);
    db.close();
  });
});

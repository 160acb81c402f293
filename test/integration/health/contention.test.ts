import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadedSqlite } from '../../../src/core/file-access/sqlite-version.ts';
import type { CheckRow } from '../../../src/core/health/check.ts';
import type { HealthRequest } from '../../../src/core/health/request.ts';
import { runHealth } from '../../../src/core/health/run-health.ts';
import { testContext } from '../../support/context.ts';
import { healthRequest } from '../../support/health.ts';
import { smallDisk } from '../../support/small-disk.ts';
import { makeSoundDatabase } from '../../support/sound-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const holderScript = fileURLToPath(new URL('../../support/sqlite-holder.mjs', import.meta.url));

async function hold(path: string, what: string): Promise<number> {
  return (await start(path, what)).pid ?? 0;
}

async function start(path: string, what: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [holderScript, path, what], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(child.stdout!, 'data');
  return child;
}

/** The row of one check, at a later moment than it is. */
async function rowOf(id: string, request: HealthRequest, laterMs = 0): Promise<CheckRow | undefined> {
  const context = testContext();
  const clock = { ...context.clock, wallTime: () => context.clock.wallTime() + laterMs };
  return (await runHealth(request, { ...context, clock })).data.checks.find((row) => row.id === id);
}

describe.runIf(process.platform === 'linux')('lock.contention', () => {
  it.each([
    ['wal', 'WRITE'],
    ['delete', 'RESERVED'],
  ] as const)(
    'names who holds the write lock of a %s database without committing, from the second look on',
    async (journalMode, byte) => {
      const folder = temporaryFolder();
      const path = join(folder, 'live.db');
      makeSoundDatabase(path, { journalMode });
      const pid = await hold(path, 'write');
      const request = healthRequest(folder, path);
      expect(await rowOf('lock.contention', request)).toMatchObject({ status: 'ok' });
      const warned = await rowOf('lock.contention', request, 10_000);
      expect(warned).toMatchObject({ status: 'warning', unit: 'ms' });
      expect(warned?.summary).toContain(`pid ${pid} "`);
      expect(warned?.summary).toContain(`holds ${byte} for >=`);
      expect(await rowOf('lock.contention', request, 120_000)).toMatchObject({ status: 'critical' });
      const ours = { ...request, facts: { ownWork: async () => ({ pid, purpose: 'vacuum' }) } };
      expect(await rowOf('lock.contention', ours, 120_000)).toMatchObject({ status: 'ok' });
    },
  );

  it('says nothing about a lock under which something was committed between the looks', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'live.db');
    makeSoundDatabase(path);
    const request = healthRequest(folder, path);
    const child = await start(path, 'commits');
    expect(await rowOf('lock.contention', request)).toMatchObject({ status: 'ok' });
    const ready = once(child.stdout!, 'data');
    child.stdin!.write('commit\n');
    await ready;
    const row = await rowOf('lock.contention', request, 100_000);
    expect(row).toMatchObject({ status: 'ok', summary: `WRITE by pid ${child.pid}, not for long` });
  });
});

describe.runIf(process.platform === 'linux')('the SQLite of a connected process', () => {
  it('is found in the library that it has loaded', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'live.db');
    makeSoundDatabase(path);
    const pid = await hold(path, 'idle');
    const version = new Database(':memory:').prepare('SELECT sqlite_version()').pluck().get();
    expect(loadedSqlite(pid, new Map())?.version).toBe(version);
    expect(loadedSqlite(2 ** 30, new Map())).toBeUndefined();
    const row = await rowOf('connections.version', healthRequest(folder, path));
    expect(row).toMatchObject({ status: 'ok', summary: `1 with ${version}` });
  });
});

describe.runIf(process.platform === 'linux')('file.space', () => {
  it('warns before the last inode is used', async () => {
    const folder = smallDisk(8, 300);
    if (folder === undefined) return;
    const path = join(folder, 'small.db');
    makeSoundDatabase(path, { rows: 20 });
    const request = healthRequest(temporaryFolder(), path);
    expect(await rowOf('file.space', request)).toMatchObject({ status: 'ok' });
    const total = statfsSync(folder).files;
    mkdirSync(join(folder, 'many'));
    for (let file = 0; statfsSync(folder).ffree > Math.ceil(total / 100) - 1; file++) {
      writeFileSync(join(folder, 'many', String(file)), '');
    }
    const row = await rowOf('file.space', request);
    expect(row).toMatchObject({ status: 'warning' });
    expect(row?.summary).toMatch(/^only \d+ of \d+ inodes are free/);
  });
});

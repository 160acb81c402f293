import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { swapInCompactCopy, swapSteps } from '../../../src/core/maintenance/vacuum/exclusive-swap.ts';
import { resumeSwap } from '../../../src/core/maintenance/vacuum/resume.ts';
import { readSwapRecord, type SwapRecord } from '../../../src/core/maintenance/vacuum/swap-file.ts';
import { testPorts } from '../../support/context.ts';
import { contentOf, makeHalfEmptyDatabase } from '../../support/half-empty-database.ts';
import { holdLock } from '../../support/lock-holder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const killer = fileURLToPath(new URL('../../support/swap-killer.mjs', import.meta.url));
const settings = { ...testPorts, busyTimeoutMs: 0 };

function recordOf(database: string): SwapRecord {
  const stats = statSync(database, { bigint: true });
  return {
    version: 1,
    journalMode: 'wal',
    partial: 'trading.db.vacuum.partial',
    oldFile: 'trading.db.before-vacuum-20260301T093105Z',
    oldDevice: String(stats.dev),
    oldInode: String(stats.ino),
    pid: 1,
    processStart: 'not this one',
    startedAt: '2026-03-01T09:31:05Z',
  };
}

function freshDatabase(): { folder: string; database: string } {
  const folder = temporaryFolder();
  const database = join(folder, 'trading.db');
  makeHalfEmptyDatabase(database, { rows: 4000 });
  return { folder, database };
}

function requestFor(database: string) {
  return { database, record: recordOf(database), verify: 'full' as const, convertTo: 'incremental' as const };
}

function pragmasOf(database: string): Record<string, unknown> {
  const db = new Database(database);
  try {
    const value = (name: string) => db.pragma(name, { simple: true });
    return {
      journal: value('journal_mode'),
      integrity: value('integrity_check'),
      autoVacuum: value('auto_vacuum'),
      free: value('freelist_count'),
    };
  } finally {
    db.close();
  }
}

describe('putting a compact copy in place', () => {
  it('keeps every row, the mode of the file and the journal mode, and leaves the old file aside', async () => {
    const { folder, database } = freshDatabase();
    chmodSync(database, 0o640);
    const before = { content: contentOf(database), size: statSync(database).size };
    const steps: string[] = [];
    await swapInCompactCopy(requestFor(database), { settings, onStep: (step) => void steps.push(step) });
    expect(steps).toEqual([...swapSteps]);
    expect(contentOf(database)).toBe(before.content);
    expect(pragmasOf(database)).toEqual({ journal: 'wal', integrity: 'ok', autoVacuum: 2, free: 0 });
    expect(statSync(database).size).toBeLessThan(before.size * 0.6);
    expect(statSync(database).mode & 0o777).toBe(0o640);
    expect(contentOf(join(folder, 'trading.db.before-vacuum-20260301T093105Z'))).toBe(before.content);
  });

  it.each(swapSteps)('killed at "%s": a resume leaves a sound database and nothing else', (step) => {
    const { folder, database } = freshDatabase();
    const content = contentOf(database);
    const oldInode = statSync(database).ino;
    const killed = spawnSync(process.execPath, [killer, JSON.stringify(requestFor(database)), step], {
      stdio: 'inherit',
    });
    expect(killed.signal).toBe('SIGKILL');
    expect(existsSync(database), 'the path is never absent').toBe(true);
    const renamed = statSync(database).ino !== oldInode;
    expect(renamed).toBe(swapSteps.indexOf(step) >= swapSteps.indexOf('renamed'));

    const result = resumeSwap(database, settings);
    expect(result.action).toBe(step === 'finished' ? 'nothing' : renamed ? 'finished' : 'undone');
    expect(readSwapRecord(database)).toBeUndefined();
    expect(pragmasOf(database)).toMatchObject({ journal: 'wal', integrity: 'ok', autoVacuum: renamed ? 2 : 0 });
    expect(contentOf(database)).toBe(content);
    for (const suffix of ['-wal', '-shm', '-journal']) {
      if (existsSync(`${database}${suffix}`)) expect(statSync(`${database}${suffix}`).size % 32_768).toBe(0);
    }
    const names = readdirSync(folder).filter((name) => !/-(wal|shm)$/.test(name));
    expect(names).toEqual(renamed ? ['trading.db', 'trading.db.before-vacuum-20260301T093105Z'] : ['trading.db']);
    expect(resumeSwap(database, settings).action).toBe('nothing');
  });

  it('refuses while somebody is connected, even without a transaction, and undoes what it did', async () => {
    const { folder, database } = freshDatabase();
    const holder = await holdLock(database, ['SELECT count(*) FROM item']);
    await expect(swapInCompactCopy(requestFor(database), { settings, onStep: () => {} })).rejects.toMatchObject({
      code: 'database_locked',
    });
    expect(readSwapRecord(database)).toBeUndefined();
    expect(readdirSync(folder).filter((name) => name.includes('vacuum'))).toEqual([]);
    holder.process.kill('SIGKILL');
    expect(pragmasOf(database)).toMatchObject({ journal: 'wal', integrity: 'ok' });
  });

  it('never lets a connection that was opened before lay a frame beside the new file', async () => {
    const { database } = freshDatabase();
    // No statement was run on it yet: it holds no lock, and nothing can see it but its descriptor.
    const late = new Database(database);
    await swapInCompactCopy(requestFor(database), { settings, onStep: () => {} });
    const content = contentOf(database);
    expect(() => late.exec("INSERT INTO item (symbol) VALUES ('late')")).toThrow(
      expect.objectContaining({ code: 'SQLITE_READONLY_DBMOVED' }),
    );
    late.close();
    expect(contentOf(database)).toBe(content);
    expect(pragmasOf(database)).toMatchObject({ integrity: 'ok' });
  });

  it('keeps out whoever comes during the hold', async () => {
    const { database } = freshDatabase();
    const refused: unknown[] = [];
    await swapInCompactCopy(requestFor(database), {
      settings,
      onStep: (step) => {
        if (step !== 'verified') return;
        const other = new Database(database, { timeout: 0 });
        try {
          other.exec("INSERT INTO item (symbol) VALUES ('meanwhile')");
        } catch (error) {
          refused.push(error);
        } finally {
          other.close();
        }
      },
    });
    expect(refused).toMatchObject([{ code: 'SQLITE_BUSY' }]);
    expect(pragmasOf(database)).toMatchObject({ integrity: 'ok', free: 0 });
  });

  it('does not start over an unfinished one, and does not resume one that is at work', async () => {
    const { database } = freshDatabase();
    const { processStartTime } = await import('../../../src/core/file-access/process-name.ts');
    const alive = { ...recordOf(database), pid: process.pid, processStart: processStartTime(process.pid) };
    writeFileSync(`${database}.tradedb-swap.json`, JSON.stringify(alive));
    await expect(swapInCompactCopy(requestFor(database), { settings, onStep: () => {} })).rejects.toMatchObject({
      code: 'restore_pending',
    });
    expect(() => resumeSwap(database, settings)).toThrow(expect.objectContaining({ code: 'lease_held' }));
    expect(existsSync(`${database}.tradedb-swap.json`)).toBe(true);
  });

  it('does not touch a file of the name of the old file that is not the old file', async () => {
    const { folder, database } = freshDatabase();
    const alias = join(folder, 'trading.db.before-vacuum-20260301T093105Z');
    writeFileSync(alias, 'mine');
    await expect(swapInCompactCopy(requestFor(database), { settings, onStep: () => {} })).rejects.toThrow();
    expect(statSync(alias).size).toBe(4);
    expect(pragmasOf(database)).toMatchObject({ journal: 'wal', integrity: 'ok' });
  });
});

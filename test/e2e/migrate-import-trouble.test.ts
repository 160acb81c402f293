import { closeSync, openSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { MigrateImportData } from '../../src/commands/migrate/import.ts';
import { openReadOnly } from '../../src/core/sqlite/connection.ts';
import { holdExclusiveLock } from '../support/bad-inputs.ts';
import { type CliResult, parseReport, tradedb } from '../support/cli.ts';
import { testPorts } from '../support/context.ts';
import { emptyDisk, fillDisk } from '../support/fill-disk.ts';
import { makeFreqtrade } from '../support/foreign/freqtrade.ts';
import { targetHash } from '../support/foreign/import.ts';
import { smallDisk } from '../support/small-disk.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function place() {
  const folder = temporaryFolder();
  const source = join(folder, 'tradesv3.sqlite');
  const run = (...args: string[]): Promise<CliResult> =>
    tradedb(['migrate', 'import', source, ...args], { cwd: folder, env: { TRADEDB_CONNECTION_BUSY_TIMEOUT: '500ms' } });
  return { folder, source, run };
}

function hashOf(path: string): string {
  const target = openReadOnly(path, testPorts);
  try {
    return targetHash(target);
  } finally {
    target.close();
  }
}

const isPlain = (result: CliResult): void => expect(result.stderr).not.toMatch(/^\s+at /m);

describe('a source that is damaged as a file', () => {
  it('is told as such when it ends too early, and a whole one is imported afterwards', async () => {
    const { folder, source, run } = place();
    makeFreqtrade(source, 'F9', { trades: 200, wal: false });
    const whole = place();
    makeFreqtrade(whole.source, 'F9', { trades: 200, wal: false });
    truncateSync(source, Math.floor(statSync(source).size / 8192) * 4096);
    const result = await run('-d', 'target.db', '--create');
    expect(result.code, result.stdout).toBe(12);
    isPlain(result);
    // The same source comes back from a backup.
    const args = ['-d', join(folder, 'target.db'), '--create', '--json'];
    const again = await whole.run(...args);
    expect(again.code, again.stderr + again.stdout).toBe(0);
  });

  it('never crashes on garbage in its pages, nor calls a part of it the whole', async () => {
    for (const share of [0.3, 0.5, 0.8]) {
      const { source, run } = place();
      const { truth } = makeFreqtrade(source, 'F9', { trades: 150, wal: false });
      const pages = statSync(source).size / 4096;
      const file = openSync(source, 'r+');
      writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, Math.floor(pages * share) * 4096);
      closeSync(file);
      const result = await run('-d', 'target.db', '--create', '--json');
      isPlain(result);
      expect([0, 3, 12], result.stderr).toContain(result.code);
      if (result.code === 12) continue;
      const { streams } = parseReport<MigrateImportData>(result).data.result ?? { streams: [] };
      expect(streams[0]?.rowsRead).toBe(truth.counts.get('orders'));
    }
  });
});

describe('an import that is not alone', () => {
  it('ends with 11 when the source stays locked', async () => {
    const { source, run } = place();
    makeFreqtrade(source, 'F9', { trades: 5, wal: false });
    await holdExclusiveLock(source);
    const result = await run('-d', 'target.db', '--create');
    expect(result.code, result.stderr).toBe(11);
    isPlain(result);
  });

  it('runs once when two are started', async () => {
    const { folder, source, run } = place();
    makeFreqtrade(source, 'F9', { trades: 60 });
    const results = await Promise.all([run('-d', 'target.db', '--create'), run('-d', 'target.db', '--create')]);
    const codes = results.map(({ code }) => code);
    expect(codes).toContain(0);
    for (const { code, stderr } of results) expect([0, 1, 11], stderr).toContain(code);
    expect((await run('-d', 'target.db')).code).toBe(0);
    expect((await run('-d', 'alone.db', '--create')).code).toBe(0);
    expect(hashOf(join(folder, 'target.db'))).toBe(hashOf(join(folder, 'alone.db')));
  });
});

describe('a full disk', () => {
  it('stops the import with 15; with room again the same command ends as if nothing had been', async (context) => {
    const { folder, source, run } = place();
    makeFreqtrade(source, 'F9', { trades: 400 });
    const disk = smallDisk(6);
    if (disk === undefined) return context.skip('needs a file system of its own: mounting is not allowed here');
    const target = join(disk, 'target.db');
    expect((await run('-d', target, '--create', '--streams', 'locks')).code).toBe(0);
    fillDisk(disk, 200_000);
    const full = await run('-d', target, '--batch-rows', '50', '--json');
    expect(full.code, full.stderr + full.stdout).toBe(15);
    expect(parseReport<MigrateImportData>(full).data.result).toMatchObject({
      complete: false,
      stopped: 'the disk is full',
    });
    emptyDisk(disk);
    const db = new Database(target, { readonly: true });
    expect(db.pragma('quick_check', { simple: true })).toBe('ok');
    db.close();
    const resumed = await run('-d', target, '--batch-rows', '50', '--json');
    expect(resumed.code, resumed.stderr + resumed.stdout).toBe(0);
    expect((await run('-d', 'whole.db', '--create', '--streams', 'locks')).code).toBe(0);
    expect((await run('-d', 'whole.db')).code).toBe(0);
    expect(hashOf(target)).toBe(hashOf(join(folder, 'whole.db')));
  });
});

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fileSystemOf } from '../../../src/core/file-access/file-system.ts';
import {
  holdersOf,
  lockByteNames,
  lockTableName,
  parseLockTable,
  walIndexInUse,
} from '../../../src/core/file-access/lock-table.ts';
import { openersOf, processCommand, processStartTime } from '../../../src/core/file-access/process-name.ts';
import { makeSoundDatabase } from '../../support/sound-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const holderScript = fileURLToPath(new URL('../../support/sqlite-holder.mjs', import.meta.url));

async function startHolder(path: string, what: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [holderScript, path, what], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(child.stdout!, 'data');
  return child;
}

describe('lock table text', () => {
  it('reads held POSIX locks and leaves waiting and foreign ones out', () => {
    const text = [
      '1: POSIX  ADVISORY  READ 4123 08:01:1234567 1073741826 1073742335',
      '1: -> POSIX  ADVISORY  WRITE 4124 08:01:1234567 1073741826 1073742335',
      '2: FLOCK  ADVISORY  WRITE 99 08:01:5 0 EOF',
      '3: POSIX  ADVISORY  WRITE 77 fd:0a:9 0 EOF',
    ].join('\n');
    expect(parseLockTable(text)).toEqual([
      { exclusive: false, pid: 4123, file: '08:01:1234567', first: 1073741826, last: 1073742335 },
      { exclusive: true, pid: 77, file: 'fd:0a:9', first: 0, last: Number.MAX_SAFE_INTEGER },
    ]);
  });

  it('names the bytes', () => {
    expect(lockByteNames('wal-index', 120, 120)).toEqual(['WRITE']);
    expect(lockByteNames('wal-index', 123, 128)).toEqual(['READ0', 'READ1', 'READ2', 'READ3', 'READ4', 'DMS']);
    expect(lockByteNames('database', 0x40000001, 0x40000001)).toEqual(['RESERVED']);
    expect(lockByteNames('database', 0, Number.MAX_SAFE_INTEGER)).toEqual(['PENDING', 'RESERVED', 'SHARED']);
  });

  it('writes device numbers as the kernel does', () => {
    expect(lockTableName(0x0801n, 12n)).toBe('08:01:12');
    const majorNumber = 0xfdn;
    const minorNumber = 0x1230an;
    const device = (minorNumber & 0xffn) | (majorNumber << 8n) | ((minorNumber & ~0xffn) << 12n);
    expect(lockTableName(device, 7n)).toBe('fd:1230a:7');
  });
});

describe.runIf(process.platform === 'linux')('holders of a live database', () => {
  it('names a reader of the WAL with its command and its bytes', async () => {
    const path = join(temporaryFolder(), "live 'db' %.db");
    makeSoundDatabase(path);
    expect(holdersOf(path)).toEqual([]);
    const child = await startHolder(path, 'read');
    const holders = holdersOf(path) ?? [];
    expect(holders).toHaveLength(1);
    expect(holders[0]?.pid).toBe(child.pid);
    expect(holders[0]?.command).toContain('sqlite-holder.mjs');
    expect(holders[0]?.startTime).toMatch(/^\d+$/);
    expect(holders[0]?.bytes).toContain('DMS');
    expect(holders[0]?.bytes.some((name) => name.startsWith('READ'))).toBe(true);
    expect(walIndexInUse(holders)).toBe(true);
    expect(openersOf(path).openers.map(({ pid }) => pid)).toContain(child.pid);
  });

  it('sees the write lock, also through a symbolic link', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'live.db');
    makeSoundDatabase(path);
    symlinkSync(path, join(folder, 'link.db'));
    const child = await startHolder(path, 'write');
    expect(holdersOf(join(folder, 'link.db'))?.find(({ pid }) => pid === child.pid)?.bytes).toContain('WRITE');
  });

  it('sees the RESERVED lock of a rollback-journal database', async () => {
    const path = join(temporaryFolder(), 'live.db');
    makeSoundDatabase(path, { journalMode: 'delete' });
    const child = await startHolder(path, 'write');
    const holders = holdersOf(path) ?? [];
    expect(holders.find(({ pid }) => pid === child.pid)?.bytes).toContain('RESERVED');
    expect(walIndexInUse(holders)).toBe(false);
  });

  it('does not take a copy of the file for the file', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'live.db');
    makeSoundDatabase(path);
    copyFileSync(path, join(folder, 'copy.db'));
    await startHolder(path, 'read');
    expect(holdersOf(join(folder, 'copy.db'))).toEqual([]);
  });
});

describe.runIf(process.platform === 'linux')('process and file system facts', () => {
  it('knows this process', () => {
    expect(processCommand(process.pid)).not.toBe('?');
    expect(processStartTime(process.pid)).toMatch(/^\d+$/);
    expect(processCommand(2 ** 22 + 1)).toBe('?');
    expect(processStartTime(2 ** 22 + 1)).toBe('');
  });

  it('knows the file system', () => {
    const facts = fileSystemOf(temporaryFolder());
    expect(facts.freeBytes).toBeGreaterThan(0);
    expect(facts.totalBytes).toBeGreaterThanOrEqual(facts.freeBytes);
    expect(fileSystemOf('/proc').type).toMatch(/^0x/);
    expect(() => fileSystemOf(join(temporaryFolder(), 'missing'))).toThrow(/does not exist/);
    expect(statSync('/proc').isDirectory()).toBe(true);
  });
});

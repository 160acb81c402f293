import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import type { RecoverData } from '../../src/core/health/recovery/recover-data.ts';
import { type CliResult, parseError, parseReport, tradedb } from '../support/cli.ts';
import { DamagedFile } from '../support/database-damage.ts';
import { fileState } from '../support/file-state.ts';
import { emptyDisk, fillDisk } from '../support/fill-disk.ts';
import { smallDisk } from '../support/small-disk.ts';
import { makeSoundDatabase } from '../support/sound-database.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const holderScript = fileURLToPath(new URL('../support/sqlite-holder.mjs', import.meta.url));

function disk(context: TestContext, sizeMiB: number): string {
  return smallDisk(sizeMiB) ?? context.skip('a tmpfs cannot be mounted here');
}

function damage(path: string, rows = 400): void {
  makeSoundDatabase(path, { rows });
  const file = new DamagedFile(path, 5);
  file.page(file.pick(file.treePages('trade', 13))).fill(0);
  file.save();
}

const recover = (...args: string[]): Promise<CliResult> =>
  tradedb(['health', 'recover', ...args, '--json', '--progress', 'none']);

async function connect(path: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [holderScript, path, 'idle'], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(child.stdout!, 'data');
  return child;
}

describe('a full disk', () => {
  test('while the files are frozen: one line, no case is left, and the original is as it was', async (context) => {
    const folder = disk(context, 24);
    const path = join(folder, 'trading.db');
    damage(path, 4000);
    const before = readFileSync(path);
    fillDisk(folder, 16 * 4096);
    const caseFolder = join(folder, 'case');
    const result = await recover('-d', path, '--case', caseFolder);
    expect(result.code, result.stderr).toBe(1);
    expect(parseError(result)).toMatchObject({ code: 'disk_full', hint: expect.stringMatching(/space/) });
    expect(existsSync(caseFolder)).toBe(false);
    expect(readFileSync(path)).toEqual(before);
    emptyDisk(folder);
    expect((await recover('-d', path, '--case', caseFolder)).code).toBe(3);
  });

  test('while the result is written: what was begun is removed, and --resume goes on when there is room', async (context) => {
    const folder = disk(context, 24);
    const path = join(folder, 'trading.db');
    damage(path, 4000);
    const before = readFileSync(path);
    // Room for the frozen copy, and for a third of the result.
    fillDisk(folder, before.length + Math.floor(before.length / 3));
    const caseFolder = join(folder, 'case');
    const result = await recover('-d', path, '--case', caseFolder);
    expect(result.code, result.stderr).toBe(1);
    expect(parseError(result)).toMatchObject({ code: 'disk_full' });
    expect(readFileSync(path)).toEqual(before);
    expect(readdirSync(caseFolder).filter((name) => name.startsWith('recovered'))).toEqual([]);
    emptyDisk(folder);
    const resumed = await recover('--resume', caseFolder);
    expect(resumed.code, resumed.stderr).toBe(3);
    const { data } = parseReport<RecoverData>(resumed);
    expect(data.verification?.integrity).toEqual([]);
    expect(readFileSync(path)).toEqual(before);
  });
});

describe('a folder that cannot be written', () => {
  test('is told in one line; with a case elsewhere the recovery works', async (context) => {
    const folder = disk(context, 8);
    const path = join(folder, 'trading.db');
    damage(path);
    execFileSync('mount', ['-o', 'remount,ro', folder]);
    const refused = await recover('-d', path);
    expect(refused.code, refused.stderr).toBe(1);
    expect(refused.stderr.trim().split('\n')).toHaveLength(1);
    expect(parseError(refused)).toMatchObject({
      message: expect.stringContaining('cannot be written'),
      hint: expect.stringContaining('--case'),
    });
    const elsewhere = join(temporaryFolder(), 'case');
    const result = await recover('-d', path, '--case', elsewhere);
    expect(result.code, result.stderr).toBe(3);
    expect(parseReport<RecoverData>(result).data.verification?.integrity).toEqual([]);
    expect(readdirSync(folder)).toEqual(['trading.db']);
  });
});

describe('a symbolic link', () => {
  test('is followed: the files beside the real database are frozen and exchanged, and the link stays', async () => {
    const outer = temporaryFolder();
    const real = join(outer, 'data', 'trading.db');
    mkdirSync(join(outer, 'data'));
    damage(real);
    const link = join(outer, 'current.db');
    symlinkSync(real, link);
    const before = readFileSync(real);
    const caseFolder = join(outer, 'case');
    const result = await recover('-d', link, '--case', caseFolder, '--swap', '--yes');
    expect(result.code, result.stderr).toBe(3);
    const { data } = parseReport<RecoverData>(result);
    expect(data.frozen[0]?.original).toBe(realpathSync(real));
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(statSync(link).ino).toBe(statSync(real).ino);
    expect(readFileSync(join(caseFolder, 'damaged.db'))).toEqual(before);
    expect((await tradedb(['health', '-d', link, '--tier', 'daily', '--skip', 'file.space'])).code).toBe(0);
  });
});

describe('a process that connects after the files were frozen', () => {
  test('stops the exchange, is named, and nothing has changed; when it is gone, --resume finishes', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'trading.db');
    damage(path);
    const caseFolder = join(folder, 'case');
    expect((await recover('-d', path, '--case', caseFolder)).code).toBe(3);
    const child = await connect(path);
    const before = readFileSync(path);
    const refused = await recover('--resume', caseFolder, '--swap', '--yes');
    expect(refused.code, refused.stderr).toBe(11);
    expect(parseError(refused).message).toContain(String(child.pid));
    expect(readFileSync(path)).toEqual(before);
    expect(existsSync(join(caseFolder, 'damaged.db'))).toBe(false);
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    const finished = await recover('--resume', caseFolder, '--swap', '--yes');
    expect(finished.code, finished.stderr).toBe(3);
    expect(fileState(folder)['trading.db']).not.toBe(undefined);
    expect(parseReport<RecoverData>(finished).data.swapped?.oldDatabase).toBe(join(caseFolder, 'damaged.db'));
  });

  test('and commits: the exchange is refused, because the result does not have what it wrote', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'trading.db');
    damage(path);
    const caseFolder = join(folder, 'case');
    expect((await recover('-d', path, '--case', caseFolder)).code).toBe(3);
    const child = spawn(process.execPath, [holderScript, path, 'commits'], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child.stdout!, 'data');
    const committed = once(child.stdout!, 'data');
    child.stdin.write('commit\n');
    await committed;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    const before = fileState(folder);
    const refused = await recover('--resume', caseFolder, '--swap', '--yes');
    expect(refused.code, refused.stderr).toBe(11);
    expect(parseError(refused).message).toContain('written to');
    expect(fileState(folder)).toEqual(before);
  });
});

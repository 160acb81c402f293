import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { RecoverData } from '../../src/core/health/recovery/recover-data.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { DamagedFile } from '../support/database-damage.ts';
import { fileState } from '../support/file-state.ts';
import { makeSoundDatabase } from '../support/sound-database.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const holderScript = fileURLToPath(new URL('../support/sqlite-holder.mjs', import.meta.url));

function damaged(): { folder: string; path: string } {
  const folder = join(temporaryFolder(), "my 'data' %s\nfolder");
  mkdirSync(folder);
  const path = join(folder, 'trading.db');
  makeSoundDatabase(path);
  const file = new DamagedFile(path, 5);
  file.page(file.pick(file.treePages('trade', 13))).fill(0);
  file.save();
  return { folder, path };
}

describe('health recover', () => {
  test('--dry-run prints the ranked plan and writes nothing', async () => {
    const { folder, path } = damaged();
    const before = fileState(folder);
    const text = await tradedb(['health', 'recover', '-d', path, '--dry-run']);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toMatch(/^plan for /);
    expect(text.stdout).toMatch(/^ +1 +salvage +yes/m);
    expect(text.stdout).toMatch(/^ +2 +replay +no/m);
    const json = await tradedb(['health', 'recover', '-d', path, '--dry-run', '--json']);
    expect(parseReport<RecoverData>(json).data).toMatchObject({ chosen: null, caseFolder: null, result: null });
    expect(fileState(folder)).toEqual(before);
  });

  test('recovers into a new file; the health of the result is good, the original is as it was', async () => {
    const { folder, path } = damaged();
    const before = fileState(folder);
    const to = join(folder, 'back.db');
    const result = await tradedb(['health', 'recover', '-d', path, '--to', to, '--json', '--progress', 'none']);
    expect(result.code).toBe(3);
    const { data } = parseReport<RecoverData>(result);
    expect(data).toMatchObject({ chosen: 'salvage', result: { path: to }, verification: { integrity: [] } });
    expect(data.tables.find(({ name }) => name === 'trade')?.brokenPages).toBe(1);
    expect(data.tables.find(({ name }) => name === 'setting')).toMatchObject({ rowsRecovered: 400, brokenPages: 0 });
    const state = fileState(folder);
    for (const [name, hash] of Object.entries(before)) expect(state[name]).toBe(hash);
    expect(readdirSync(join(data.caseFolder ?? '', 'frozen'))).toEqual(['database.db']);
    expect((await tradedb(['health', '-d', to, '--full', '--skip', 'file.space'])).code).toBe(0);
    const again = await tradedb(['health', 'recover', '-d', path, '--to', to]);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('exists already');
  });

  test('refuses while a process is connected, and names it', async () => {
    const { folder, path } = damaged();
    const child = spawn(process.execPath, [holderScript, path, 'idle'], { stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    await once(child.stdout!, 'data');
    const result = await tradedb(['health', 'recover', '-d', path, '--json']);
    expect(result.code).toBe(11);
    expect(parseError(result).message).toContain(`pid ${child.pid}`);
    expect(readdirSync(folder).filter((name) => name.includes('recovery'))).toEqual([]);
  });

  test('a missing file is not found, and no case is opened for it', async () => {
    const folder = temporaryFolder();
    const result = await tradedb(['health', 'recover', '-d', join(folder, 'none.db')]);
    expect(result.code).toBe(10);
    expect(existsSync(folder) && readdirSync(folder)).toEqual([]);
  });

  test('--swap asks, puts the result in place, and keeps the damaged file in the case', async () => {
    const { folder, path } = damaged();
    const wal = `${path}-wal`;
    writeFileSync(wal, 'left over');
    const before = readFileSync(path);
    const caseFolder = join(folder, 'case');
    const args = ['health', 'recover', '-d', path, '--case', caseFolder, '--swap', '--json', '--progress', 'none'];
    const refused = await tradedb(args);
    expect(refused.code).toBe(2);
    expect(readFileSync(path)).toEqual(before);
    const result = await tradedb(['health', 'recover', '--resume', caseFolder, '--swap', '--yes', '--json']);
    expect(result.code, result.stderr).toBe(3);
    const { data } = parseReport<RecoverData>(result);
    expect(data).toMatchObject({ result: { path }, swapped: { oldDatabase: join(caseFolder, 'damaged.db') } });
    expect(readFileSync(join(caseFolder, 'damaged.db'))).toEqual(before);
    expect(readFileSync(join(caseFolder, 'damaged.db-wal'), 'utf8')).toBe('left over');
    expect(existsSync(wal)).toBe(false);
    expect((await tradedb(['health', '-d', path, '--full', '--skip', 'file.space'])).code).toBe(0);
    const again = await tradedb(['health', 'recover', '--resume', caseFolder, '--yes', '--json']);
    expect(parseReport<RecoverData>(again).data.swapped).toEqual(data.swapped);
  });

  test('killed at any moment it can be resumed, and ends as if nothing had happened', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'trading.db');
    makeSoundDatabase(path, { rows: 6000 });
    const file = new DamagedFile(path, 5);
    file.page(file.pick(file.treePages('trade', 13))).fill(0);
    file.save();
    const damagedBytes = readFileSync(path);
    const unbroken = await tradedb(['health', 'recover', '-d', path, '--case', join(folder, 'whole'), '--json']);
    const wanted = parseReport<RecoverData>(unbroken).data.tables;
    const runs = Number(process.env.TRADEDB_RECOVER_KILLS ?? 4);
    for (let run = 0; run < runs; run++) {
      const caseFolder = join(folder, `case ${run}`);
      let finished = await killed(
        ['health', 'recover', '-d', path, '--case', caseFolder, '--swap', '--yes'],
        60 + run * 190,
      );
      for (let tries = 0; !finished && tries < 4 && existsSync(join(caseFolder, 'steps.ndjson')); tries++) {
        finished = await killed(['health', 'recover', '--resume', caseFolder, '--yes'], 250 + tries * 400);
      }
      if (existsSync(join(caseFolder, 'steps.ndjson'))) {
        const last = await tradedb([
          'health',
          'recover',
          '--resume',
          caseFolder,
          '--yes',
          '--json',
          '--progress',
          'none',
        ]);
        expect(last.code, last.stderr).toBe(3);
        expect(parseReport<RecoverData>(last).data.tables).toEqual(wanted);
        expect(readFileSync(join(caseFolder, 'damaged.db'))).toEqual(damagedBytes);
      } else expect(readFileSync(path)).toEqual(damagedBytes);
      writeFileSync(path, damagedBytes);
    }
  });
});

/** Runs it and kills it after a while; true when it ended by itself. */
async function killed(args: readonly string[], afterMs: number): Promise<boolean> {
  const result = await tradedb([...args], {
    onStart: (child) => {
      setTimeout(() => child.kill('SIGKILL'), afterMs).unref();
    },
  });
  return result.signal === null;
}

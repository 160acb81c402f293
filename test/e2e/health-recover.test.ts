import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
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
    expect(text.stdout).toMatch(/^ +1 +replay +no/m);
    expect(text.stdout).toMatch(/^ +3 +salvage +yes/m);
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
});

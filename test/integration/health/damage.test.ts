import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DamagedFile, damageKinds, leaveWal } from '../../support/database-damage.ts';
import { folderState } from '../../support/folder-state.ts';
import { checkHealth, idsWith } from '../../support/health.ts';
import { makeSoundDatabase, type SoundDatabaseOptions } from '../../support/sound-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const writerScript = fileURLToPath(new URL('../../support/busy-writer.mjs', import.meta.url));

/** The patient in a folder of its own, so that its file list can be compared. */
function patient(): { folder: string; home: string; path: string } {
  const folder = temporaryFolder();
  const home = join(folder, 'home');
  mkdirSync(home);
  return { folder, home, path: join(home, 'trading.db') };
}

const prepared = new Map<string, Map<string, Buffer>>();

/** Builds each kind of database once and puts copies in place after that. */
function prepare(path: string, options: SoundDatabaseOptions, wal: boolean): void {
  const key = JSON.stringify([options, wal]);
  const known = prepared.get(key);
  if (known !== undefined) {
    for (const [suffix, bytes] of known) writeFileSync(`${path}${suffix}`, bytes);
    return;
  }
  if (wal) leaveWal(path, options);
  else makeSoundDatabase(path, options);
  const suffixes = wal ? ['', '-wal'] : [''];
  prepared.set(key, new Map(suffixes.map((suffix) => [suffix, readFileSync(`${path}${suffix}`)])));
}

describe.each([512, 65536])('damage of databases with pages of %i bytes', (pageSize) => {
  // A leaf, an interior page and an overflow page of every kind must exist, whatever the page size.
  const shape = pageSize === 65536 ? { rows: 9000, longEvery: 450 } : { rows: 400 };

  it.each(damageKinds)('$name is found by the $tier tier', async (kind) => {
    const { folder, home, path } = patient();
    const options = { pageSize, ...shape, ...kind.database };
    prepare(path, options, kind.wal === true);
    if (kind.seenBefore === true) expect(idsWith(await checkHealth(folder, path), 'critical')).toEqual([]);
    kind.apply(new DamagedFile(path, pageSize));
    const before = folderState(home);
    const result = await checkHealth(folder, path, { tier: kind.tier });
    expect(folderState(home)).toEqual(before);
    const critical = idsWith(result, 'critical');
    expect(critical.filter((id) => kind.foundBy.includes(id))).not.toEqual([]);
    expect(result.data.damaged).toBe(true);
    expect(result.findings.some(({ severity }) => severity === 'critical')).toBe(true);
  });
});

describe('damage beside a writer that never rests', () => {
  it('is told from the work of the writer', async () => {
    const { folder, path } = patient();
    makeSoundDatabase(path, { rows: 1500, deleted: 0 });
    const leaves = new DamagedFile(path, 9).treePages('setting', 10);
    const writer = spawn(process.execPath, [writerScript, path, '1'], { stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => {
      writer.kill('SIGKILL');
    });
    await once(writer.stdout!, 'data');
    expect(idsWith(await checkHealth(folder, path), 'critical')).toEqual([]);
    // The writer never touches this table, so that its pages are in the file and not in the WAL.
    const page = leaves[1] ?? 0;
    const file = openSync(path, 'r+');
    writeSync(file, Buffer.alloc(4096), 0, 4096, (page - 1) * 4096);
    closeSync(file);
    for (let look = 0; look < 3; look++) {
      const result = await checkHealth(folder, path);
      expect(idsWith(result, 'critical')).toEqual(['structure.page']);
      expect(result.findings.find(({ severity }) => severity === 'critical')?.subject).toBe(`page ${page}`);
    }
    expect(writer.exitCode).toBeNull();
  });
});

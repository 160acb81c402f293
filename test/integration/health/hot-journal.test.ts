import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { fileState } from '../../support/file-state.ts';
import { checkHealth } from '../../support/health.ts';
import { runRecovery } from '../../support/recovery.ts';
import { makeSoundDatabase } from '../../support/sound-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const script = fileURLToPath(new URL('../../support/die-in-transaction.mjs', import.meta.url));

/** A database whose writer died in a transaction that had already reached the file. */
function interrupted(): { folder: string; home: string; path: string; quantities: unknown[] } {
  const folder = temporaryFolder();
  const home = join(folder, 'home');
  mkdirSync(home);
  const path = join(home, 'trading.db');
  makeSoundDatabase(path, { journalMode: 'delete', rows: 2000, deleted: 0 });
  const db = new Database(path, { readonly: true });
  const quantities = db.prepare('SELECT qty FROM trade ORDER BY id').pluck().all();
  db.close();
  const died = spawnSync(process.execPath, [script, path]);
  expect(died.signal).toBe('SIGKILL');
  return { folder, home, path, quantities };
}

describe('a hot journal', () => {
  it('is a warning; half-written pages are no alarm, and SQL checks roll back a copy alone', async () => {
    const { folder, home, path } = interrupted();
    const before = fileState(home);
    expect(Object.keys(before)).toContain('trading.db-journal');
    const { data, findings } = await checkHealth(folder, path, { tier: 'deep' });
    const row = (id: string) => data.checks.find((one) => one.id === id);
    expect(row('journal.hot')).toMatchObject({ status: 'warning' });
    expect(row('structure.page')).toMatchObject({ status: 'skipped' });
    expect(row('sqlite.integrity')).toMatchObject({ status: 'ok', ranOn: 'copy' });
    expect(findings.filter(({ severity }) => severity === 'critical')).toEqual([]);
    expect(fileState(home)).toEqual(before);
  });

  it('is rolled back by a recovery, in the new file', async () => {
    const { folder, home, path, quantities } = interrupted();
    const before = fileState(home);
    const { data } = await runRecovery(folder, path);
    expect(data).toMatchObject({ chosen: 'replay', verification: { integrity: [] } });
    const db = new Database(data.result?.path ?? '', { readonly: true });
    expect(db.prepare('SELECT qty FROM trade ORDER BY id').pluck().all()).toEqual(quantities);
    db.close();
    expect(fileState(home)).toEqual(before);
  });
});

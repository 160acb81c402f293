import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DamagedFile, damageKinds, leaveWal } from '../../support/database-damage.ts';
import { fileState } from '../../support/file-state.ts';
import { runRecovery } from '../../support/recovery.ts';
import { makeSoundDatabase } from '../../support/sound-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** Of these a wrong value in a sound page is the damage itself: nobody can tell it from a right one. */
const wrongValues = new Set(['key of an index entry', 'indexed value of a row']);
const kinds = damageKinds.filter(({ name }) => !wrongValues.has(name));

function rowsOf(path: string): Set<string> {
  const copy = join(temporaryFolder(), 'copy.db');
  for (const suffix of ['', '-wal']) if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix);
  const db = new Database(copy);
  const texts = ['trade', 'setting'].flatMap((name) => {
    const isThere = db.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(name) !== undefined;
    const rows = isThere ? (db.prepare(`SELECT * FROM ${name}`).raw().all() as unknown[][]) : [];
    return rows.map((row) => JSON.stringify([name, row]));
  });
  db.close();
  return new Set(texts);
}

describe('a recovery', () => {
  it('never presents a row that was not there, and leaves the damaged files as they are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...kinds),
        fc.record({
          seed: fc.integer({ min: 1, max: 1e6 }),
          pageSize: fc.constantFrom(512, 1024, 4096),
          autoVacuum: fc.constantFrom<0 | 1 | 2>(0, 0, 1, 2),
          rows: fc.integer({ min: 500, max: 900 }),
          deleted: fc.constantFrom(0.1, 0.3, 0.5),
        }),
        async (kind, { seed, ...shape }) => {
          // A database with full auto_vacuum has no list of free pages.
          fc.pre(!(kind.name.startsWith('freelist') && shape.autoVacuum === 1));
          const folder = temporaryFolder();
          const home = temporaryFolder();
          const path = join(home, 't.db');
          const options = { ...shape, ...kind.database };
          if (kind.wal === true) leaveWal(path, options);
          else makeSoundDatabase(path, options);
          const sound = rowsOf(path);
          kind.apply(new DamagedFile(path, seed));
          const before = fileState(home);
          const { data } = await runRecovery(folder, path);
          expect(fileState(home)).toEqual(before);
          expect(data.verification?.integrity).toEqual([]);
          expect([...rowsOf(data.result?.path ?? '')].filter((row) => !sound.has(row))).toEqual([]);
        },
      ),
      { numRuns: Number(process.env.TRADEDB_SALVAGE_RUNS ?? 8), endOnFailure: true },
    );
  });
});

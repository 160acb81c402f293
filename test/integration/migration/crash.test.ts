import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readMigrationState } from '../../../src/core/migration/state.ts';
import { applyMigrations } from '../../../src/core/migration/up.ts';
import { testContext } from '../../support/context.ts';
import { type MigrationFixture, migrationFixture, runSettings } from '../../support/migrations.ts';

const script = fileURLToPath(new URL('../../support/migrate-and-die.mjs', import.meta.url));
const dist = fileURLToPath(new URL('../../../dist', import.meta.url));

/** Five files of ten statements; the counter says how many statements are in effect. */
function fiveFiles(): Record<string, string> {
  const files: Record<string, string> = {};
  for (let file = 1; file <= 5; file++) {
    const statements = [file === 1 ? 'CREATE TABLE done(file INT, step INT)' : `CREATE TABLE t${file}(x)`];
    if (file === 1) statements.push('INSERT INTO done VALUES(1, 1)');
    while (statements.length < 9) statements.push(`INSERT INTO done VALUES(${file}, ${statements.length + 1})`);
    statements.push(`CREATE INDEX i${file} ON done(file, step) WHERE file = ${file}`);
    files[`${file}_f.sql`] = `${statements.join(';\n')};`;
  }
  return files;
}

function die(fixture: MigrationFixture, boundary: number, mode: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, dist, fixture.directory, fixture.path, String(boundary), mode], (_, stdout) =>
      resolve(stdout),
    );
  });
}

/** Every applied file is there as a whole, every other one not at all. */
async function requireWholeFiles(fixture: MigrationFixture): Promise<number> {
  const connection = await fixture.open();
  const state = readMigrationState(connection, fixture.source);
  const applied = state.files.length - state.pending.length;
  expect(state.conflicts).toEqual([]);
  const indexes = connection.value(`SELECT count(*) FROM sqlite_schema WHERE type = 'index'`);
  expect(indexes).toBe(applied);
  if (applied > 0) {
    const rows = connection.all<{ file: number; steps: number }>(
      'SELECT file, count(*) AS steps FROM done GROUP BY file ORDER BY file',
    );
    expect(rows).toEqual(Array.from({ length: applied }, (_, index) => ({ file: index + 1, steps: 8 })));
  }
  connection.close();
  return applied;
}

describe('kill -9 at every boundary', () => {
  test.each(['file', 'atomic'])('%s: whole files only, and the next up finishes', async (mode) => {
    const every = process.env.TRADEDB_TEST_EVERY_BOUNDARY === '1';
    const boundaries = Array.from({ length: 55 }, (_, index) => index).filter(
      (index) => mode === 'file' || every || index % 6 === 0,
    );
    const lanes = [0, 1, 2].map(async (lane) => {
      for (const boundary of boundaries.filter((_, index) => index % 3 === lane)) {
        const fixture = migrationFixture(fiveFiles());
        expect(await die(fixture, boundary, mode)).toBe('');
        const applied = await requireWholeFiles(fixture);
        // In file mode ten statements and one COMMIT make eleven boundaries per file; a COMMIT counts as done.
        if (mode === 'file') expect(applied).toBe(Math.floor((boundary + 1) / 11));
        else expect(applied).toBe(boundary < 50 ? 0 : 5);
        const connection = await fixture.open();
        const result = await applyMigrations({ ...runSettings, connection, source: fixture.source }, testContext());
        expect(result).toMatchObject({ failed: null, conflicts: [], pendingCount: 0 });
        expect(connection.pragmaValue('integrity_check')).toBe('ok');
        connection.close();
        expect(await requireWholeFiles(fixture)).toBe(5);
      }
    });
    await Promise.all(lanes);
    const fixture = migrationFixture(fiveFiles());
    expect(JSON.parse(await die(fixture, 999, mode))).toMatchObject({ boundaries: 55, applied: 5 });
  });
});

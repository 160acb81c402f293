import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rollBackMigrations } from '../../../src/core/migration/down.ts';
import { parseNative } from '../../../src/core/migration/format/native.ts';
import type { MigrationFile, MigrationSource } from '../../../src/core/migration/migration.ts';
import { userObjects } from '../../../src/core/migration/snapshot.ts';
import { readStatus } from '../../../src/core/migration/status.ts';
import { applyMigrations } from '../../../src/core/migration/up.ts';
import { schemaDigest } from '../../../src/core/schema/digest.ts';
import { openMemory } from '../../../src/core/sqlite/connection.ts';
import { testContext, testPorts } from '../../support/context.ts';
import { runSettings } from '../../support/migrations.ts';

const table = 'tradedb_migrations';

/** Files that build on each other: tables, columns, indexes, views. */
function files(kinds: readonly number[]): MigrationSource {
  const list = kinds.map((kind, index): MigrationFile => {
    const version = String(index + 1);
    const [up, down] = [
      [`CREATE TABLE t${version}(id INTEGER PRIMARY KEY, a)`, `DROP TABLE t${version}`],
      [`ALTER TABLE base ADD COLUMN c${version} TEXT DEFAULT 'x'`, `ALTER TABLE base DROP COLUMN c${version}`],
      [`CREATE INDEX i${version} ON base(id, a) WHERE a > ${version}`, `DROP INDEX i${version}`],
      [`CREATE VIEW v${version} AS SELECT id, a FROM base`, `DROP VIEW v${version}`],
    ][kind] as [string, string];
    const first = index === 0 ? 'CREATE TABLE base(id INTEGER PRIMARY KEY, a INT);\n' : '';
    const last = index === 0 ? ';\nDROP TABLE base' : '';
    const text = `-- migrate:up\n${first}${up};\n-- migrate:down\n${down}${last};`;
    const head = {
      version,
      name: `f${kind}`,
      file: `${version}_f.sql`,
      kind: 'sql' as const,
      sha256: `${version}-${kind}`,
    };
    return { ...head, load: () => ({ ...head, ...parseNative(text, head.file) }) };
  });
  return { directory: '', list: () => list };
}

test('up to v, down to u, up to v again: the same schema as the straight way', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(3), { minLength: 1, maxLength: 8 }),
      fc.array(fc.nat(8), { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      async (kinds, stops, atomic) => {
        const source = files(kinds);
        const [connection, straight] = [openMemory(testPorts), openMemory(testPorts)];
        const context = testContext();
        let at = 0;
        for (const stop of [...stops, kinds.length]) {
          const target = Math.min(stop, kinds.length);
          const settings = { ...runSettings, connection, source, to: String(target) };
          const result =
            target >= at && target > 0
              ? await applyMigrations({ ...settings, atomic }, context)
              : await rollBackMigrations(settings, context);
          expect([result.failed, result.conflicts]).toEqual([null, []]);
          at = target;
          expect(readStatus(connection, source, {})).toMatchObject({
            current: at === 0 ? null : String(at),
            pendingCount: kinds.length - at,
          });
        }
        await applyMigrations({ ...runSettings, connection: straight, source }, context);
        expect(schemaDigest(userObjects(connection, table))).toBe(schemaDigest(userObjects(straight, table)));
        expect(readStatus(connection, source, {}).schemaMatches).not.toBe(false);
        connection.close();
        straight.close();
      },
    ),
    { numRuns: 60 },
  );
});

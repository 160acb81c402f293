import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runRules } from '../../../src/core/trading/rule/run-rules.ts';
import { makeFreqtrade } from '../../support/foreign/freqtrade.ts';
import { importFile, importTarget, targetHash } from '../../support/foreign/import.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** Values that a careless writer, a migration or a damaged page may leave in a cell. */
const nasty = fc.oneof(
  fc.constantFrom<unknown>(null, '', ' 1', '5m', '1e5', 'inf', '-', '\u0000', 'NaN', '{"a":', '[]'),
  fc.constantFrom<unknown>(0, -1, 1e308, -1e308, 1e-12, 9_007_199_254_740_993n, -9_223_372_036_854_775_808n),
  fc.constantFrom<unknown>(Number.POSITIVE_INFINITY, Buffer.from('ff00fe', 'hex'), 'x'.repeat(100_000), '🐍'),
  fc.constantFrom<unknown>(
    '2024-13-01 00:00:00',
    '1969-12-31 23:59:59',
    '9999-01-01',
    1_700_000_000,
    'BTC/USDT',
    'buy',
    'closed',
  ),
  fc.double({ min: -1e9, max: 1e9, noNaN: true }),
  fc.integer({ min: -5, max: 200 }),
);

const damage = fc.record({
  table: fc.constantFrom('orders', 'trades', 'pairlocks', 'KeyValueStore', 'trade_custom_data'),
  column: fc.nat(),
  row: fc.nat(),
  value: nasty,
});

/** Rules that say the target is consistent in itself, whatever the source told. */
const structural = /^I(0[1247-9]|1[0-9]|26|29|3[0-2])$/;

describe('a source with damaged cells', () => {
  it('never stops an import, loses no row, and leaves a consistent target', async () => {
    const runs = Number(process.env.TRADEDB_IMPORT_DAMAGES ?? 25);
    const folder = temporaryFolder();
    let number = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 12 }), async (damages) => {
        number += 1;
        const { path } = makeFreqtrade(join(folder, `${number}.sqlite`), 'F9', {
          trades: 12,
          wal: false,
          seed: number,
        });
        const db = new Database(path);
        db.pragma('foreign_keys = OFF');
        db.pragma('synchronous = OFF');
        for (const { table, column, row, value } of damages) hurt(db, table, column, row, value);
        const counts = (table: string): number => Number(db.prepare(`SELECT count(*) FROM "${table}"`).pluck().get());
        const target = importTarget();
        try {
          const result = await importFile(path, target);
          expect(result.complete).toBe(true);
          for (const stream of result.streams) {
            const { rowsRead, rowsNew, rowsUnchanged, rowsUpdated, rowsQuarantined, duplicatesSkipped } = stream;
            expect(rowsRead).toBe(rowsNew + rowsUnchanged + rowsUpdated + rowsQuarantined + duplicatesSkipped);
            if (stream.name !== 'funding') expect(rowsRead, stream.name).toBe(counts(stream.table));
          }
          const lost = db
            .prepare('SELECT id FROM orders')
            .pluck()
            .all()
            .filter((id) => !isKept(target, String(id)));
          expect(lost).toEqual([]);
          const broken = runRules(target, { nowUs: 9e15, tolUs: 1e6, staleUs: 9e15 })
            .filter(({ id, status }) => structural.test(id) && status !== 'ok')
            .map(({ id, samples, reason }) => `${id} ${samples.join()} ${reason ?? ''}`);
          expect(broken).toEqual([]);
          const before = targetHash(target);
          await importFile(path, target);
          expect(targetHash(target)).toBe(before);
        } finally {
          target.close();
          db.close();
        }
      }),
      { numRuns: runs },
    );
  }, 120_000);
});

function isKept(target: ReturnType<typeof importTarget>, id: string): boolean {
  return (
    target.value(
      `SELECT EXISTS (SELECT 1 FROM external_refs WHERE entity = 'order' AND external_id = @id)
         OR EXISTS (SELECT 1 FROM import_quarantine WHERE stream = 'orders' AND external_id = @id)`,
      { id },
    ) === 1
  );
}

/** Writes one value into one cell; a constraint of the bot that refuses it keeps the cell as it is. */
function hurt(db: Database.Database, table: string, column: number, row: number, value: unknown): void {
  const columns = db.prepare('SELECT name FROM pragma_table_info(?)').pluck().all(table) as string[];
  const name = columns[column % columns.length] as string;
  const rows = Number(db.prepare(`SELECT count(*) FROM "${table}"`).pluck().get());
  try {
    db.prepare(`UPDATE "${table}" SET "${name}" = ? WHERE rowid = (SELECT rowid FROM "${table}" LIMIT 1 OFFSET ?)`).run(
      value,
      rows === 0 ? 0 : row % rows,
    );
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error;
  }
}

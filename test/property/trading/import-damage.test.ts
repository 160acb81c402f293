import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImportResult } from '../../../src/core/trading/import/result.ts';
import { writeHummingbot } from '../../support/foreign/hummingbot.ts';
import { importFile, importRows, importTarget } from '../../support/foreign/import.ts';
import { writeVnpy } from '../../support/foreign/vnpy.ts';

/** Whatever stands in a cell, the import ends, every row is accounted for, and what has entered keeps the rules. */

const junk = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    '',
    '5m',
    ' 1',
    'NaN',
    '1e400',
    '-1',
    '0',
    '{"a":',
    '[]',
    'é\u0000x',
    '2024-13-45',
    '1e5',
  ),
  fc.constantFrom<unknown>(
    0,
    -1,
    0.1 + 0.2,
    1e308,
    Number.MAX_SAFE_INTEGER,
    9_007_199_254_740_993n,
    -(2n ** 63n),
    1e-300,
  ),
  fc.double({ noNaN: true }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.string({ maxLength: 20 }),
  fc.uint8Array({ maxLength: 8 }),
);

const hits = fc.array(fc.record({ table: fc.nat(), row: fc.nat(), column: fc.nat(), value: junk }), {
  minLength: 1,
  maxLength: 8,
});

type Hit = { readonly table: number; readonly row: number; readonly column: number; readonly value: unknown };

/** Puts junk into cells; constraints that would refuse it are none of a damaged file. */
function damage(path: string, all: readonly Hit[]): void {
  const db = new Database(path);
  db.pragma('foreign_keys = 0');
  db.pragma('synchronous = OFF');
  const tables = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'Metadata' ORDER BY name")
    .pluck()
    .all() as string[];
  for (const { table, row, column, value } of all) {
    const name = tables[table % tables.length] ?? '';
    const columns = db.prepare('SELECT name FROM pragma_table_info(?)').pluck().all(name) as string[];
    const rows = db.prepare(`SELECT rowid FROM "${name}" ORDER BY rowid`).pluck().all() as number[];
    if (rows.length === 0) continue;
    const set = `UPDATE OR IGNORE "${name}" SET "${columns[column % columns.length]}" = ? WHERE rowid = ?`;
    try {
      db.prepare(set).run(value instanceof Uint8Array ? Buffer.from(value) : value, rows[row % rows.length]);
    } catch (error) {
      if (!/constraint|datatype/i.test(String(error))) throw error;
    }
  }
  db.close();
}

function expectSound(result: ImportResult): void {
  for (const stream of result.streams) {
    const { rowsNew, rowsUnchanged, rowsUpdated, rowsQuarantined, duplicatesSkipped } = stream;
    expect(stream.rowsRead).toBe(rowsNew + rowsUnchanged + rowsUpdated + rowsQuarantined + duplicatesSkipped);
  }
  expect(result.reconciliation.filter(({ passed }) => !passed)).toEqual([]);
  expect(result.rules.filter(({ severity, id }) => severity === 'critical' && !ofSource.has(id))).toEqual([]);
  expect(result.complete).toBe(true);
}

/** What the source itself says of its orders: an import cannot make it true. */
const ofSource: ReadonlySet<string> = new Set(['I03', 'I05', 'I06', 'I18', 'I25']);

/** The same examples in each run of CI; others, and more of them, with the environment variable. */
const more = Number(process.env.TRADEDB_DAMAGE_RUNS ?? 0);
const runs = more > 0 ? { numRuns: more } : { numRuns: 25, seed: 20_261_125 };

describe('an import of a damaged source', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tradedb-damage-'));
    writeHummingbot(join(folder, 'hummingbot'), 'H11', 20);
    writeHummingbot(join(folder, 'old'), 'H3', 20);
    writeVnpy(join(folder, 'vnpy'), 20);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(['hummingbot', 'old', 'vnpy'])(
    'holds or takes every row of %s',
    async (name) => {
      await fc.assert(
        fc.asyncProperty(hits, async (all) => {
          const path = join(folder, `${name}-damaged`);
          copyFileSync(join(folder, name), path);
          damage(path, all);
          const into = importTarget();
          try {
            expectSound(
              await importFile(path, into, {
                options: { timezone: 'UTC', kind: name === 'vnpy' ? 'future' : undefined, quote: 'CNY' },
              }),
            );
          } finally {
            into.close();
          }
        }),
        runs,
      );
    },
    120_000,
  );

  it('holds or takes every line of a CSV file', async () => {
    const line = fc.oneof(
      { weight: 3, arbitrary: fc.constant('1700000040,A-B,1.5,2,buy') },
      {
        weight: 1,
        arbitrary: fc
          .array(fc.constantFrom('1', '"', '""', ',', '\n', 'x', ' ', '1.5', 'é', '\r'), { maxLength: 12 })
          .map((parts) => parts.join('')),
      },
      {
        weight: 1,
        arbitrary: fc
          .tuple(fc.string(), fc.string(), fc.string(), fc.string(), fc.string())
          .map((fields) => fields.map((field) => `"${field.replaceAll('"', '""')}"`).join(',')),
      },
    );
    const map = {
      tradedbMapping: 1,
      name: 'm',
      detect: {},
      streams: {
        fills: {
          from: '*',
          key: ['#line'],
          columns: { symbol: 's', side: 'side', price: 'p', qty: 'q', exec_us: 't' },
        },
      },
    };
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 30 }), async (lines) => {
        const path = join(folder, 'fills.csv');
        writeFileSync(path, `t,s,p,q,side\n${lines.join('\n')}\n`);
        const into = importTarget();
        try {
          const result = await importRows('csv', path, into, { map, options: { venue: 'v' } });
          expectSound(result);
        } finally {
          into.close();
        }
      }),
      runs,
    );
  }, 120_000);
});

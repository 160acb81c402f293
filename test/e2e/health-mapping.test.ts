import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { HealthData } from '../../src/core/health/health-data.ts';
import { parseMapping } from '../../src/core/trading/mapping/mapping.ts';
import { parseReport, tradedb } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const mapping = {
  tradedbMapping: 1,
  name: 'my-engine',
  detect: { my_fills: ['tid', 'px', 'dir'], 'my orders': ['oid'] },
  streams: {
    orders: {
      from: 'my orders',
      key: ['oid'],
      columns: {
        symbol: 'sym',
        side: { column: 'dir', map: { B: 1, S: -1 } },
        type: { value: 'limit' },
        price: 'limit px',
        filled_qty: { column: 'done', scale: 6 },
        is_open: 'live',
        created_us: { column: 't', unit: 'ms' },
        updated_us: { column: 'upd', unit: 'iso' },
      },
    },
    fills: {
      from: 'my_fills',
      key: ['tid', 'oid'],
      columns: {
        order: 'oid',
        symbol: 'sym',
        venue_trade_id: 'tid',
        side: { column: 'dir', map: { B: 1, S: -1 } },
        price: 'px',
        qty: { column: 'q', scale: 6 },
        exec_us: { column: 't', unit: 'ms' },
      },
    },
    candles: {
      from: 'bars',
      key: ['s', 't'],
      columns: { symbol: 's', open_us: { column: 't', unit: 's' }, open: 'o', high: 'h', low: 'l', close: 'c' },
    },
    quotes: {
      from: 'book',
      key: ['t'],
      columns: { symbol: 's', ts_us: { column: 't', unit: 'ns' }, bid_px: 'b', ask_px: 'a' },
    },
  },
};

const base = `
CREATE TABLE "my orders" (oid INTEGER PRIMARY KEY, sym TEXT, dir TEXT, "limit px" REAL, done INTEGER, live INTEGER, t INTEGER, upd TEXT);
CREATE TABLE my_fills (tid TEXT, oid INTEGER, sym TEXT, dir TEXT, px REAL, q INTEGER, t INTEGER, PRIMARY KEY (tid, oid));
CREATE TABLE bars (s TEXT, t INTEGER, o REAL, h REAL, l REAL, c REAL);
CREATE TABLE book (s TEXT, t INTEGER, b REAL, a REAL);
INSERT INTO "my orders" VALUES (1, 'X', 'B', 0.3, 3000000, 0, 1700000000000, '2023-11-14 22:13:20'),
  (2, 'X', 'S', 5, 0, 0, 1700000000000, '2023-11-14 22:13:20.5');
INSERT INTO my_fills VALUES ('a', 1, 'X', 'B', 0.3, 1000000, 1700000000000), ('b', 1, 'X', 'B', 0.25, 2000000, 1700000000001);
INSERT INTO bars VALUES ('X', 1700000000, 1.1, 1.3, 1, 1.2);
INSERT INTO book VALUES ('X', 1700000000000000000, 1.1, 1.2);`;

/** Rule, what breaks it, what nearly does. */
const cases: readonly [string, string, string][] = [
  [
    'I01',
    "UPDATE my_fills SET q = 2000001 WHERE tid = 'b'",
    'UPDATE my_fills SET q = 2000001 WHERE tid = \'b\'; UPDATE "my orders" SET done = 3000001 WHERE oid = 1',
  ],
  ['I03', "UPDATE my_fills SET px = 0.30000001 WHERE tid = 'a'", "UPDATE my_fills SET px = 0.1 + 0.2 WHERE tid = 'a'"],
  [
    'I04',
    "UPDATE my_fills SET dir = 'S' WHERE tid = 'a'",
    'UPDATE my_fills SET dir = \'S\'; UPDATE "my orders" SET dir = \'S\', "limit px" = 0.2',
  ],
  ['I05', 'UPDATE my_fills SET t = 1699999999999', 'UPDATE my_fills SET t = 1700000000000'],
  [
    'I18',
    "INSERT INTO my_fills VALUES ('a', 2, 'X', 'B', 0.3, 1, 1700000000000)",
    "INSERT INTO my_fills VALUES ('a', 2, 'X', 'S', 5, 1, 1700000000000)",
  ],
  ['I21', 'UPDATE bars SET h = 1.19', 'UPDATE bars SET h = 1.2'],
  ['I24', 'UPDATE book SET b = 1.2', 'UPDATE book SET b = 1.19999999'],
  ['I25', 'UPDATE my_fills SET t = 4000000000000', 'UPDATE my_fills SET t = 1700000000002'],
  ['I27', 'UPDATE "my orders" SET live = 1', 'UPDATE "my orders" SET upd = \'2001-01-01 00:00:00\''],
];

interface Written {
  readonly folder: string;
  readonly path: string;
  readonly file: string;
}

function write(damage: string, content: unknown = mapping): Written {
  const folder = temporaryFolder();
  const path = join(folder, 'own.db');
  const file = join(folder, "my 'engine'.json");
  const db = new Database(path);
  db.exec(base);
  db.exec(damage);
  db.close();
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return { folder, path, file };
}

async function broken(
  { folder, path, file }: Written,
  options: readonly string[] = ['--profile', file],
): Promise<string[]> {
  const before = readFileSync(path);
  const env = { TRADEDB_STATE_DIRECTORY: join(folder, 'state') };
  const only = ['--tier', 'daily', '--only', 'rule.*'];
  const { data } = parseReport<HealthData>(
    await tradedb(['health', '-d', path, ...only, ...options, '--json'], { env }),
  );
  expect(readFileSync(path).equals(before)).toBe(true);
  expect(data.checks.map(({ id }) => id).sort()).toEqual(cases.map(([id]) => `rule.${id}`).sort());
  return data.checks.filter(({ status }) => status !== 'ok').map(({ id }) => id.replace('rule.', ''));
}

describe('an own schema under a mapping file', () => {
  test.each(cases)('%s', async (id, defect, nearMiss) => {
    expect(await broken(write(defect))).toContain(id);
    expect(await broken(write(nearMiss))).not.toContain(id);
  });

  test('is found by its tables when the configuration lists the file', async () => {
    const written = write('UPDATE bars SET h = 1');
    const config = join(written.folder, 'tradedb.config.json');
    writeFileSync(config, JSON.stringify({ trading: { mappings: ["my 'engine'.json"] } }));
    expect(await broken(written, ['-c', config])).toEqual(['I21']);
  });

  test('a table that lacks a column skips its rules and names it', async () => {
    const written = write('ALTER TABLE bars RENAME COLUMN h TO peak');
    const env = { TRADEDB_STATE_DIRECTORY: join(written.folder, 'state') };
    const health = ['health', '-d', written.path, '--tier', 'daily', '--only', 'rule.I21', '--profile', written.file];
    const { data } = parseReport<HealthData>(await tradedb([...health, '--json'], { env }));
    expect(data.checks[0]).toMatchObject({ status: 'skipped', reason: 'this file has no bars.h' });
  });

  test.each([
    ['no JSON', '{', 'is no JSON'],
    ['an unknown stream', { ...mapping, streams: { trades: {} } }, 'streams'],
    [
      'an unknown column',
      { ...mapping, streams: { quotes: { ...mapping.streams.quotes, columns: { bid: 'b' } } } },
      'bid_px',
    ],
    ['another version', { ...mapping, tradedbMapping: 2 }, 'tradedbMapping'],
    [
      'a unit that is none',
      { ...mapping, streams: { quotes: { from: 'book', key: ['t'], columns: { ts_us: { column: 't', unit: 'h' } } } } },
      'quotes',
    ],
  ])('%s is told with its place', async (_what, content, words) => {
    const { path, file } = write('', content);
    const result = await tradedb(['health', '-d', path, '--profile', file]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(words);
    expect(result.stderr.trim().split('\n').length).toBeLessThan(4);
  });

  test('the published schema accepts what the program accepts', () => {
    const schema = JSON.parse(readFileSync(new URL('../../docs/schema/mapping.schema.json', import.meta.url), 'utf8'));
    const validate = new Ajv2020({ allowUnionTypes: true }).compile(schema);
    expect(validate(mapping), JSON.stringify(validate.errors)).toBe(true);
    expect(validate({ ...mapping, tradedbMapping: 2 })).toBe(false);
    expect(parseMapping(JSON.stringify(mapping), 'm.json').name).toBe('my-engine');
  });
});

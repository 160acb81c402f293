import { describe, expect, test } from 'vitest';
import { assembleShapes, type TableUse } from '../../../src/core/analysis/candidates/assemble.ts';
import {
  columnTerm,
  defineIndex,
  readIndexes,
  termText,
} from '../../../src/core/analysis/candidates/index-definition.ts';
import { SargableProbe } from '../../../src/core/analysis/candidates/sargable-probe.ts';
import { suggestFromText } from '../../../src/core/analysis/candidates/token-scan.ts';
import { btreesByRoot, statementUse } from '../../../src/core/analysis/candidates/used-columns.ts';
import { overlappingIndexes, unindexedForeignKeys } from '../../../src/core/analysis/index-advice/schema-advice.ts';
import { scaleDistinct, scaleStat1, scaleStat4 } from '../../../src/core/analysis/shadow/sampled-statistics.ts';
import { type Connection, openMemory } from '../../../src/core/sqlite/connection.ts';
import { testPorts } from '../../support/context.ts';

function withSchema<T>(sql: string, work: (connection: Connection) => T): T {
  const connection = openMemory(testPorts);
  try {
    connection.pragma('foreign_keys = ON');
    connection.exec(sql);
    return work(connection);
  } finally {
    connection.close();
  }
}

describe('columns that a statement reads', () => {
  const read = (schema: string, sql: string): Record<string, string[]> =>
    withSchema(schema, (connection) => {
      const { columns } = statementUse(connection, { sql, values: [] }, btreesByRoot(connection));
      return Object.fromEntries([...columns].map(([table, names]) => [table, [...names].sort()]));
    });

  test('of tables, of indexes, and of rows that lie in their primary key', () => {
    const schema = 'CREATE TABLE t(id INTEGER PRIMARY KEY, a, b, c); CREATE INDEX i ON t(c, a)';
    expect(read(schema, 'SELECT b FROM t WHERE a > 5')).toEqual({ t: ['a', 'b'] });
    // c is compared inside the index and never read.
    expect(read(schema, 'SELECT a FROM t WHERE c = 5')).toEqual({ t: ['a', 'c'] });
    const keyed = 'CREATE TABLE k(x, y, z, PRIMARY KEY (z, x)) WITHOUT ROWID';
    expect(read(keyed, 'SELECT y FROM k WHERE x > 1')).toEqual({ k: ['x', 'y'] });
  });

  test('generated columns do not shift the others', () => {
    const schema = 'CREATE TABLE t(a, v AS (a + 1) VIRTUAL, s AS (a + 2) STORED, b)';
    expect(read(schema, 'SELECT b FROM t WHERE s > 3')).toEqual({ t: ['b', 's'] });
  });

  test('in triggers, cascades and foreign-key checks too', () => {
    const schema = `CREATE TABLE p(id INTEGER PRIMARY KEY, a); CREATE TABLE c(x REFERENCES p ON DELETE CASCADE, y);
      CREATE TABLE log(m, n); CREATE TRIGGER tr AFTER DELETE ON p BEGIN UPDATE log SET m = 1 WHERE n = old.a; END`;
    const found = read(schema, 'DELETE FROM p WHERE id = 1');
    expect(found.c).toContain('x');
    expect(found.log).toContain('n');
  });
});

describe('probes', () => {
  const probe = (sql: string, column: string, collation?: 'NOCASE') =>
    withSchema(
      'CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b TEXT); CREATE INDEX i ON t(a); CREATE TABLE u(id INTEGER PRIMARY KEY, a INTEGER)',
      (connection) => new SargableProbe(connection).probe('t', column, collation, [{ sql, values: [] }])[0]?.kind,
    );

  test.each([
    ['SELECT * FROM t WHERE a = 5', 'a', 'equality'],
    ['SELECT * FROM t WHERE a IN (5, 6)', 'a', 'equality'],
    ['SELECT * FROM t WHERE a IS NULL', 'a', 'equality'],
    ['SELECT * FROM t WHERE a > 5 AND a < 9', 'a', 'range'],
    ['SELECT * FROM t WHERE a + 0 = 5', 'a', undefined],
    ['SELECT * FROM t JOIN u ON t.a = u.id', 'a', 'equality'],
    ['SELECT * FROM t WHERE b = 5', 'a', undefined],
  ])('%s', (sql, column, kind) => {
    expect(probe(sql, column)).toBe(kind);
  });

  test('LIKE needs an index without regard to letter case', () => {
    expect(probe("SELECT * FROM t WHERE b LIKE 'x%'", 'b')).toBeUndefined();
    expect(probe("SELECT * FROM t WHERE b LIKE 'x%'", 'b', 'NOCASE')).toBe('range');
  });

  test('the sides of an OR belong together', () => {
    withSchema('CREATE TABLE t(a INTEGER, b INTEGER, c INTEGER)', (connection) => {
      const groups = new SargableProbe(connection).orGroups('t', ['a', 'b', 'c'], {
        sql: 'SELECT * FROM t WHERE a = 1 OR c = 2',
        values: [],
      });
      expect(groups).toEqual([['a', 'c']]);
    });
  });
});

describe('suggestions of the text', () => {
  const columns = new Map([
    ['orders', new Set(['id', 'account', 'at', 'qty', 'status', 'body', 'Größe'])],
    ['trades', new Set(['order_id', 'px'])],
  ]);
  const suggest = (sql: string) => suggestFromText(sql, columns);

  test('sort lists with directions; one that descends throughout is read backwards', () => {
    expect(suggest('SELECT * FROM orders ORDER BY at DESC, qty').sorts).toEqual([
      {
        table: 'orders',
        terms: [
          { column: 'at', descending: true },
          { column: 'qty', descending: false },
        ],
      },
    ]);
    expect(suggest('SELECT * FROM orders o ORDER BY o.at DESC, o."größe" DESC LIMIT 5').sorts).toEqual([
      {
        table: 'orders',
        terms: [
          { column: 'at', descending: false },
          { column: 'Größe', descending: false },
        ],
      },
    ]);
    expect(suggest('SELECT max(at) FROM orders GROUP BY account').sorts).toHaveLength(2);
    expect(suggest('SELECT 1 FROM orders ORDER BY 1').sorts).toEqual([]);
  });

  test('a list of two tables is cut where the second begins', () => {
    expect(suggest('SELECT * FROM orders, trades ORDER BY at, px').sorts[0]?.terms).toHaveLength(1);
  });

  test('constants, never parameters', () => {
    expect(suggest("SELECT * FROM orders WHERE status = 'open' AND account = ? AND qty IS NOT NULL").constants).toEqual(
      [
        { table: 'orders', column: 'status', where: "= 'open'" },
        { table: 'orders', column: 'qty', where: 'IS NOT NULL' },
      ],
    );
    expect(suggest('SELECT * FROM orders WHERE status IN (1, 2) OR status IN (?, 2)').constants).toEqual([
      { table: 'orders', column: 'status', where: 'IN (1, 2)' },
    ]);
  });

  test('expressions', () => {
    expect(
      suggest("SELECT * FROM orders o WHERE lower(o.status) = ? OR o.body ->> '$.k' = 1 OR random() > qty").expressions,
    ).toEqual([
      { table: 'orders', text: 'lower("status")' },
      { table: 'orders', text: `"body" ->> '$.k'` },
    ]);
  });
});

describe('shapes', () => {
  const use = (parts: Partial<TableUse>): TableUse => ({
    table: 't',
    searched: [],
    sorts: [],
    columns: [],
    constants: [],
    expressions: [],
    covering: false,
    ...parts,
  });
  const texts = (parts: Partial<TableUse>): string[] =>
    assembleShapes(use(parts), (column) => ({ a: 10, b: 1000 })[column] ?? 1).map((shape) =>
      shape.terms.map(termText).join(', '),
    );
  const equal = (column: string) => ({ table: 't', column, kind: 'equality' as const });

  test('equalities by their number of values, then ranges, then order', () => {
    const found = texts({
      searched: [equal('a'), equal('b'), { table: 't', column: 'r', kind: 'range' }],
      sorts: [{ table: 't', terms: [{ column: 'o', descending: true }] }],
    });
    expect(found[0]).toBe('"b", "a"');
    expect(found).toEqual(
      expect.arrayContaining(['"b", "a", "r"', '"a", "b", "o" DESC', '"b", "a", "o" DESC, "r"', '"o" DESC']),
    );
  });

  test('covering ones only when wanted', () => {
    const parts = { searched: [equal('a')], columns: ['a', 'x'] };
    expect(texts(parts)).toEqual(['"a"']);
    expect(texts({ ...parts, covering: true })).toEqual(['"a"', '"a", "x"']);
  });
});

describe('definitions', () => {
  test('names are short, free, and tell partial indexes apart', () => {
    const define = (terms: string[], where?: string, taken: string[] = []) =>
      defineIndex(
        'my table',
        terms.map((term) => columnTerm(term)),
        { taken: new Set(taken), ...(where === undefined ? {} : { where }) },
      );
    expect(define(['a b', 'ü']).name).toBe('ix_my_table_a_b_ü');
    expect(define(['a'], '"s" = 1').name).not.toBe(define(['a'], '"s" = 2').name);
    expect(define(['a'], undefined, ['ix_my_table_a']).name).not.toBe('ix_my_table_a');
    expect(
      define(Array.from({ length: 8 }, (_, index) => `a_rather_long_name_${index}`)).name.length,
    ).toBeLessThanOrEqual(60);
  });

  test('overlaps: duplicates and prefixes, constraints never', () => {
    const found = withSchema(
      `CREATE TABLE t(a, b, c, u UNIQUE); CREATE INDEX ab ON t(a, b); CREATE INDEX a ON t(a); CREATE INDEX a2 ON t(a);
       CREATE INDEX a_desc ON t(a DESC); CREATE INDEX a_part ON t(a) WHERE b > 1; CREATE UNIQUE INDEX ua ON t(a, b); CREATE INDEX u1 ON t(u)`,
      (connection) =>
        overlappingIndexes(readIndexes(connection)).map((one) => [one.index.name, one.kind, one.servedBy.name]),
    );
    expect(found).toEqual(
      expect.arrayContaining([
        ['a2', 'duplicate', 'a'],
        ['ab', 'duplicate', 'ua'],
        ['u1', 'duplicate', 'sqlite_autoindex_t_1'],
      ]),
    );
    expect(found.find(([name]) => name === 'a')?.[1]).toBe('prefix');
    expect(found.map(([name]) => name)).not.toContain('ua');
    expect(found.map(([name]) => name)).not.toContain('a_desc');
  });

  test('foreign keys without an index', () => {
    const found = withSchema(
      `CREATE TABLE p(id INTEGER PRIMARY KEY, x, y, UNIQUE (x, y));
       CREATE TABLE c(id INTEGER PRIMARY KEY REFERENCES p, a REFERENCES p, b REFERENCES p, c REFERENCES p, x, y, FOREIGN KEY (x, y) REFERENCES p(x, y));
       CREATE INDEX c_a ON c(a, id); CREATE INDEX c_b ON c(b) WHERE b IS NOT NULL; CREATE INDEX c_c ON c(c) WHERE a > 5; CREATE INDEX c_yx ON c(y, x, a);
       PRAGMA foreign_keys = OFF; INSERT INTO c(a) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n`,
      (connection) => unindexedForeignKeys(connection, readIndexes(connection)).map((key) => key.columns),
    );
    expect(found).toEqual([['c']]);
  });
});

describe('statistics from a sample', () => {
  test('unique stays unique, few values stay few', () => {
    expect(scaleStat1('1000 1', 10)).toBe('10000 1');
    expect(scaleStat1('1000 200 1', 10)).toBe('10000 1914 1');
    expect(scaleStat1('1000 2 1 noskipscan', 10)).toBe('10000 2 1 noskipscan');
    expect(scaleDistinct(5, 1000, 10)).toBeCloseTo(5.2, 1);
    expect(scaleDistinct(1000, 1000, 10)).toBe(10_000);
  });

  test('histogram rows grow with the table', () => {
    expect(scaleStat4('5 1', 10, 'neq')).toBe('50 1');
    expect(scaleStat4('120 7', 10, 'nlt')).toBe('1200 70');
    expect(scaleStat4('3 4', 10, 'ndlt')).toBe('3 4');
  });
});

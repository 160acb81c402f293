import Database from 'better-sqlite3';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { adviseOn } from '../../support/advice.ts';

const column = fc.constantFrom('a', 'b', 'c', 'd');
const condition = fc
  .tuple(column, fc.constantFrom('= ?', '> ?', 'IN (?, 3)', 'IS NULL', 'LIKE ?'))
  .map(([name, test]) => `${name} ${test}`);
const order = fc.array(fc.tuple(column, fc.constantFrom('', ' DESC')), { minLength: 1, maxLength: 2 });
const query = fc.record({
  conditions: fc.array(condition, { minLength: 1, maxLength: 3 }),
  or: fc.boolean(),
  order: fc.option(order),
  value: fc.integer({ min: 0, max: 60 }),
});
const index = fc.record({ columns: fc.uniqueArray(column, { minLength: 1, maxLength: 3 }), unique: fc.boolean() });
const database = fc.record({
  keyed: fc.boolean(),
  indexes: fc.array(index, { maxLength: 4 }),
  queries: fc.array(query, { minLength: 1, maxLength: 4 }),
});

function schemaOf({ keyed, indexes }: { keyed: boolean; indexes: { columns: string[]; unique: boolean }[] }): string {
  const table = keyed
    ? 'k INTEGER, a INTEGER, b INTEGER, c TEXT, d, PRIMARY KEY (k)'
    : 'k INTEGER PRIMARY KEY, a INTEGER, b INTEGER, c TEXT, d';
  return `CREATE TABLE t(${table})${keyed ? ' WITHOUT ROWID' : ''};
    INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
      SELECT i, i % 37, i % 1000, i % 61, iif(i % 9 = 0, NULL, i % 5) FROM n;
    ${indexes.map((one, at) => `CREATE ${one.unique ? 'UNIQUE ' : ''}INDEX i${at} ON t(${one.unique ? `${one.columns.join(', ')}, k` : one.columns.join(', ')});`).join('\n')}
    ANALYZE`;
}

function sqlOf(one: { conditions: string[]; or: boolean; order: [string, string][] | null }): string {
  const where = one.conditions.join(one.or ? ' OR ' : ' AND ');
  const by = one.order === null ? '' : ` ORDER BY ${one.order.map(([name, way]) => `${name}${way}`).join(', ')}`;
  return `SELECT * FROM t WHERE ${where}${by}`;
}

function workloadOf(input: { queries: Parameters<typeof sqlOf>[0][] }) {
  // Values of each "query" of the generator are all the same.
  const statements = (input.queries as (Parameters<typeof sqlOf>[0] & { value: number })[]).map((one) => {
    const sql = sqlOf(one);
    return { sql, values: [...sql].filter((letter) => letter === '?').map(() => one.value) };
  });
  const text = statements
    .map(({ sql, values }) => `${values.length > 0 ? `-- @params ${JSON.stringify(values)}\n` : ''}${sql};\n`)
    .join('');
  return { statements, text };
}

test('advice applies, keeps every result, respects constraints, and can be taken back', async () => {
  await fc.assert(
    fc.asyncProperty(database, async (input) => {
      const { statements, text } = workloadOf(input);
      const { data, path } = await adviseOn(schemaOf(input), text, { timeLimitMs: 8000, drops: 'unused' });
      const db = new Database(path);
      try {
        const schema = () =>
          db.prepare("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name").all();
        const rows = () =>
          statements.map(({ sql, values }) => db.prepare(`SELECT * FROM (${sql}) ORDER BY k`).all(values));
        const before = { schema: schema(), rows: rows() };
        for (const sql of data.migration?.up ?? []) db.exec(sql);
        expect(rows()).toEqual(before.rows);
        const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'index'").pluck().all();
        for (const [at, one] of input.indexes.entries()) if (one.unique) expect(names).toContain(`i${at}`);
        for (const sql of data.migration?.down ?? []) db.exec(sql);
        expect(schema()).toEqual(before.schema);
        expect(data.parity?.equal).toBe(data.parity?.total);
        expect(data.confirmation.every((one) => one.sameRows !== false)).toBe(true);
      } finally {
        db.close();
      }
    }),
    { numRuns: Number(process.env.ADVICE_RUNS ?? 4), endOnFailure: true },
  );
});

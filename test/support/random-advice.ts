import fc from 'fast-check';

const column = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const condition = fc
  .tuple(column, fc.constantFrom('= ?', '> ?', '< ?', 'IN (?, 3)', 'IS NULL', 'LIKE ?'))
  .map(([name, test]) => `${name} ${test}`);
const order = fc.array(fc.tuple(column, fc.constantFrom('', ' DESC')), { minLength: 1, maxLength: 2 });
const query = fc.record({
  conditions: fc.array(condition, { minLength: 1, maxLength: 3 }),
  or: fc.boolean(),
  order: fc.option(order),
  limit: fc.option(fc.constantFrom(1, 20)),
  /** One set of values for each; all placeholders of a set have the same value. */
  values: fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 3 }),
});
const index = fc.record({ columns: fc.uniqueArray(column, { minLength: 1, maxLength: 3 }), unique: fc.boolean() });

/** A table with or without rowid, some indexes, and some queries. */
export const randomDatabase = fc.record({
  keyed: fc.boolean(),
  indexes: fc.array(index, { maxLength: 4 }),
  queries: fc.array(query, { minLength: 1, maxLength: 4 }),
});

type Generated<T> = T extends fc.Arbitrary<infer U> ? U : never;
export type RandomDatabase = Generated<typeof randomDatabase>;

/** In `e` nearly every row has the value 3, so that only a histogram tells which values are rare. */
export function schemaOf({ keyed, indexes }: RandomDatabase): string {
  const table = keyed
    ? 'k INTEGER, a INTEGER, b INTEGER, c TEXT, d, e INTEGER, PRIMARY KEY (k)'
    : 'k INTEGER PRIMARY KEY, a INTEGER, b INTEGER, c TEXT, d, e INTEGER';
  const columns = (one: RandomDatabase['indexes'][number]): string =>
    (one.unique ? [...one.columns, 'k'] : one.columns).join(', ');
  return `CREATE TABLE t(${table})${keyed ? ' WITHOUT ROWID' : ''};
    INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
      SELECT i, i % 37, i % 1000, i % 61, iif(i % 9 = 0, NULL, i % 5), iif(i % 40 = 0, i % 59, 3) FROM n;
    ${indexes.map((one, at) => `CREATE ${one.unique ? 'UNIQUE ' : ''}INDEX i${at} ON t(${columns(one)});`).join('\n')}
    ANALYZE`;
}

export interface RandomStatement {
  readonly sql: string;
  readonly sets: readonly (readonly number[])[];
  /** Which rows a LIMIT leaves is up to the plan. */
  readonly limited: boolean;
}

export function statementsOf({ queries }: RandomDatabase): RandomStatement[] {
  return queries.map(({ conditions, or, order: by, limit, values }) => {
    const where = conditions.join(or ? ' OR ' : ' AND ');
    const sorted = by === null ? '' : ` ORDER BY ${by.map(([name, way]) => `${name}${way}`).join(', ')}`;
    const sql = `SELECT * FROM t WHERE ${where}${sorted}${limit === null ? '' : ` LIMIT ${limit}`}`;
    const places = sql.split('?').length - 1;
    const sets = places === 0 ? [[]] : values.map((value) => Array.from({ length: places }, () => value));
    return { sql, sets, limited: limit !== null };
  });
}

/** The statements as a workload file. */
export function workloadText(statements: readonly RandomStatement[]): string {
  return statements
    .map(
      ({ sql, sets }) =>
        `${sets.map((set) => (set.length > 0 ? `-- @params ${JSON.stringify(set)}\n` : '')).join('')}${sql};\n`,
    )
    .join('');
}

/** The histogram tells that few rows have e < 30; without it, one index more lures the planner into a skip-scan. */
export const luredWithoutStat4: RandomDatabase = {
  keyed: true,
  indexes: [{ columns: ['b', 'd', 'e'], unique: true }],
  queries: [
    {
      conditions: ['a < ?'],
      or: false,
      order: [
        ['a', ' DESC'],
        ['e', ' DESC'],
      ],
      limit: 1,
      values: [11, 26, 31],
    },
    { conditions: ['b = ?', 'e < ?'], or: true, order: [['b', '']], limit: 1, values: [36] },
    {
      conditions: ['b > ?'],
      or: false,
      order: [
        ['a', ' DESC'],
        ['a', ''],
      ],
      limit: 1,
      values: [53],
    },
    { conditions: ['c = ?', 'c IS NULL', 'a LIKE ?'], or: true, order: [['b', '']], limit: 1, values: [42] },
  ],
};

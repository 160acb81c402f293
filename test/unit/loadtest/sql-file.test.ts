import { describe, expect, it } from 'vitest';
import { parseSqlScenario } from '../../../src/core/loadtest/scenario/sql-file.ts';
import { sqlScenario } from '../../../src/core/loadtest/scenario/sql-scenario.ts';
import { CounterDraw } from '../../../src/core/loadtest/stream/draw.ts';
import { splitStatements } from '../../../src/core/schema/statement-split.ts';
import { openMemory } from '../../../src/core/sqlite/connection.ts';
import { testPorts } from '../../support/context.ts';

const parse = (text: string) => parseSqlScenario(text, 'file', splitStatements);

const mix = `
-- A comment before everything.
-- scenario: desk
-- setup
CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT) STRICT;
-- transaction: cancel  weight: 2  mode: immediate  think: 5ms
-- let: order = zipf(1, 200_000, 1.1)   account = uniform(1, 1000)
-- let: note = text(8), word = pick('it''s', 'b; c')
SELECT status, id AS "order id" FROM orders WHERE id = :order;   -- capture: status, oid = order id
UPDATE orders SET status = 'CANCELLED;' WHERE id = :oid AND status = :status AND account <> :account; -- why
-- transaction: peek  mode: read
SELECT count(*)
FROM orders;
`;

describe('scenario files', () => {
  it('reads names, weights, modes, values, captures and setup', () => {
    const spec = parse(mix);
    expect(spec.name).toBe('desk');
    expect(spec.setup).toHaveLength(1);
    expect(spec.transactions.map(({ name, weight, mode, thinkMs }) => [name, weight, mode, thinkMs])).toEqual([
      ['cancel', 2, 'immediate', 5],
      ['peek', 1, 'read', undefined],
    ]);
    const [cancel] = spec.transactions;
    expect(cancel?.variables.map(({ name }) => name)).toEqual(['order', 'account', 'note', 'word']);
    expect(cancel?.variables[0]?.value).toEqual({ kind: 'zipf', low: 1, high: 200_000, theta: 1.1 });
    expect(cancel?.variables[3]?.value).toEqual({ kind: 'pick', values: ["it's", 'b; c'] });
    expect(cancel?.statements.map(({ captures }) => captures)).toEqual([
      [
        { variable: 'status', column: 'status' },
        { variable: 'oid', column: 'order id' },
      ],
      [],
    ]);
  });

  it.each([
    ['SELECT 1;', /must stand below/],
    ['-- transaction: a\n', /no statement/],
    ['-- transaction: a\nSELECT :x;', /:x has no value/],
    ['-- transaction: a\nSELECT ?;', /written :name/],
    ['-- transaction: a\n-- let: x = gauss(1, 2)\nSELECT :x;', /no value gauss/],
    ['-- transaction: a\n-- let: x = uniform(9, 1)\nSELECT :x;', /low one first/],
    ['-- transaction: a\n-- let: x = uniform(1)\nSELECT :x;', /takes 2 numbers/],
    ['-- transaction: a mode: fast\nSELECT 1;', /mode must be/],
    ['-- transaction: a speed: 1\nSELECT 1;', /no setting speed/],
    ['-- transaction: a\nSELECT 1;\n-- transaction: a\nSELECT 1;', /twice/],
    ['-- transaction: a weight: 0\nSELECT 1;', /every weight/],
    ['-- transaction: a\nSELECT 1 AS x -- capture: x\n;', /behind the semicolon/],
    ['', /no "-- transaction/],
  ])('refuses %j', (text, why) => {
    expect(() => parse(text)).toThrow(why);
  });

  it('runs with bound values and hands captured ones on', () => {
    const connection = openMemory(testPorts);
    connection.exec(`CREATE TABLE orders (id INTEGER PRIMARY KEY, account INTEGER, status TEXT) STRICT;
      INSERT INTO orders VALUES (1, 7, 'NEW'), (2, 7, 'NEW');`);
    const scenario = sqlScenario(
      parse(`-- transaction: t
-- let: order = uniform(2, 2)  text = pick('a''b;--')
SELECT status AS s FROM orders WHERE id = :order; -- capture: s
UPDATE orders SET status = :s || :text WHERE id = :order;
SELECT status AS gone FROM orders WHERE id = 99; -- capture: gone
UPDATE orders SET account = 8 WHERE :gone IS NULL AND id = 1;`),
    );
    const session = scenario.open(connection, { runId: 'r', seed: 1 });
    session.run(0, scenario.transactions[0]!.parameters(new CounterDraw(1, 1).start(0), 0));
    expect(connection.all('SELECT account, status FROM orders ORDER BY id')).toEqual([
      { account: 8, status: 'NEW' },
      { account: 7, status: "NEWa'b;--" },
    ]);
    connection.close();
  });

  it('binds whole numbers as integers and times each statement when asked', () => {
    const connection = openMemory(testPorts);
    const scenario = sqlScenario(
      parse(`-- transaction: t
-- let: a = uniform(5, 5) b = real(0, 1) c = sequence(100)
SELECT typeof(:a) AS ta, typeof(:b) AS tb, :c AS c; -- capture: ta, tb, c`),
    );
    const seen: [number, number][] = [];
    const session = scenario.open(connection, {
      runId: 'r',
      seed: 1,
      onStatement: (type, at) => seen.push([type, at]),
    });
    const values = scenario.transactions[0]!.parameters(new CounterDraw(1, 1).start(3), 3);
    expect(values).toMatchObject({ a: 5n, c: 103n });
    session.run(0, values);
    expect(seen).toEqual([[0, 0]]);
    connection.close();
  });

  it('names a wrong column when it is opened, before any load', () => {
    const connection = openMemory(testPorts);
    const scenario = sqlScenario(parse('-- transaction: t\nSELECT price FROM nowhere;'));
    expect(() => scenario.open(connection, { runId: 'r', seed: 1 })).toThrow(/transaction t: no such table: nowhere/);
    connection.close();
  });
});

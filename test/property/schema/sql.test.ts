import fc from 'fast-check';
import { expect, test } from 'vitest';
import { normaliseSql } from '../../../src/core/schema/normalise.ts';
import { tokenize } from '../../../src/core/schema/sql-lexer.ts';
import { splitStatements } from '../../../src/core/schema/statement-split.ts';
import { openMemory } from '../../../src/core/sqlite/connection.ts';
import { testPorts } from '../../support/context.ts';

const alphabet = [
  ...'ab;\'"`[]/*-\n ()CASE',
  'BEGIN',
  'END',
  'CREATE',
  'TRIGGER',
  '--',
  '/*',
  '*/',
  "''",
  '0x1',
  '$v',
  '\u00e4',
];
const anyText = fc.array(fc.constantFrom(...alphabet), { maxLength: 60 }).map((parts) => parts.join(''));

const literal = fc
  .array(fc.constantFrom('a', ';', '-', "''", '"', '\n', 'END'), { maxLength: 8 })
  .map((p) => `'${p.join('')}'`);
const name = fc
  .array(fc.constantFrom('a', ';', 'END ', '-', ' '), { minLength: 1, maxLength: 6 })
  .map((p) => `"${p.join('')}"`);
const expression = fc.oneof(
  literal,
  fc.constant('1.5e3'),
  fc.tuple(literal, literal).map(([a, b]) => `CASE WHEN 1 THEN ${a} ELSE ${b} END`),
);
const plain = fc.oneof(
  fc.tuple(expression, name).map(([value, alias]) => `SELECT ${value} AS ${alias}`),
  expression.map((value) => `INSERT INTO t(a) VALUES(${value})`),
  name.map((column) => `CREATE TABLE n(${column} TEXT, [x;y] INT)`),
);
const trigger = fc
  .array(expression, { minLength: 1, maxLength: 3 })
  .map(
    (values) => `CREATE TRIGGER tr AFTER INSERT ON t BEGIN ${values.map((v) => `UPDATE t SET a = ${v}; `).join('')}END`,
  );
const statement = fc.oneof(plain, trigger);
const gap = fc.constantFrom('', ' ', '\n', '-- a; b\n', '/* ; END; */', ';', ' ; \n');

test('tokens and statements join back to any text', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(
        tokenize(text)
          .map((token) => token.text)
          .join(''),
      ).toBe(text);
      const { statements, trailing } = splitStatements(text);
      expect(statements.map((s) => s.leading + s.text + s.terminator).join('') + trailing).toBe(text);
    }),
    { numRuns: 500 },
  );
});

test('statements come back as written, and SQLite takes each as exactly one', () => {
  const database = openMemory(testPorts);
  database.exec('CREATE TABLE t(a)');
  fc.assert(
    fc.property(fc.array(fc.tuple(gap, statement), { maxLength: 6 }), gap, (pieces, tail) => {
      const text = pieces.map(([space, sql]) => `${space}${sql};`).join('') + tail;
      const found = splitStatements(text).statements.map((s) => s.text);
      expect(found).toEqual(pieces.map(([, sql]) => sql));
      for (const sql of found) database.prepare(sql);
    }),
    { numRuns: 300 },
  );
  database.close();
});

test('normalising is idempotent and blind to case, spaces, comments and quotes', () => {
  const respell = (sql: string, seed: number): string =>
    tokenize(sql)
      .map((token, index) => {
        if (token.kind === 'space') return [' ', '\n', ' /* c */ ', '\t-- d\n'][(seed + index) % 4];
        if (token.kind !== 'word') return token.text;
        return (seed + index) % 2 === 0 ? token.text.toUpperCase() : token.text.toLowerCase();
      })
      .join('');
  fc.assert(
    fc.property(statement, fc.nat(100), (sql, seed) => {
      expect(normaliseSql(normaliseSql(sql))).toBe(normaliseSql(sql));
      expect(normaliseSql(respell(sql, seed))).toBe(normaliseSql(sql));
    }),
    { numRuns: 300 },
  );
});

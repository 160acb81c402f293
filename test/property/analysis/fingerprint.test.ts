import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fingerprint, statementShape } from '../../../src/core/analysis/workload/fingerprint.ts';

const space = fc.constantFrom(' ', '\n', '\t  ', ' /* c */ ', ' -- c\n');
const literal = fc.oneof(
  fc.integer().map(String),
  fc.double({ min: 0, max: 1e6, noNaN: true }).map((value) => value.toFixed(3)),
  fc.string().map((text) => `'${text.replaceAll("'", "''").replaceAll('\0', '')}'`),
  fc.constantFrom('?', '?1', ':a', '@b', '$c', "x'00ff'"),
);
const letterCase = fc.array(fc.boolean(), { minLength: 12, maxLength: 12 });

function inCase(word: string, upper: readonly boolean[]): string {
  return [...word]
    .map((letter, index) => (upper[index % upper.length] === true ? letter.toUpperCase() : letter))
    .join('');
}

describe('fingerprint', () => {
  test('is stable under spacing, comments, letter case, list length and values', () => {
    const reference = fingerprint('select a from orders where b = 1 and c in (1, 2) limit 5');
    fc.assert(
      fc.property(
        space,
        letterCase,
        literal,
        fc.array(literal, { minLength: 1, maxLength: 9 }),
        literal,
        (gap, upper, b, list, limit) => {
          const words = [
            'select',
            'a',
            'from',
            'orders',
            'where',
            'b',
            '=',
            b,
            'and',
            'c',
            'in',
            `(${list.join(`,${gap}`)})`,
            'limit',
            limit,
          ];
          const sql = words.map((word) => (/^[a-z]+$/.test(word) ? inCase(word, upper) : word)).join(gap);
          expect(fingerprint(`${gap}${sql};`)).toBe(reference);
        },
      ),
    );
  });

  test('differs for different statements', () => {
    const statements = [
      'select a from t',
      'select b from t',
      'select "A" from t',
      'select a from t where a is null',
      'select a from t where a is not null',
      'select a from t where a = 1',
      'select a from t where a > 1',
      'select a from t where a in (1)',
      'select a from t where a = 1 - 1',
      'select a from t order by a',
      'select a from t order by a desc',
      'insert into t values (1)',
      'insert into t values (1, 2)',
      'insert into t values (1 + 2)',
    ];
    expect(new Set(statements.map(fingerprint)).size).toBe(statements.length);
  });

  test('rows of VALUES are one, signs belong to numbers', () => {
    expect(statementShape('INSERT INTO t VALUES (1, -2), (3, 4),(5,6)')).toBe('insert into t values ( ? , ? )');
    expect(statementShape('SELECT a - 1 FROM t LIMIT -1')).toBe('select a - ? from t limit ?');
    expect(fingerprint('INSERT INTO t VALUES (1,2)')).toBe(fingerprint('INSERT INTO t VALUES (?,?),(?,?)'));
  });
});

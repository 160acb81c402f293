import { expect, test } from 'vitest';
import { normaliseSql } from '../../../src/core/schema/normalise.ts';

test.each([
  ['CREATE TABLE T(a INT)', 'create   table "t" ( [A] int )'],
  ['CREATE TABLE t(a INT) -- c', 'CREATE/* x */TABLE t(\n a INT\n);'],
  ['CREATE INDEX i ON t(a) WHERE b == 1', 'create index `i` on t (a) where b = 1'],
  ['CREATE VIEW v AS SELECT a != 1E3 FROM t', 'CREATE VIEW v AS SELECT a <> 1e3 FROM "t"'],
])('%s equals %s', (left, right) => {
  expect(normaliseSql(left)).toBe(normaliseSql(right));
});

test.each([
  ["CREATE TABLE t(a DEFAULT 'X')", "CREATE TABLE t(a DEFAULT 'x')"],
  ['CREATE TABLE t(a INT)', 'CREATE TABLE t(a INTEGER)'],
  ['CREATE TABLE t("a b" INT)', 'CREATE TABLE t(a b INT)'],
  ['CREATE TABLE t(Ä INT)', 'CREATE TABLE t(ä INT)'],
])('%s differs from %s', (left, right) => {
  expect(normaliseSql(left)).not.toBe(normaliseSql(right));
});

import { expect, test } from 'vitest';
import { splitStatements } from '../../../src/core/schema/statement-split.ts';

const texts = (sql: string): string[] => splitStatements(sql).statements.map((statement) => statement.text);

test('semicolons in literals, names and comments do not split', () => {
  expect(texts(`SELECT ';' AS "a;b"; -- one; two\nSELECT [c;d], \`e;f\` /* ; */ FROM t;`)).toEqual([
    `SELECT ';' AS "a;b"`,
    'SELECT [c;d], `e;f` /* ; */ FROM t',
  ]);
});

test('a trigger with CASE and a column named end stays whole', () => {
  const trigger = `CREATE TEMP TRIGGER tr AFTER INSERT ON t BEGIN
    UPDATE t SET a = CASE WHEN new.a > 1 THEN 2 ELSE 3 END;
    SELECT end FROM u;
    INSERT INTO log VALUES('; END;');
  END`;
  expect(texts(`${trigger};\nSELECT 1`)).toEqual([trigger, 'SELECT 1']);
});

test('a comment between the last semicolon and END does not matter', () => {
  expect(texts('CREATE TRIGGER tr DELETE ON t BEGIN SELECT 1; /* ; */ END -- x\n; SELECT 2;')).toHaveLength(2);
});

test('line and column count from one', () => {
  const { statements, trailing } = splitStatements('\n  SELECT 1;\n\nSELECT 2\n-- end');
  expect(statements.map(({ line, column }) => [line, column])).toEqual([
    [2, 3],
    [4, 1],
  ]);
  expect(trailing).toBe('\n-- end');
});

test('comments only and semicolons only give no statement', () => {
  expect(splitStatements('-- nothing\n;;/* x').statements).toEqual([]);
  expect(splitStatements('').statements).toEqual([]);
});

test('a quote that never ends takes the rest', () => {
  expect(texts("SELECT 'a; SELECT 2;")).toEqual(["SELECT 'a; SELECT 2;"]);
});

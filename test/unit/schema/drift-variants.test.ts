import { describe, expect, test } from 'vitest';
import { diffObjects } from '../../../src/core/schema/diff.ts';
import { readObjects } from '../../../src/core/schema/introspect.ts';
import { openMemory } from '../../../src/core/sqlite/connection.ts';
import { testPorts } from '../../support/context.ts';

const schema = [
  `CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT 'x', b INT CHECK (b >= 0), c REAL COLLATE NOCASE) STRICT`,
  'CREATE TABLE c(id INTEGER PRIMARY KEY, t INT REFERENCES t(id) ON DELETE CASCADE, UNIQUE(t, id))',
  'CREATE INDEX i ON t(a DESC, b) WHERE b > 1',
  `CREATE VIEW v AS SELECT a, count(*) AS n FROM t WHERE a <> 'X' GROUP BY a`,
  `CREATE TRIGGER tr AFTER UPDATE OF a ON t WHEN new.b > 1 BEGIN UPDATE c SET t = CASE WHEN new.b > 2 THEN NULL ELSE t END; END`,
].map((sql) => sql.replace('b INT CHECK', 'b INTEGER CHECK').replace('c REAL', 'c TEXT'));

function differences(changed: readonly string[]): string[] {
  const [expected, actual] = [openMemory(testPorts), openMemory(testPorts)];
  expected.exec(schema.join(';'));
  actual.exec(changed.join(';'));
  const found = diffObjects(readObjects(expected), readObjects(actual));
  expected.close();
  actual.close();
  return found.map((one) => `${one.change} ${one.type} ${one.name}`);
}

/** The schema with one statement replaced. */
const swap = (index: number, from: string | RegExp, to: string): string[] => {
  const sql = schema[index] as string;
  const replaced = sql.replace(from, to);
  if (replaced === sql) throw new Error(`${from} is not in ${sql}`);
  return schema.with(index, replaced);
};

const all = (change: (sql: string) => string): string[] => schema.map(change);
const words = (sql: string, change: (word: string) => string): string =>
  sql.replace(/'[^']*'|[A-Za-z_]+/g, (word) => (word.startsWith("'") ? word : change(word)));

const cosmetic: Readonly<Record<string, readonly string[]>> = {
  'lower case': all((sql) => words(sql, (word) => word.toLowerCase())),
  'upper case': all((sql) => words(sql, (word) => word.toUpperCase())),
  'new lines': all((sql) => sql.replaceAll(' ', '\n')),
  tabs: all((sql) => sql.replaceAll(' ', '\t')),
  'windows lines': all((sql) => sql.replaceAll(' ', '\r\n')),
  'many spaces': all((sql) => sql.replaceAll(' ', '    ')),
  'spaces around commas': all((sql) => sql.replaceAll(',', ' , ')),
  'no space behind commas': all((sql) => sql.replaceAll(', ', ',')),
  'spaces in parentheses': all((sql) => sql.replaceAll('(', '( ').replaceAll(')', ' )')),
  'no space before parentheses': all((sql) => sql.replaceAll(' (', '(')),
  'line comments': all((sql) => sql.replaceAll(', ', ', -- note; here\n')),
  'block comments': all((sql) => sql.replaceAll(' ', ' /* x */ ')),
  'comment at the end': all((sql) => `${sql} /* end */`),
  'comment with quotes': all((sql) => sql.replace(' ', ` /* it's "odd" */ `)),
  'IF NOT EXISTS': all((sql) => sql.replace(/^CREATE (\w+) /, 'CREATE $1 IF NOT EXISTS ')),
  'schema name': all((sql) => sql.replace(/^CREATE (\w+) (\w+)/, 'CREATE $1 main.$2')),
  'name in double quotes': swap(0, 'TABLE t(', 'TABLE "t"('),
  'name in backticks': swap(0, 'TABLE t(', 'TABLE `t`('),
  'name in brackets': swap(0, 'TABLE t(', 'TABLE [t]('),
  'column in double quotes': swap(0, 'a TEXT NOT', '"a" TEXT NOT'),
  'column in backticks': swap(0, 'a TEXT NOT', '`a` TEXT NOT'),
  'column in brackets': swap(0, 'a TEXT NOT', '[a] TEXT NOT'),
  'column in capitals': swap(0, 'a TEXT NOT', 'A TEXT NOT'),
  'type in lower case': swap(0, 'a TEXT NOT', 'a text NOT'),
  'table in capitals': swap(0, 'TABLE t(', 'TABLE T('),
  'strict in lower case': swap(0, 'STRICT', 'strict'),
  'collation in lower case': swap(0, 'NOCASE', 'nocase'),
  'check spaced': swap(0, 'b >= 0', 'b>=0'),
  'check column quoted': swap(0, 'b >= 0', '"b" >= 0'),
  'reference quoted': swap(1, 'REFERENCES t(id)', 'REFERENCES "t"("id")'),
  'action in lower case': swap(1, 'ON DELETE CASCADE', 'on delete cascade'),
  'unique spaced': swap(1, 'UNIQUE(t, id)', 'UNIQUE ( t , id )'),
  'index name quoted': swap(2, 'INDEX i', 'INDEX "i"'),
  'index table quoted': swap(2, 'ON t(', 'ON [t]('),
  'order in lower case': swap(2, 'DESC', 'desc'),
  'condition spaced': swap(2, 'b > 1', 'b>1'),
  'other sign for unequal': swap(3, '<>', '!='),
  'function in capitals': swap(3, 'count(*)', 'COUNT( * )'),
  'trigger name quoted': swap(4, 'TRIGGER tr', 'TRIGGER `tr`'),
  'case expression on lines': swap(4, 'CASE WHEN', 'CASE\n  WHEN'),
};

const real: Readonly<Record<string, readonly string[]>> = {
  'type of a column': swap(0, 'a TEXT NOT', 'a ANY NOT'),
  'NOT NULL gone': swap(0, ' NOT NULL', ''),
  'default changed': swap(0, "'x'", "'y'"),
  'default in another case': swap(0, "'x'", "'X'"),
  'default gone': swap(0, " DEFAULT 'x'", ''),
  'default a blob': swap(0, "'x'", "x'78'"),
  'check changed': swap(0, 'b >= 0', 'b > 0'),
  'check gone': swap(0, ' CHECK (b >= 0)', ''),
  'collation changed': swap(0, 'NOCASE', 'RTRIM'),
  'collation gone': swap(0, ' COLLATE NOCASE', ''),
  'STRICT gone': swap(0, ' STRICT', ''),
  'key gone': swap(0, 'id INTEGER PRIMARY KEY', 'id INTEGER'),
  'AUTOINCREMENT added': swap(0, 'PRIMARY KEY', 'PRIMARY KEY AUTOINCREMENT'),
  'column added': swap(0, 'COLLATE NOCASE)', 'COLLATE NOCASE, d TEXT)'),
  'column gone': swap(0, ', c TEXT COLLATE NOCASE', ''),
  'column renamed': swap(0, ', c TEXT', ', d TEXT'),
  'columns in another order': swap(
    0,
    'b INTEGER CHECK (b >= 0), c TEXT COLLATE NOCASE',
    'c TEXT COLLATE NOCASE, b INTEGER CHECK (b >= 0)',
  ),
  'generated column': swap(0, 'COLLATE NOCASE)', 'COLLATE NOCASE, d INTEGER AS (b + 1))'),
  'unique column': swap(0, 'c TEXT', 'c TEXT UNIQUE'),
  'action changed': swap(1, 'CASCADE', 'SET NULL'),
  'action gone': swap(1, ' ON DELETE CASCADE', ''),
  'reference gone': swap(1, ' REFERENCES t(id) ON DELETE CASCADE', ''),
  'reference to another column': swap(1, 't(id)', 't(b)'),
  'unique columns in another order': swap(1, 'UNIQUE(t, id)', 'UNIQUE(id, t)'),
  'unique gone': swap(1, ', UNIQUE(t, id)', ''),
  'deferred reference': swap(1, 'CASCADE', 'CASCADE DEFERRABLE INITIALLY DEFERRED'),
  'WITHOUT ROWID': swap(1, 'id))', 'id)) WITHOUT ROWID'),
  'index order': swap(2, ' DESC', ''),
  'index columns': swap(2, 'a DESC, b', 'b, a DESC'),
  'index condition': swap(2, 'b > 1', 'b > 2'),
  'index condition gone': swap(2, ' WHERE b > 1', ''),
  'index unique': swap(2, 'CREATE INDEX', 'CREATE UNIQUE INDEX'),
  'index gone': schema.toSpliced(2, 1),
  'view column': swap(3, 'AS n', 'AS m'),
  'view literal in another case': swap(3, "'X'", "'x'"),
  'view gone': schema.toSpliced(3, 1),
  'trigger time': swap(4, 'AFTER', 'BEFORE'),
  'trigger column': swap(4, 'OF a', 'OF b'),
  'trigger body': swap(4, 'new.b > 2', 'new.b > 3'),
  'object added': [...schema, 'CREATE TABLE extra(a)'],
};

describe('drift', () => {
  test('there are 40 of each', () => {
    expect([Object.keys(cosmetic).length, Object.keys(real).length]).toEqual([40, 40]);
  });

  test.each(Object.keys(cosmetic))('cosmetic: %s', (name) => {
    expect(differences(cosmetic[name] ?? [])).toEqual([]);
  });

  test.each(Object.keys(real))('real: %s', (name) => {
    expect(differences(real[name] ?? [])).toHaveLength(1);
  });
});

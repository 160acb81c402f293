import { describe, expect, test } from 'vitest';
import { lintMigrations, lintRules } from '../../../src/core/migration/lint.ts';
import type { LintLevel } from '../../../src/core/migration/lint-rule.ts';
import { openMemory } from '../../../src/core/sqlite/connection.ts';
import { testContext, testPorts } from '../../support/context.ts';
import { migrationFixture } from '../../support/migrations.ts';

interface Case {
  readonly code: string;
  /** Schema and rows before. */
  readonly setup?: string;
  readonly hit: string;
  /** As close as it gets without a finding of this rule. */
  readonly miss: string;
  readonly file?: string;
  readonly missFile?: string;
  readonly more?: Readonly<Record<string, string>>;
}

const t = 'CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT);';
const rebuild = (columns: string, more = ''): string =>
  `CREATE TABLE n(${columns}); INSERT INTO n(id) SELECT id FROM t; DROP TABLE t; ALTER TABLE n RENAME TO t; ${more}`;
const strictRebuild = `CREATE TABLE n(id INTEGER PRIMARY KEY, a TEXT, b INT) STRICT; INSERT INTO n(id, a, b) SELECT id, a, b FROM t; DROP TABLE t; ALTER TABLE n RENAME TO t;`;
const keyed = 'CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT);';
const keyedRebuild =
  'CREATE TABLE n(id INTEGER PRIMARY KEY AUTOINCREMENT, a INT); INSERT INTO n(id) SELECT id FROM t; DROP TABLE t; ALTER TABLE n RENAME TO t;';
const large = `${t} INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT i, 'x', i FROM n;`;

const cases: readonly Case[] = [
  { code: 'M001', setup: t, hit: 'DROP TABLE t;', miss: strictRebuild },
  { code: 'M002', setup: t, hit: 'ALTER TABLE t DROP COLUMN b;', miss: 'ALTER TABLE t ALTER COLUMN b SET NOT NULL;' },
  {
    code: 'M003',
    setup: t,
    hit: 'ALTER TABLE t RENAME TO u;',
    miss: 'ALTER TABLE t RENAME TO u; CREATE VIEW t AS SELECT id FROM u;',
  },
  { code: 'M004', setup: t, hit: rebuild('id INTEGER PRIMARY KEY, a TEXT, b INT, c REAL'), miss: strictRebuild },
  { code: 'M005', setup: t, hit: `-- migrate:up foreign-keys=on\n${strictRebuild}`, miss: strictRebuild },
  {
    code: 'M006',
    setup: `${t} CREATE INDEX i ON t(a);`,
    hit: strictRebuild,
    miss: `${strictRebuild} CREATE INDEX i ON t(a);`,
  },
  { code: 'M007', setup: t, hit: `ALTER TABLE t RENAME TO old; ${t} DROP TABLE old;`, miss: strictRebuild },
  {
    code: 'M008',
    setup: t,
    hit: 'ALTER TABLE t ADD COLUMN c REAL NOT NULL;',
    miss: 'ALTER TABLE t ADD COLUMN c REAL NOT NULL DEFAULT 0;',
  },
  {
    code: 'M009',
    setup: t,
    hit: "INSERT INTO t VALUES(1, 'x', 2);",
    miss: "INSERT INTO t(id, a, b) VALUES(1, 'x', 2);",
  },
  {
    code: 'M010',
    setup: large,
    hit: 'CREATE INDEX big ON t(a);',
    miss: 'CREATE TABLE small(a); CREATE INDEX small_a ON small(a);',
  },
  { code: 'M011', setup: t, hit: 'UPDATE t SET b = 0;', miss: 'UPDATE t SET b = 0 WHERE b IS NULL;' },
  { code: 'M012', setup: t, hit: 'BEGIN; SELECT 1;', miss: 'CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; END;' },
  { code: 'M013', hit: 'PRAGMA foreign_keys = OFF; SELECT 1;', miss: 'PRAGMA optimize; SELECT 1;' },
  { code: 'M014', hit: '-- migrate:up\nSELECT 1;', miss: '-- migrate:up irreversible\nSELECT 1;' },
  { code: 'M015', setup: t, hit: 'SELECT id FROM t WHERE a = "x";', miss: 'SELECT "a" FROM t;' },
  {
    code: 'M016',
    setup: t,
    hit: '-- migrate:up transaction=false\nDROP TABLE t;',
    miss: '-- migrate:up transaction=false\nDROP TABLE IF EXISTS t; VACUUM; CREATE TABLE IF NOT EXISTS u(x);',
  },
  {
    code: 'M017',
    setup: `${t} CREATE TRIGGER tr AFTER UPDATE OF b ON t BEGIN SELECT 1; END;`,
    hit: 'ALTER TABLE t DROP COLUMN b;',
    miss: 'ALTER TABLE t DROP COLUMN a;',
  },
  {
    code: 'M018',
    hit: 'CREATE TABLE x(a REAL DEFAULT (random()));',
    miss: "CREATE TABLE x(a TEXT DEFAULT 'random', random_seed INT DEFAULT 0);",
  },
  {
    code: 'M019',
    setup: keyed,
    hit: keyedRebuild,
    miss: `${keyedRebuild} UPDATE sqlite_sequence SET seq = seq WHERE name = 't';`,
  },
  {
    code: 'M020',
    setup: t,
    hit: 'CREATE TABLE c(id INTEGER PRIMARY KEY, t INT REFERENCES t(id));',
    miss: 'CREATE TABLE c(id INTEGER PRIMARY KEY, t INT REFERENCES t(id)); CREATE INDEX c_t ON c(t, id);',
  },
  { code: 'M021', hit: 'SELECT 1;', miss: 'SELECT 1;', more: { '07_twin.sql': 'SELECT 1;' }, missFile: '8_x.sql' },
  {
    code: 'M022',
    setup: t,
    hit: 'CREATE TABLE u(a); UPDATE t SET b = 1 WHERE id = 1;',
    miss: 'CREATE TABLE u(a); INSERT INTO u(a) SELECT b FROM t;',
  },
  { code: 'M023', hit: 'CREATE TABLE x(a);', miss: 'CREATE TABLE x(a ANY) STRICT;' },
  {
    code: 'M024',
    setup: `${t} CREATE VIRTUAL TABLE f USING fts5(a, content='t', content_rowid='id');`,
    hit: 'ALTER TABLE t RENAME TO u;',
    miss: strictRebuild,
  },
  { code: 'M025', hit: 'PRAGMA user_version = 3; SELECT 1;', miss: 'PRAGMA user_version; SELECT 1;' },
];

async function lint(
  setup: string,
  files: Record<string, string>,
  levels: Record<string, LintLevel> = { M023: 'warning' },
) {
  const fixture = migrationFixture(files);
  const connection = openMemory(testPorts);
  connection.exec(setup);
  const all = fixture.source.list();
  const result = await lintMigrations(
    { files: all, folder: all, connection, table: 'tradedb_migrations', levels, largeTableRows: 200 },
    testContext(),
  );
  connection.close();
  return result;
}

describe('rules', () => {
  test('each has a case', () => {
    expect(cases.map((one) => one.code)).toEqual(lintRules.map((rule) => rule.code));
  });

  test.each(cases)('$code: a hit and a near miss', async ({ code, setup = '', hit, miss, missFile, more = {} }) => {
    const found = await lint(setup, { '7_x.sql': hit, ...more });
    expect(found.findings.map((finding) => finding.code)).toContain(code);
    const near = await lint(setup, { [missFile ?? '7_x.sql']: miss, ...more });
    expect(near.findings.filter((finding) => finding.code === code && finding.file.endsWith('_x.sql'))).toEqual([]);
    if (code !== 'M012') expect(near.stoppedAt).toBeNull();
  });

  test('a version in the future is a warning', async () => {
    const { findings } = await lint('', { '29990101000000_x.sql': '-- migrate:up irreversible\nSELECT 1;' });
    expect(findings).toMatchObject([{ code: 'M021', level: 'warning' }]);
  });

  test('lint-ignore needs a reason and is reported', async () => {
    const quiet = await lint(t, {
      '1_x.sql': '-- migrate:up irreversible lint-ignore="M011:few rows only"\nUPDATE t SET b = 0;',
    });
    expect(quiet).toMatchObject({
      findings: [],
      ignored: [{ code: 'M011', file: '1_x.sql', reason: 'few rows only' }],
    });
    await expect(lint(t, { '1_x.sql': '-- migrate:up lint-ignore=M011\nSELECT 1;' })).rejects.toThrow(
      'needs a rule and a reason',
    );
  });

  test('levels: off and raised; an unknown rule is refused', async () => {
    const files = { '1_x.sql': '-- migrate:up\nUPDATE t SET b = 0;' };
    expect((await lint(t, files, { M011: 'off', M014: 'error' })).findings).toMatchObject([
      { code: 'M014', level: 'error' },
    ]);
    await expect(lint(t, files, { M099: 'off' })).rejects.toThrow('there is no lint rule "M099"');
  });

  test('a file that cannot run is named, and the text of later ones is still judged', async () => {
    const result = await lint(t, { '1_x.sql': 'SELECT * FROM nowhere;', '2_y.sql': 'UPDATE t SET b = 0;' });
    expect(result.stoppedAt).toMatchObject({ file: '1_x.sql', line: 1, reason: 'no such table: nowhere' });
    expect(result.findings.map((finding) => `${finding.file} ${finding.code}`)).toContain('2_y.sql M011');
  });
});

test('nothing is found in 200 clean files', async () => {
  const files: Record<string, string> = {};
  for (let index = 1; index <= 200; index++) {
    const version = String(index).padStart(4, '0');
    const kinds = [
      `CREATE TABLE t${index}(id INTEGER PRIMARY KEY, parent INT REFERENCES t${Math.max(1, index - 4)}(id), px REAL NOT NULL DEFAULT 0 CHECK (px >= 0), note TEXT DEFAULT 'now') STRICT;\nCREATE INDEX t${index}_parent ON t${index}(parent);`,
      `CREATE VIEW v${index} AS SELECT id, px FROM t${index - 1} WHERE note <> 'x; y';`,
      `CREATE TRIGGER tr${index} AFTER INSERT ON t${index - 2} BEGIN\n  UPDATE t${index - 2} SET px = CASE WHEN new.px > 1 THEN 1 ELSE new.px END WHERE id = new.id;\nEND;`,
      `INSERT INTO t${index - 3}(id, px) VALUES(1, 0.5);\nUPDATE t${index - 3} SET px = 1 WHERE id = 1;`,
    ];
    const undo = [
      `DROP TABLE t${index};`,
      `DROP VIEW v${index};`,
      `DROP TRIGGER tr${index};`,
      `DELETE FROM t${index - 3} WHERE id = 1;`,
    ];
    const kind = (index - 1) % 4;
    files[`${version}_clean.sql`] = `-- migrate:up\n${kinds[kind]
      ?.replace('parent INT REFERENCES t1(id)', index === 1 ? 'parent INT' : '$&')
      .replace('INT REFERENCES', 'INTEGER REFERENCES')
      .replace('parent INT,', 'parent INTEGER,')}\n-- migrate:down\n${undo[kind]}`;
  }
  const result = await lint('', files);
  expect(result.stoppedAt).toBeNull();
  expect(result.findings).toEqual([]);
  expect(result.filesChecked).toBe(200);
});

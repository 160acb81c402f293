import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Clock } from '../../../src/core/context.ts';
import { migrationsFrom } from '../../../src/core/migration/source-folder.ts';
import { applyMigrations } from '../../../src/core/migration/up.ts';
import { readObjects } from '../../../src/core/schema/introspect.ts';
import { type Connection, createDatabase, openReadWrite } from '../../../src/core/sqlite/connection.ts';
import { fullProfile } from '../../../src/core/sqlite/pragma-profile.ts';
import { systemClock } from '../../../src/system/system-clock.ts';
import { testContext, testPorts } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

interface Shape {
  readonly key: 'rowid' | 'integer' | 'autoincrement' | 'without';
  readonly strict: boolean;
  readonly check: boolean;
  readonly generated: boolean;
  readonly unique: boolean;
  readonly selfReference: boolean;
}

const shape = (keys: readonly Shape['key'][]): fc.Arbitrary<Shape> =>
  fc.record({
    key: fc.constantFrom(...keys),
    strict: fc.boolean(),
    check: fc.boolean(),
    generated: fc.boolean(),
    unique: fc.boolean(),
    selfReference: fc.boolean(),
  });

/** Two forms between which rows can be told apart: the same key, or one that keeps the rowid. */
const pair = fc.oneof(
  fc.tuple(shape(['integer', 'autoincrement']), shape(['integer', 'autoincrement'])),
  fc.tuple(shape(['rowid']), shape(['rowid'])),
  fc.tuple(shape(['without']), shape(['without', 'integer'])),
);

function definition(name: string, one: Shape): string {
  const key = {
    rowid: 'id INTEGER UNIQUE',
    integer: 'id INTEGER PRIMARY KEY',
    autoincrement: 'id INTEGER PRIMARY KEY AUTOINCREMENT',
    without: 'id INTEGER PRIMARY KEY',
  }[one.key];
  const columns = [
    key,
    'a INTEGER',
    `b TEXT COLLATE NOCASE${one.unique ? ' UNIQUE' : ''}`,
    `up INTEGER${one.selfReference ? ` REFERENCES ${name}(id) ON DELETE CASCADE` : ''}`,
    ...(one.generated ? ['twice INTEGER AS (a * 2) VIRTUAL'] : []),
    ...(one.check ? ['CHECK (a >= 0)'] : []),
  ];
  const options = [...(one.strict ? ['STRICT'] : []), ...(one.key === 'without' ? ['WITHOUT ROWID'] : [])];
  return `CREATE TABLE ${name}(${columns.join(', ')}) ${options.join(', ')}`;
}

const around = `CREATE INDEX t_a ON t(a DESC, b) WHERE a > 1;
  CREATE INDEX t_b ON t(b COLLATE BINARY DESC, a);
  CREATE INDEX t_expression ON t(a + 1, lower(b) DESC);
  CREATE TRIGGER other AFTER INSERT ON log BEGIN UPDATE t SET up = NULL WHERE a = new.x; END;
  CREATE VIEW v AS SELECT id, a FROM t;
  CREATE VIEW v2 AS SELECT a FROM v;
  CREATE TRIGGER v_insert INSTEAD OF INSERT ON v BEGIN INSERT INTO t(id, a) VALUES(new.id, new.a); END;`;

/** Each statement of the writer goes to the table and to its twin. */
const write = fc.record({
  form: fc.constantFrom(
    'INSERT OR IGNORE INTO %(id, a, b, up) VALUES(@id, @a, @b, NULL)',
    'INSERT OR REPLACE INTO %(id, a, b, up) VALUES(@id, @a, @b, NULL)',
    'UPDATE OR REPLACE % SET b = @b WHERE id = @id',
    'UPDATE OR IGNORE % SET b = @b, a = @a WHERE id = @id',
    'UPDATE OR REPLACE % SET id = @id + @a WHERE id = @id',
    'UPDATE % SET a = NULL WHERE id = @id',
    'DELETE FROM % WHERE id = @id',
  ),
  id: fc.nat(120),
  a: fc.nat(40),
  b: fc.constantFrom(null, 'x', 'X', 'y', 'b1', 'B2', 'b3', 'b7', ''),
});

const rows = (connection: Connection, table: string) =>
  connection.all(`SELECT id, a, b, up FROM ${table} ORDER BY id, a, b`);

test('whatever is written meanwhile, the changed table holds what an untouched one holds, and every object is kept', async () => {
  await fc.assert(
    fc.asyncProperty(
      pair,
      fc.uniqueArray(fc.nat(100), { maxLength: 60 }),
      fc.array(write, { maxLength: 60 }),
      async ([from, to], ids, writes) => {
        const path = join(temporaryFolder(), 'data.db');
        const connection = createDatabase(path, { ...fullProfile, foreignKeys: false }, testPorts);
        // The writer goes on behind the exchange, so a difference in uniqueness would make a difference in the rows.
        const unique = from.unique || to.unique;
        const [source, target] = [from, to].map((one) => ({ ...one, unique })) as [Shape, Shape];
        connection.exec(`${definition('t', source)}; ${definition('m', source)}; CREATE TABLE log(x);`);
        for (const id of ids) {
          for (const table of ['t', 'm'])
            connection.run(`INSERT INTO ${table}(id, a, b) VALUES(?, ?, ?)`, [id, id % 7 === 0 ? null : id, `b${id}`]);
        }
        connection.exec(around);
        const objects = () =>
          readObjects(connection)
            .filter(({ name }) => name !== 't' && name !== 'tradedb_migrations')
            .map(({ type, name, sql }) => `${type} ${name} ${sql}`)
            .sort();
        const before = objects();
        const engine = openReadWrite(path, { ...fullProfile, foreignKeys: false }, testPorts);
        const left = [...writes];
        const clock: Clock = {
          ...systemClock,
          sleep: async () => {
            const next = left.shift();
            if (next === undefined) return;
            const { form, ...values } = next;
            engine.tx(() => {
              for (const table of ['t', 'm']) engine.run(form.replaceAll('%', table), values);
            });
          },
        };
        const bytes = Buffer.from(`-- migrate:up\n-- migrate:table online fill="up:up"\n${definition('t', target)};`);
        const files = migrationsFrom([{ file: '1_t.sql', bytes }]);
        const result = await applyMigrations(
          {
            connection,
            source: { directory: '', list: () => files },
            tool: 'test',
            lockTimeoutMs: 1000,
            long: {
              owner: { pid: 0, hostname: '' },
              takeoverMs: 1000,
              data: { batch: 100, targetHoldMs: 25, pauseRatio: 0 },
              online: { targetHoldMs: 4, pauseRatio: 0, batchRows: [1, 7], checkpointEvery: 4 },
            },
          },
          testContext({ clock }),
        );
        expect(result.failed).toBeNull();
        expect(result.applied).toMatchObject([{ strategy: 'online' }]);
        expect(rows(connection, 't')).toEqual(rows(connection, 'm'));
        expect(objects()).toEqual(before);
        expect(connection.pragmaValue('integrity_check')).toBe('ok');
        engine.exec('INSERT INTO v(id, a) VALUES(9000, 4)');
        expect(engine.value('SELECT count(*) FROM v2')).toBe(Number(engine.value('SELECT count(*) FROM m')) + 1);
        engine.close();
        connection.close();
      },
    ),
    { numRuns: Number(process.env.TRADEDB_ONLINE_RUNS ?? 25) },
  );
});

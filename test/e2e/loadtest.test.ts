import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { RunData } from '../../src/core/loadtest/result/run-data.ts';
import { createShop } from '../support/bad-inputs.ts';
import { type CliResult, parseError, parseReport, tradedb } from '../support/cli.ts';
import { smallDisk } from '../support/small-disk.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const quick = ['--warmup', '0ms', '--transactions', '300', '--seed', '7', '--sample-orders', '300'];

const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

const scratchFolders = (folder: string): string[] =>
  readdirSync(folder).filter((name) => name.startsWith('tradedb-loadtest-'));

/** A slow machine may cross an alert limit, which is exit 3. */
function expectDone(result: CliResult): void {
  expect([0, 3], result.stderr).toContain(result.code);
}

/** A foreign database in a folder whose name needs quoting everywhere. */
function shop(): { folder: string; path: string } {
  const folder = join(temporaryFolder(), "a 'b' %s\nc");
  mkdirSync(folder);
  const path = join(folder, 'shop "1".db');
  createShop(path);
  return { folder, path };
}

const shopMix = `-- transaction: sell  weight: 3
-- let: line = uniform(1, 3000)  price = uniform(1, 99)
SELECT price AS before FROM "order lines" WHERE id = :line; -- capture: before
UPDATE "order lines" SET price = :price WHERE id = :line AND price = :before;
-- transaction: look  weight: 1  mode: read
-- let: code = uniform(0, 299)
SELECT name FROM customer WHERE code = 'c' || :code;
`;

describe('loadtest run', () => {
  it('loads a copy of any database with a scenario file; the source stays byte for byte', async () => {
    const { folder, path } = shop();
    const scenario = join(folder, 'my mix.sql');
    writeFileSync(scenario, shopMix);
    const before = hashOf(path);
    const result = await tradedb(['loadtest', '-d', path, '--scenario', scenario, ...quick, '--statements', '--json']);
    expectDone(result);
    const { data } = parseReport<RunData>(result);
    expect(data.scenario).toBe('my mix');
    expect(data.transactions.map(({ name }) => name)).toEqual(['sell', 'look']);
    expect(data.transactions.reduce((sum, { count, failed }) => sum + count + failed, 0)).toBe(300);
    expect(data.transactions[0]?.response).toBeNull();
    expect(data.statements.map(({ count }) => count)).toEqual([
      data.transactions[0]?.count,
      data.transactions[0]?.count,
      data.transactions[1]?.count,
    ]);
    expect(data.verification).toMatchObject({ quickCheck: 'ok', problems: [] });
    expect(data.target).toMatchObject({ kind: 'copy', path });
    expect(hashOf(path)).toBe(before);
    expect(scratchFolders(folder)).toEqual([]);
  });

  it('copies consistently beside a writer that does not stop', async () => {
    const { folder, path } = shop();
    const db = new Database(path);
    const insert = db.prepare('INSERT INTO customer VALUES (?, ?)');
    let written = 0;
    const timer = setInterval(() => {
      db.transaction(() => {
        for (let k = 0; k < 5; k++) insert.run(`w${written++}`, 'x');
      }).immediate();
    }, 2);
    try {
      const result = await tradedb(['loadtest', '-d', path, ...quick, '--json'], { cwd: folder });
      expectDone(result);
      expect(parseReport<RunData>(result).data.verification?.quickCheck).toBe('ok');
    } finally {
      clearInterval(timer);
      db.close();
    }
    expect(written).toBeGreaterThan(10);
  });

  it('the same seed runs the same statements with 1, 2 and 4 clients', async () => {
    const { path } = shop();
    const hashes = [];
    for (const clients of ['1', '2', '4']) {
      const result = await tradedb([
        'loadtest',
        '-d',
        path,
        '--scenario',
        'mixed',
        ...quick,
        '--clients',
        clients,
        '--json',
      ]);
      const { data } = parseReport<RunData>(result);
      hashes.push(`${data.streamHash} ${data.executedHash}`);
      expect(data.transactions.reduce((sum, { count }) => sum + count, 0)).toBe(300);
    }
    expect(new Set(hashes).size).toBe(1);
  });

  it('open loop: both views, the built-in threshold, samples, a series file and JUnit', async () => {
    const { folder, path } = shop();
    const series = join(folder, 'series.csv');
    const args = ['loadtest', '-d', path, '--rate', '400', '--duration', '1500ms', '--warmup', '300ms'];
    const more = [
      '--interval',
      '500ms',
      '--series-file',
      series,
      '--threshold',
      'order-entry.p99 <= 10m',
      '-f',
      'ndjson',
    ];
    const result = await tradedb([...args, ...more]);
    expectDone(result);
    const lines = result.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.filter(({ type }) => type === 'sample').length).toBeGreaterThan(2);
    const { data } = lines.at(-1) as { data: RunData };
    expect(data.loop).toBe('open');
    expect(data.transactions[0]?.response?.p50Us).toBeGreaterThanOrEqual(data.transactions[0]?.service.p50Us ?? 0);
    expect(data.thresholds.map(({ expression, passed }) => [expression, passed])).toEqual([
      ['order-entry.p99 <= 10m', true],
      ['rate.achieved >= 99%', true],
    ]);
    expect(data.series.map(({ second }) => second).slice(0, 3)).toEqual([0, 0.5, 1]);
    expect(data.series.reduce((sum, row) => sum + row.count, 0)).toBe(data.transactions[0]?.count);
    expect(readFileSync(series, 'utf8').split('\n')[0]).toMatch(/^phase,second,count,perSecond/);
  });

  it('a crossed threshold is exit 4, in JUnit a failure', async () => {
    const { path } = shop();
    const args = ['loadtest', '-d', path, ...quick, '--threshold', 'order-entry.service.p50 < 1us'];
    const result = await tradedb([...args, '-f', 'junit']);
    expect(result.code).toBe(4);
    expect(result.stdout).toMatch(
      /<testcase classname="thresholds" name="order-entry.service.p50 &lt; 1us"[^>]*><failure/,
    );
    const text = await tradedb(args);
    expect(text.stdout).toMatch(/^FAIL {2}order-entry.service.p50 < 1us/m);
  });

  it('a rate that cannot be held is exit 4', async () => {
    const { folder, path } = shop();
    const slow = join(folder, 'slow.sql');
    const sql =
      'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT sum(i) FROM n;';
    writeFileSync(slow, `-- transaction: slow  mode: read\n${sql}\n`);
    const args = ['--rate', '500', '--duration', '1s', '--warmup', '0ms', '--drain', '0ms'];
    const result = await tradedb(['loadtest', '-d', path, '--scenario', slow, ...args, '--json']);
    expect(result.code, result.stderr).toBe(4);
    const { data } = parseReport<RunData>(result);
    expect(data.pacing?.unfinished).toBeGreaterThan(0);
    expect(data.thresholds[0]).toMatchObject({ expression: 'rate.achieved >= 99%', passed: false });
  });

  it('--abort-on-fail ends a run early and says so', async () => {
    const { path } = shop();
    const args = ['--duration', '60s', '--warmup', '0ms', '--interval', '200ms', '--threshold', 'p50 < 1us'];
    const result = await tradedb(['loadtest', '-d', path, ...args, '--abort-on-fail', '300ms', '--json']);
    expect(result.code).toBe(4);
    const { data } = parseReport<RunData>(result);
    expect(data).toMatchObject({ aborted: true, complete: false });
    expect(data.phases.at(-1)?.durationMs).toBeLessThan(30_000);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s while measuring: partial report, no child, no scratch folder', async (signal, code) => {
    const { folder, path } = shop();
    const result = await tradedb(
      ['loadtest', '-d', path, '--duration', '60s', '--warmup', '0ms', '--interval', '100ms', '-f', 'ndjson'],
      {
        onStart: (child) => {
          child.stdout?.once('data', () => child.kill(signal));
        },
      },
    );
    expect(result.code, result.stderr).toBe(code);
    const last = JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '') as { data: RunData };
    expect(last.data.complete).toBe(false);
    expect(last.data.transactions[0]?.count).toBeGreaterThan(0);
    expect(scratchFolders(folder)).toEqual([]);
  });

  it.runIf(process.platform === 'linux')(
    'a client that is killed: one line, nothing left; the parent never held a lock',
    async () => {
      const { folder, path } = shop();
      let locks = 'not looked at';
      const result = await tradedb(
        [
          'loadtest',
          '-d',
          path,
          '--duration',
          '60s',
          '--warmup',
          '0ms',
          '--clients',
          '2',
          '--interval',
          '100ms',
          '-f',
          'ndjson',
        ],
        {
          onStart: (child) => {
            child.stdout?.once('data', () => {
              const table = readFileSync('/proc/locks', 'utf8').split('\n');
              locks = table.filter((line) => line.split(/\s+/).includes(String(child.pid))).join('\n');
              const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ');
              process.kill(Number(children.at(-1)), 'SIGKILL');
            });
          },
        },
      );
      expect(result.code, result.stderr).toBe(1);
      expect(parseError(result)).toMatchObject({ code: 'child_failed' });
      expect(locks).toBe('');
      expect(scratchFolders(folder)).toEqual([]);
    },
  );

  it('SIGINT during warm-up: exit 130, nothing left', async () => {
    const { folder, path } = shop();
    const result = await tradedb(['loadtest', '-d', path, '--duration', '60s', '--warmup', '60s'], {
      onStart: (child) => {
        const timer = setInterval(() => {
          const made = scratchFolders(folder).map((name) => join(folder, name, 'trial-1.db-wal'));
          if (!made.some((file) => existsSync(file))) return;
          clearInterval(timer);
          child.kill('SIGINT');
        }, 20);
      },
    });
    expect(result.code, result.stderr).toBe(130);
    expect(result.stdout).toContain('not measured');
    expect(scratchFolders(folder)).toEqual([]);
  });

  it('several clients, groups, a pragma and background readers', async () => {
    const { path } = shop();
    const args = ['--clients', '2', '--group-size', '10', '--pragma', 'cache_size=-2000', '--background-readers', '2'];
    const result = await tradedb([
      'loadtest',
      '-d',
      path,
      '--duration',
      '1500ms',
      '--warmup',
      '0ms',
      ...args,
      '--durability',
      'normal',
      '--json',
    ]);
    expectDone(result);
    const { data } = parseReport<RunData>(result);
    expect(data).toMatchObject({ clients: 2, groupSize: 10 });
    expect(data.environment.connections).toHaveLength(2);
    expect(data.environment.connections[0]).toMatchObject({ synchronous: 'normal', cacheSizeBytes: 2_048_000 });
    expect(data.backgroundReaders).toMatchObject({ size: 2, failed: 0 });
    expect(data.backgroundReaders?.scans).toBeGreaterThan(0);
  });

  it('without a database it makes one', async () => {
    const folder = temporaryFolder();
    const result = await tradedb(['loadtest', ...quick, '--scratch-dir', folder, '--json'], { cwd: folder });
    expectDone(result);
    const { data } = parseReport<RunData>(result);
    expect(data).toMatchObject({ scenario: 'oms', target: { kind: 'sample', path: null } });
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(['oms', 'mm', 'tpce'])(
    'the trading mix %s with two writers ends with every business rule kept',
    async (mix) => {
      const folder = temporaryFolder();
      const args = ['loadtest', '--scenario', mix, ...quick, '--clients', '2', '--durability', 'normal', '--json'];
      const result = await tradedb([...args, '--scratch-dir', folder], { cwd: folder });
      expectDone(result);
      const { verification, transactions } = parseReport<RunData>(result).data;
      expect(verification).toMatchObject({ quickCheck: 'ok', problems: [] });
      expect(verification?.rulesChecked).toBeGreaterThan(20);
      expect(
        transactions.map(({ errorsByCode }) => errorsByCode).filter((codes) => Object.keys(codes).length > 0),
      ).toEqual([]);
    },
  );

  it('a trading mix on a database of another shape is refused before any load', async () => {
    const { folder, path } = shop();
    const result = await tradedb(['loadtest', '-d', path, '--scenario', 'oms', ...quick]);
    expect(result.code).toBe(12);
    expect(result.stderr).toContain('does not have the trading schema');
    expect(scratchFolders(folder)).toEqual([]);
  });

  it('--keep keeps the copy; --dry-run makes none', async () => {
    const { folder, path } = shop();
    const dry = await tradedb(['loadtest', '-d', path, ...quick, '--dry-run', '--json']);
    expect(dry.code).toBe(0);
    expect(parseReport(dry).data).toMatchObject({ dryRun: true, target: { kind: 'copy', path } });
    expect(scratchFolders(folder)).toEqual([]);
    const kept = await tradedb(['loadtest', '-d', path, ...quick, '--keep', '--json']);
    const { scratchFolder } = parseReport<RunData>(kept).data;
    expect(readdirSync(scratchFolder ?? '').sort()).toContain('trial-1.db');
    expect(JSON.parse(readFileSync(join(scratchFolder ?? '', 'plan.json'), 'utf8')).plan.seed).toBe(7);
  });
});

describe('loadtest run with a module', () => {
  const module = (parameters: string, check: string): string => `export default {
  name: 'desk',
  setup: (db) => db.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, size INTEGER NOT NULL)'),
  transactions: {
    note: { weight: 3, parameters: (draw, k) => (${parameters}), run: (db, p) => db.run('INSERT INTO notes (size) VALUES (:size)', p) },
    total: { mode: 'read', parameters: () => ({}), run: (db) => db.value('SELECT sum(size) FROM notes') },
  },
  check: (db) => ${check},
};
`;

  it('runs it, mixes it with a file, and asks it afterwards', async () => {
    const { folder, path } = shop();
    const scenario = join(folder, 'my desk.mjs');
    writeFileSync(
      scenario,
      module('{ size: 1 + draw.integer(9) }', "db.value('SELECT min(size) FROM notes') >= 1 ? [] : ['no']"),
    );
    writeFileSync(join(folder, 'mix.sql'), shopMix);
    const args = [
      'loadtest',
      '-d',
      path,
      '--scenario',
      `${scenario}@2`,
      '--scenario',
      join(folder, 'mix.sql'),
      ...quick,
    ];
    const result = await tradedb([...args, '--json']);
    expectDone(result);
    const { data } = parseReport<RunData>(result);
    expect(data.scenario).toBe('desk+mix');
    expect(data.transactions.map(({ name }) => name)).toEqual(['note', 'total', 'sell', 'look']);
    expect(data.verification?.problems).toEqual([]);
  });

  it('a complaint of its check is exit 12', async () => {
    const { folder, path } = shop();
    const scenario = join(folder, 'desk.mjs');
    writeFileSync(scenario, module('{ size: 1 }', "['notes are wrong']"));
    const result = await tradedb(['loadtest', '-d', path, '--scenario', scenario, ...quick]);
    expect(result.code).toBe(12);
    expect(result.stdout).toContain('notes are wrong');
  });

  it.each([
    [module('{ size: Math.random() }', '[]'), 'drew different values'],
    ['export default { name: "x", transactions: {} };', 'no transactions'],
    ['export const nothing = 1;', 'no default export'],
    ['export default { name: "x", transactions: { a: { run() {} } } };', 'needs the functions'],
    ['this is no JavaScript', 'could not be loaded'],
  ])('refuses a module that is none (%#)', async (text, message) => {
    const { folder, path } = shop();
    const scenario = join(folder, 'desk.mjs');
    writeFileSync(scenario, text);
    const result = await tradedb(['loadtest', '-d', path, '--scenario', scenario, ...quick]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(message);
    expect(scratchFolders(folder)).toEqual([]);
  });
});

describe('loadtest run, full disk', () => {
  it('refuses copies that would not fit, and leaves nothing', async ({ skip }) => {
    const { path } = shop();
    const disk = smallDisk(8);
    if (disk === undefined) return skip('mounting is not allowed here');
    const result = await tradedb(['loadtest', '-d', path, ...quick, '--scratch-dir', disk]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/the copies need .* are free/);
    expect(readdirSync(disk)).toEqual([]);
  });

  it('counts the transactions that met it, and the copy is still sound', async ({ skip }) => {
    const { folder, path } = shop();
    const disk = smallDisk(80);
    if (disk === undefined) return skip('mounting is not allowed here');
    const scenario = join(folder, 'large.sql');
    writeFileSync(
      scenario,
      '-- setup\nCREATE TABLE large (note BLOB);\n-- transaction: large\nINSERT INTO large VALUES (zeroblob(200000));\n',
    );
    const args = ['loadtest', '-d', path, '--scenario', scenario, '--warmup', '0ms', '--transactions', '700'];
    const result = await tradedb([...args, '--scratch-dir', disk, '--json']);
    expect(result.code, result.stderr).toBe(3);
    const { data, findings } = parseReport<RunData>(result);
    const [large] = data.transactions;
    expect(large?.count).toBeGreaterThan(50);
    expect(large?.errorsByCode).toEqual({ SQLITE_FULL: 700 - (large?.count ?? 0) });
    expect(data.verification).toMatchObject({ quickCheck: 'ok', problems: [] });
    expect(findings.map(({ id }) => id)).toContain('loadtest.error-rate');
    expect(readdirSync(disk)).toEqual([]);
  });
});

describe('loadtest run --in-place', () => {
  it('needs --yes, and then writes into the database itself', async () => {
    const { folder, path } = shop();
    const scenario = join(folder, 'mix.sql');
    writeFileSync(scenario, shopMix);
    const before = hashOf(path);
    const args = ['loadtest', '-d', path, '--scenario', scenario, ...quick, '--in-place'];
    const refused = await tradedb([...args, '--json']);
    expect(refused.code).toBe(2);
    expect(parseError(refused).hint).toContain('--yes');
    expect(hashOf(path)).toBe(before);
    const done = await tradedb([...args, '--yes', '--json']);
    expectDone(done);
    expect(parseReport<RunData>(done).data.target).toMatchObject({ kind: 'in-place', sha256: null });
    expect(hashOf(path)).not.toBe(before);
  });

  it('refuses a scenario that makes tables of its own', async () => {
    const { path } = shop();
    const result = await tradedb(['loadtest', '-d', path, ...quick, '--in-place', '--yes']);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('tables of its own');
  });
});

describe('loadtest run, wrong input', () => {
  it.each([
    [['--scenario', 'nobody'], 'neither built in nor a file'],
    [['--threshold', 'p98 < 1ms'], 'no metric p98'],
    [['--threshold', 'response.p99 < 1ms'], 'closed loop'],
    [['--arrivals', 'normal', '--rate', '5'], '--arrivals takes'],
    [['--arrivals', 'trace:nowhere.txt'], 'does not exist'],
    [['--stages', '5'], 'no stage'],
    [['--pragma', 'x y'], 'no pragma setting'],
    [['--rate', '5', '--think-time', '1s'], 'closed loop'],
    [['--series-file', 'x.txt'], '.csv or .ndjson'],
    [['--clients', '0'], '--clients takes'],
  ])('%j', async (args, message) => {
    const { folder, path } = shop();
    const result = await tradedb(['loadtest', '-d', path, ...quick, ...args], { cwd: folder });
    expect([2, 10]).toContain(result.code);
    expect(result.stderr).toContain(message);
    expect(scratchFolders(folder)).toEqual([]);
  });

  it('a scenario that does not fit the database is told before any load', async () => {
    const { folder, path } = shop();
    const scenario = join(folder, 'mix.sql');
    writeFileSync(scenario, '-- transaction: t\nSELECT price FROM nowhere;\n');
    const result = await tradedb(['loadtest', '-d', path, '--scenario', scenario, ...quick]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('no such table: nowhere');
    expect(scratchFolders(folder)).toEqual([]);
  });

  it('every transaction failing is exit 4, with the codes', async () => {
    const { folder, path } = shop();
    const scenario = join(folder, 'mix.sql');
    writeFileSync(scenario, "-- transaction: t\nINSERT INTO customer VALUES ('c1', 'again');\n");
    const result = await tradedb(['loadtest', '-d', path, '--scenario', scenario, ...quick, '--json']);
    expect(result.code).toBe(4);
    const { data } = parseReport<RunData>(result);
    expect(data.transactions[0]).toMatchObject({ count: 0, errorsByCode: { SQLITE_CONSTRAINT_PRIMARYKEY: 300 } });
  });
});

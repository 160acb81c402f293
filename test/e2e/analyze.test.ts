import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { folderState } from '../support/folder-state.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A database with rows worth an analysis, in a folder with an awkward name. */
function sample(extra = ''): { folder: string; path: string } {
  const folder = join(temporaryFolder(), "my 'data' %s\nfolder");
  mkdirSync(folder);
  const path = join(folder, 'trading.db');
  const db = new Database(path);
  db.exec(`PRAGMA journal_mode = WAL;
    CREATE TABLE orders(id INTEGER PRIMARY KEY, account INTEGER, symbol TEXT, qty INTEGER, status TEXT);
    CREATE INDEX orders_symbol ON orders(symbol);
    INSERT INTO orders(account, symbol, qty, status)
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
      SELECT i % 97, 'S' || (i % 50), i, iif(i % 40 = 0, 'open', 'filled') FROM n;
    ${extra}`);
  db.close();
  return { folder, path };
}

describe('analyze space', () => {
  test('shows sizes as text and as JSON, and leaves every file as it is', async () => {
    const { folder, path } = sample();
    const before = folderState(folder);
    const text = await tradedb(['analyze', 'space', '-d', path]);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toMatch(/^ {2}orders +\d/m);
    expect(text.stdout).toContain('VACUUM would return about');
    const json = await tradedb(['analyze', 'space', '-d', path, '--json']);
    expect(parseReport<{ objects: unknown[] }>(json).data.objects).toHaveLength(3);
    const totals = await tradedb(['analyze', 'space', '-d', path, '--no-pages', '--json']);
    expect(parseReport<{ objects: { depth: null }[] }>(totals).data.objects[0]?.depth).toBeNull();
    expect(folderState(folder)).toEqual(before);
  });

  test('gives metrics for Prometheus', async () => {
    const { path } = sample();
    const result = await tradedb(['analyze', 'space', '-d', path, '-f', 'prometheus']);
    expect(result.stdout).toMatch(/^tradedb_object_size_bytes\{.*name="orders".*\} \d+$/m);
  });

  test('much free space: 0, and 4 with --exit-code', async () => {
    const { path } = sample('DELETE FROM orders WHERE id > 500;');
    expect((await tradedb(['analyze', 'space', '-d', path])).code).toBe(0);
    expect((await tradedb(['analyze', 'space', '-d', path, '--exit-code'])).code).toBe(4);
  });
});

describe('analyze settings', () => {
  test('reports missing statistics and the engine of a capture file', async () => {
    const { folder, path } = sample();
    const capture = join(folder, 'capture-1.jsonl');
    const header = {
      tradedbCapture: 1,
      engine: 'bot',
      sqliteVersion: '3.40.1',
      stat4: false,
      pragmas: { busy_timeout: '0' },
    };
    writeFileSync(capture, `${JSON.stringify(header)}\n${JSON.stringify({ sql: 'SELECT 1' })}\n`);
    const before = folderState(folder);
    const result = await tradedb(['analyze', 'settings', '-d', path, '-w', join(folder, 'capture-*.jsonl'), '--json']);
    const report = parseReport(result);
    expect(result.code).toBe(0);
    expect(report.findings.map((finding) => finding.id)).toEqual(
      expect.arrayContaining(['statistics.missing', 'settings.wal-reset', 'settings.busy-timeout']),
    );
    expect((await tradedb(['analyze', 'settings', '-d', path, '--exit-code'])).code).toBe(4);
    expect((await tradedb(['analyze', 'settings', '-d', path])).stdout).toContain('no statistics for 4,000 rows');
    expect(folderState(folder)).toEqual(before);
  });
});

describe('analyze queries', () => {
  const workload = `-- @name by account
-- @weight 50
-- @params [7]
SELECT * FROM orders WHERE account = ?;
-- @name by symbol
-- @params ["S1"]
SELECT * FROM orders WHERE symbol = ?;
-- @params [7, "S1", 5]
INSERT INTO orders(account, symbol, qty) VALUES (?, ?, ?);
`;

  test('names full scans, times statements on a copy, and leaves every file as it is', async () => {
    const { folder, path } = sample();
    writeFileSync(join(folder, 'w.sql'), workload);
    const before = folderState(folder);
    const json = await tradedb(['analyze', 'queries', '-d', path, '-w', join(folder, 'w.sql'), '--json']);
    expect(json.code).toBe(0);
    const report = parseReport<{ queries: { name: string; totalMs: number }[] }>(json);
    expect(report.data.queries[0]).toMatchObject({ name: 'by account', fullScans: [{ table: 'orders', rows: 4000 }] });
    expect(report.findings[0]).toMatchObject({ id: 'query.full-scan', subject: 'by account' });
    const text = await tradedb(['analyze', 'queries', '-d', path, '-w', 'w.sql', '--plan', '--exit-code'], {
      cwd: folder,
    });
    expect(text.code).toBe(4);
    expect(text.stdout).toContain('SEARCH orders USING INDEX orders_symbol (symbol=?)');
    expect(folderState(folder)).toEqual(before);
  });

  test('works beside a writer and on statements that do not prepare (3), and needs a workload (2)', async () => {
    const { folder, path } = sample();
    writeFileSync(join(folder, 'w.sql'), 'SELECT x FROM nowhere');
    const writer = new Database(path);
    writer.exec('BEGIN IMMEDIATE; INSERT INTO orders(account) VALUES (1)');
    const broken = await tradedb(['analyze', 'queries', '-d', path, '-w', 'w.sql'], { cwd: folder });
    writer.exec('COMMIT');
    writer.close();
    expect(broken.code).toBe(3);
    expect(broken.stdout).toContain('no such table: nowhere');
    expect((await tradedb(['analyze', 'queries', '-d', path])).code).toBe(2);
    expect(
      (await tradedb(['analyze', 'queries', '-d', path, '-w', 'w.sql', '--query', 'x'], { cwd: folder })).code,
    ).toBe(2);
  });

  test('SIGINT ends it with 130 and leaves nothing behind', async () => {
    const { folder, path } = sample();
    const scratch = temporaryFolder();
    writeFileSync(
      join(folder, 'w.sql'),
      'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n',
    );
    const before = folderState(folder);
    const result = await tradedb(
      ['analyze', 'queries', '-d', path, '-w', 'w.sql', '--time-limit', '5m', '--scratch-directory', scratch],
      {
        cwd: folder,
        onStart: (child) => {
          // Its copy is made: from here on there is something to leave behind.
          const look = setInterval(() => {
            if (readdirSync(scratch).length === 0) return;
            clearInterval(look);
            child.kill('SIGINT');
          }, 20);
          child.once('exit', () => clearInterval(look));
        },
      },
    );
    expect(result.code).toBe(130);
    expect(readdirSync(scratch)).toEqual([]);
    expect(folderState(folder)).toEqual(before);
  });
});

describe('a killed analysis', () => {
  test.runIf(process.platform === 'linux')('leaves no running child, and the next one removes its copy', async () => {
    const { folder, path } = sample();
    const scratch = temporaryFolder();
    writeFileSync(
      join(folder, 'endless.sql'),
      'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n',
    );
    writeFileSync(join(folder, 'w.sql'), 'SELECT 1');
    const before = folderState(folder);
    let children: string[] = [];
    const result = await tradedb(
      ['analyze', 'queries', '-d', path, '-w', 'endless.sql', '--time-limit', '10m', '--scratch-directory', scratch],
      {
        cwd: folder,
        onStart: (child) => {
          const look = setInterval(() => {
            children = childrenOf(child.pid ?? 0);
            if (children.length === 0 || readdirSync(scratch).length === 0) return;
            clearInterval(look);
            // Time enough to be inside the statement.
            setTimeout(() => child.kill('SIGKILL'), 700);
          }, 50);
        },
      },
    );
    expect(result.signal).toBe('SIGKILL');
    await expect.poll(() => children.filter((pid) => existsSync(`/proc/${pid}`)), { timeout: 20_000 }).toEqual([]);
    expect(readdirSync(scratch)).toHaveLength(1);
    const next = await tradedb(['analyze', 'queries', '-d', path, '-w', 'w.sql', '--scratch-directory', scratch], {
      cwd: folder,
    });
    expect(next.code).toBe(0);
    expect(readdirSync(scratch)).toEqual([]);
    expect(folderState(folder)).toEqual(before);
  });

  function childrenOf(pid: number): string[] {
    const file = `/proc/${pid}/task/${pid}/children`;
    return existsSync(file)
      ? readFileSync(file, 'utf8')
          .split(' ')
          .filter((word) => word !== '')
      : [];
  }
});

describe('analyze indexes', () => {
  const workload = `-- @params [7]
SELECT sum(qty) FROM orders WHERE account = ?`;

  test('advises, exits 4 when asked, and leaves every file as it is', async () => {
    const { folder, path } = sample();
    writeFileSync(join(folder, 'w.sql'), workload);
    const before = folderState(folder);
    const json = await tradedb(['analyze', 'indexes', '-d', path, '-w', 'w.sql', '--exit-code', '--json'], {
      cwd: folder,
    });
    expect(json.code).toBe(4);
    const report = parseReport<{ recommendations: { action: string; sql: string }[] }>(json);
    expect(report.data.recommendations).toContainEqual(expect.objectContaining({ action: 'create', table: 'orders' }));
    const text = await tradedb(['analyze', 'indexes', '-d', path, '-w', 'w.sql', '--all'], { cwd: folder });
    expect(text).toMatchObject({ code: 0 });
    expect(text.stdout).toMatch(/1 (create|analyze)/);
    expect(folderState(folder)).toEqual(before);
  });

  test('writes a migration that migrate applies and takes back', async () => {
    const { folder, path } = sample();
    writeFileSync(join(folder, 'w.sql'), workload);
    const emitted = await tradedb(['analyze', 'indexes', '-d', path, '-w', 'w.sql', '--emit-migration', '--json'], {
      cwd: folder,
    });
    const { data } = parseReport<{ migration: { path: string } }>(emitted);
    expect(readFileSync(data.migration.path, 'utf8')).toMatch(
      /-- migrate:up\nCREATE INDEX [\s\S]+-- migrate:down\nDROP INDEX/,
    );
    const indexes = (): unknown[] => {
      const db = new Database(path, { readonly: true });
      const found = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'orders'").all();
      db.close();
      return found;
    };
    const before = indexes();
    const up = await tradedb(['migrate', 'up', '-d', path], { cwd: folder });
    expect(up.code, up.stderr + up.stdout).toBe(0);
    expect(indexes().length).toBe(before.length + 1);
    const down = await tradedb(['migrate', 'down', '-d', path, '--yes'], { cwd: folder });
    expect(down.code, down.stderr + down.stdout).toBe(0);
    expect(indexes()).toEqual(before);
    const again = await tradedb(
      ['analyze', 'indexes', '-d', path, '-w', 'w.sql', '--migration-file', data.migration.path],
      { cwd: folder },
    );
    expect(again.code).not.toBe(0);
  });

  test('without a workload the schema alone is looked at', async () => {
    const { path } = sample(
      'CREATE INDEX again ON orders(symbol); CREATE TABLE fills(id INTEGER PRIMARY KEY, o INTEGER REFERENCES orders); INSERT INTO fills SELECT id, id FROM orders;',
    );
    const result = await tradedb(['analyze', 'indexes', '-d', path, '--json']);
    const report = parseReport(result);
    expect(report.findings.map((finding) => finding.id)).toEqual(['index.drop', 'index.foreign-key']);
    expect((await tradedb(['analyze', 'indexes', '-d', path])).stdout).toContain('the same as orders_symbol');
  });
});

describe('analyze compare', () => {
  const workload = `-- @name by symbol
-- @params ["S7"]
SELECT sum(qty) FROM orders WHERE symbol = ?`;

  test('a dropped index is a regression (4) with its plan; nothing is written to the source', async () => {
    const { folder, path } = sample();
    writeFileSync(join(folder, 'w.sql'), workload);
    writeFileSync(join(folder, 'drop.sql'), 'DROP INDEX orders_symbol');
    const before = folderState(folder);
    const result = await tradedb(
      ['analyze', 'compare', '-d', path, '-w', 'w.sql', '--with-sql', 'drop.sql', '--pairs', '8', '--json'],
      { cwd: folder },
    );
    expect(result.code, result.stderr).toBe(4);
    const report = parseReport<{ verdict: string; tests: unknown[]; planChanges: unknown[] }>(result);
    expect(report.data).toMatchObject({
      verdict: 'regression',
      planChanges: [{ query: 'by symbol', gained: ['full scan of orders'] }],
    });
    expect(report.data.tests).toHaveLength(2);
    expect(folderState(folder)).toEqual(before);
  });

  test('the same database twice is no regression; what does not prepare makes it incomplete (3)', async () => {
    const { folder, path } = sample();
    writeFileSync(join(folder, 'w.sql'), `${workload}; SELECT * FROM nowhere`);
    const result = await tradedb(
      ['analyze', 'compare', path, path, '-w', 'w.sql', '--pairs', '8', '--alpha', '0.001', '--json'],
      { cwd: folder },
    );
    expect(result.code, result.stderr).toBe(3);
    expect(parseReport<object>(result).data).toMatchObject({
      planChanges: [],
      left: [{ name: 'select nowhere', reason: 'no such table: nowhere' }],
    });
    expect((await tradedb(['analyze', 'compare', path, '-w', 'w.sql', '--pairs', '5'], { cwd: folder })).code).toBe(2);
    expect((await tradedb(['analyze', 'compare', path, 'missing.db', '-w', 'w.sql'], { cwd: folder })).code).toBe(10);
  });
});

describe('analyze', () => {
  test('bare: one page without a workload, as text, JSON and markdown', async () => {
    const { folder, path } = sample();
    const before = folderState(folder);
    const text = await tradedb(['analyze', '-d', path]);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    for (const heading of ['space', 'settings', 'indexes'])
      expect(text.stdout).toMatch(new RegExp(`^${heading} `, 'm'));
    const json = await tradedb(['analyze', '-d', path, '--json']);
    expect(parseReport<{ queries: null }>(json).data).toMatchObject({ queries: null, complete: true });
    expect((await tradedb(['analyze', '-d', path, '-f', 'markdown'])).stdout).toMatch(/^### /);
    const part = await tradedb([
      'analyze',
      'report',
      '-d',
      path,
      '--only',
      'space',
      '--only',
      'settings',
      '--skip',
      'settings',
      '--json',
    ]);
    expect(parseReport<object>(part).data).toMatchObject({ settings: null, indexes: null });
    expect((await tradedb(['analyze', '-d', path, '--only', 'space', '--skip', 'space'])).code).toBe(2);
    expect(folderState(folder)).toEqual(before);
  });

  test('HTML is one file without scripts, and names and statements are text in it', async () => {
    const { folder, path } = sample(`CREATE TABLE "<script>alert('x')</script>
"(a, "b & c"); CREATE INDEX "<img src=x>" ON "<script>alert('x')</script>
"(a); INSERT INTO "<script>alert('x')</script>
" VALUES (1, 2);`);
    writeFileSync(
      join(folder, 'w.sql'),
      `-- @name "><b>bold
-- @params ["secret value"]
SELECT '</style><script>', * FROM orders WHERE status = ?;
-- @params [7]
SELECT * FROM orders WHERE account = ?`,
    );
    const before = folderState(folder);
    const result = await tradedb(['analyze', '-d', path, '-w', 'w.sql', '-f', 'html', '--time-limit', '20s'], {
      cwd: folder,
    });
    expect(result.code, result.stderr).toBe(0);
    expect(result.stdout).toMatch(/^<!doctype html>/);
    expect(result.stdout).not.toMatch(/<script|<img|<b>bold|https?:\/\//);
    expect(result.stdout).not.toContain('secret value');
    expect(result.stdout).toContain('&lt;script&gt;');
    expect(result.stdout).toContain('<svg');
    expect(folderState(folder)).toEqual(before);
  });
});

describe('bad input', () => {
  const subcommands = [['space'], ['settings'], ['queries'], ['indexes'], ['compare'], ['report'], ['baseline']];

  test.each(subcommands)('analyze %s: what is no database has its code', async (subcommand) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'text.db'), 'only text\n'.repeat(500));
    writeFileSync(join(folder, 'empty.db'), '');
    mkdirSync(join(folder, 'folder.db'));
    writeFileSync(join(folder, 'w.sql'), 'SELECT 1');
    const before = folderState(folder);
    const expected = { 'missing.db': 10, 'text.db': 12, 'empty.db': 12, 'folder.db': 12 };
    for (const [name, code] of Object.entries(expected)) {
      const result = await tradedb(
        [
          'analyze',
          subcommand,
          ...(subcommand === 'baseline' ? ['one'] : []),
          '-d',
          join(folder, name),
          '-w',
          join(folder, 'w.sql'),
          '--json',
        ].filter((word, index, all) => subcommand !== 'space' || (word !== '-w' && all[index - 1] !== '-w')),
      );
      expect(result.stdout).toBe('');
      expect(parseError(result)).toMatchObject({ exitCode: code });
      expect(result.code).toBe(code);
    }
    expect(folderState(folder)).toEqual(before);
  });

  test('an unknown workload file is 10, an unknown object 2', async () => {
    const { path } = sample();
    expect((await tradedb(['analyze', 'settings', '-d', path, '-w', 'none.sql'])).code).toBe(10);
    expect((await tradedb(['analyze', 'space', '-d', path, '--object', 'none'])).code).toBe(2);
  });
});

import { globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { tradedb } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const page = readFileSync('docs/formats/README.md', 'utf8');
const stateSection = page.slice(page.indexOf('## The state directory'), page.indexOf('## The case of a recovery'));

/** Paths of the table of the state directory; `<name>` stands for any text without a slash, a folder for all in it. */
const patterns = [...stateSection.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell = '']) => {
  const [first = '', ...others] = [...cell.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path);
  const siblings = others.map((other) => (other.includes('/') ? other : first.replace(/[^/]*$/, other)));
  return [first, ...siblings].map((path) => {
    const [text = ''] = path.split(/\/$/);
    const source = text
      .split(/<[^>]+>/)
      .map((part) => part.replaceAll('.', '\\.'))
      .join('[^/]+');
    return new RegExp(`^${source}(/|$)`);
  });
});

describe('docs/formats/README.md', () => {
  it('names every file that the state directory gets, and every column of the history', {
    timeout: 120_000,
  }, async () => {
    const folder = temporaryFolder('state ');
    for (const words of [
      ['init', '-d', 'trading.db', '--yes'],
      ['backup', 'create'],
      ['backup', 'verify'],
      ['restore', 'drill'],
      ['health', '--notify'],
      ['backup', 'archive', '--for', '1s'],
    ]) {
      const result = await tradedb(words, { cwd: folder, timeoutMs: 60_000 });
      expect([0, 3], `${words.join(' ')}\n${result.stderr}`).toContain(result.code);
    }
    const state = join(folder, '.tradedb');
    const files = globSync('**/*', { cwd: state })
      .map((path) => path.replaceAll('\\', '/'))
      .filter((path) => statSync(join(state, path)).isFile());
    expect(files.length).toBeGreaterThan(4);
    expect(files.filter((path) => !patterns.some((pattern) => pattern.test(path)))).toEqual([]);

    const db = new Database(join(folder, 'trading.db'), { readonly: true });
    const columns = db.prepare<[], { name: string }>("SELECT name FROM pragma_table_info('tradedb_migrations')").all();
    db.close();
    expect(columns.length).toBeGreaterThan(10);
    for (const { name } of columns) expect(page).toContain(`\`${name}\``);
  });

  it('would miss a file that is not named', () => {
    expect(patterns.length).toBeGreaterThan(10);
    for (const path of ['unknown.json', 'runs/other.json', 'alerts/outbox/lost/x.json'])
      expect(
        patterns.some((pattern) => pattern.test(path)),
        path,
      ).toBe(false);
    for (const path of ['runs/drill.json', 'leases/database-1.json', 'alerts/outbox/sent/x.json', 'spool/a/b'])
      expect(
        patterns.some((pattern) => pattern.test(path)),
        path,
      ).toBe(true);
  });
});

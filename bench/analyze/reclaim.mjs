// What `analyze space` predicts that VACUUM returns, beside what VACUUM INTO really frees, on databases of different
// history; and beside the simple rule "freelist plus 97 % of the unused bytes". Errors in percent of the file.
//   npm run build && node bench/analyze/reclaim.mjs
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { measureSpace } from '../../dist/core/analysis/space/measure-space.js';
import { seededChance } from '../../dist/core/analysis/workload/seeded-chance.js';
import { systemClock } from '../../dist/system/system-clock.js';
import { systemRandom } from '../../dist/system/system-random.js';

const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const quiet = () => {};
const context = {
  clock: systemClock,
  random: systemRandom,
  signal: new AbortController().signal,
  progress: { start: () => ({ advance: quiet, total: quiet, done: quiet }) },
};

const random = (db, chance) => {
  db.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, a, b TEXT); CREATE INDEX ia ON t(a); CREATE INDEX ib ON t(b)');
  const insert = db.prepare('INSERT INTO t(a, b) VALUES (?, ?)');
  for (let i = 0; i < 40_000; i++) insert.run(chance(), 'x'.repeat(chance() * 100) + chance());
};
const large = (db, chance) => {
  db.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, b TEXT)');
  const insert = db.prepare('INSERT INTO t(b) VALUES (?)');
  for (let i = 0; i < 8000; i++) insert.run('x'.repeat(chance() * 2500));
};
const histories = {
  'random order': random,
  'a third deleted': (db, chance) => {
    random(db, chance);
    db.exec('DELETE FROM t WHERE id % 3 = 0');
  },
  'large rows': large,
  'large rows, half deleted': (db, chance) => {
    large(db, chance);
    db.exec('DELETE FROM t WHERE id % 2 = 0');
  },
  'overflow pages, a quarter deleted': (db, chance) => {
    db.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, b BLOB)');
    const insert = db.prepare('INSERT INTO t(b) VALUES (?)');
    for (let i = 0; i < 4000; i++) insert.run(Buffer.alloc(5000 + chance() * 3000));
    db.exec('DELETE FROM t WHERE id % 4 = 0');
  },
};

console.log('page size  history                              file MB   freed   predicted error   simple rule error');
for (const pageBytes of [1024, 4096, 16384]) {
  for (const [name, fill] of Object.entries(histories)) {
    const path = join(folder, 'a.db');
    const db = new Database(path);
    db.pragma(`page_size = ${pageBytes}`);
    db.exec('BEGIN');
    fill(db, seededChance(1));
    db.exec('COMMIT');
    db.prepare('VACUUM INTO ?').run(`${path}.out`);
    db.close();
    const request = { path, pages: true, consistent: false, reclaimWarning: 1, busyTimeoutMs: 1000 };
    const { data } = measureSpace(request, context);
    const freed = data.fileBytes - statSync(`${path}.out`).size;
    const simple = data.objects.reduce(
      (sum, object) => sum + Math.floor((0.97 * object.unusedBytes) / pageBytes) * pageBytes,
      data.freelistBytes,
    );
    const percent = (bytes) => `${(((bytes - freed) / data.fileBytes) * 100).toFixed(2)} %`;
    console.log(
      `${String(pageBytes).padStart(9)}  ${name.padEnd(34)} ${(data.fileBytes / 1e6).toFixed(1).padStart(9)} ${`${((freed / data.fileBytes) * 100).toFixed(0)} %`.padStart(7)} ${percent(data.reclaimBytes).padStart(17)} ${percent(simple).padStart(19)}`,
    );
    rmSync(path);
    rmSync(`${path}.out`);
  }
}
rmSync(folder, { recursive: true });

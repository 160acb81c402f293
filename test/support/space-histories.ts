import Database from 'better-sqlite3';
import { seededChance } from '../../src/core/analysis/workload/seeded-chance.ts';

type Fill = (db: Database.Database, chance: () => number) => void;

const random: Fill = (db, chance) => {
  db.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, a, b TEXT); CREATE INDEX ia ON t(a); CREATE INDEX ib ON t(b)');
  const insert = db.prepare('INSERT INTO t(a, b) VALUES (?, ?)');
  for (let i = 0; i < 12_000; i++) insert.run(chance(), 'x'.repeat(chance() * 100) + chance());
};

/** Databases with different pasts: what VACUUM returns depends on how they became what they are. */
export const histories: Readonly<Record<string, Fill>> = {
  'appended only': (db) => {
    db.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, a, b TEXT); CREATE INDEX ia ON t(a)');
    const insert = db.prepare('INSERT INTO t(a, b) VALUES (?, ?)');
    for (let i = 0; i < 12_000; i++) insert.run(i, 'x'.repeat(50));
  },
  'random order': random,
  'every third row deleted': (db, chance) => {
    random(db, chance);
    db.exec('DELETE FROM t WHERE id % 3 = 0');
  },
  'first half deleted, rest updated': (db, chance) => {
    random(db, chance);
    db.exec('DELETE FROM t WHERE id < 6000');
    const update = db.prepare('UPDATE t SET b = ? WHERE id = ?');
    for (let i = 0; i < 6000; i++) update.run('y'.repeat(chance() * 300), 6000 + Math.floor(chance() * 6000));
  },
  'large rows': (db, chance) => {
    db.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, b TEXT)');
    const insert = db.prepare('INSERT INTO t(b) VALUES (?)');
    for (let i = 0; i < 3000; i++) insert.run('x'.repeat(chance() * 2500));
  },
  'large rows, half of them deleted': (db, chance) => {
    histories['large rows']?.(db, chance);
    db.exec('DELETE FROM t WHERE id % 2 = 0');
  },
  'rows on overflow pages': (db, chance) => {
    db.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, b BLOB)');
    const insert = db.prepare('INSERT INTO t(b) VALUES (?)');
    for (let i = 0; i < 1500; i++) insert.run(Buffer.alloc(5000 + chance() * 3000));
    db.exec('DELETE FROM t WHERE id % 4 = 0');
  },
  'without rowid': (db, chance) => {
    db.exec('CREATE TABLE t(a TEXT, b TEXT, c, PRIMARY KEY (a, b)) WITHOUT ROWID');
    const insert = db.prepare('INSERT INTO t VALUES (?, ?, ?)');
    for (let i = 0; i < 12_000; i++) insert.run(String(chance()), String(chance()), i);
    db.exec('DELETE FROM t WHERE c % 5 = 1');
  },
  'wide index': (db, chance) => {
    db.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT); CREATE INDEX ia ON t(a)');
    const insert = db.prepare('INSERT INTO t(a) VALUES (?)');
    for (let i = 0; i < 3000; i++) insert.run(chance() + 'w'.repeat(700));
  },
  'many small tables': (db, chance) => {
    for (let k = 0; k < 40; k++) {
      db.exec(`CREATE TABLE t${k}(a, b); CREATE INDEX i${k} ON t${k}(a)`);
      const insert = db.prepare(`INSERT INTO t${k} VALUES (?, ?)`);
      for (let i = 0; i < chance() * 300; i++) insert.run(chance(), 'z'.repeat(chance() * 30));
    }
  },
};

/** Makes the database of one history at `path`. */
export function buildHistory(
  path: string,
  fill: Fill,
  options: { pageBytes?: number; autoVacuum?: number; seed?: number } = {},
): void {
  const db = new Database(path);
  db.pragma(`page_size = ${options.pageBytes ?? 4096}`);
  db.pragma(`auto_vacuum = ${options.autoVacuum ?? 0}`);
  db.exec('BEGIN');
  fill(db, seededChance(options.seed ?? 1));
  db.exec('COMMIT');
  db.close();
}

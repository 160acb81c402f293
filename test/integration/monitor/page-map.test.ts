import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LiveFiles } from '../../../src/core/file-access/live-files.ts';
import { Attribution } from '../../../src/core/monitor/page-map/attribution.ts';
import { walkPages } from '../../../src/core/monitor/page-map/page-owners.ts';
import { PageReader } from '../../../src/core/monitor/page-map/page-reader.ts';
import { readSchemaObjects } from '../../../src/core/monitor/page-map/schema-objects.ts';
import { makeSoundDatabase, type SoundDatabaseOptions } from '../../support/sound-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

// These tests open the file as bytes in a process that has SQLite on it, which no command may do: nobody else is here,
// so that the locks it loses are nobody's loss.

/** Owner of each page by SQLite's own virtual table, overflow pages left out. */
function dbstat(db: Database.Database): Map<number, string> {
  const rows = db.prepare("SELECT name, pageno FROM dbstat WHERE pagetype <> 'overflow'").all() as {
    name: string;
    pageno: number;
  }[];
  return new Map(rows.map(({ name, pageno }) => [pageno, name]));
}

const encodings = { 'UTF-8': 'utf-8', 'UTF-16le': 'utf-16le', 'UTF-16be': 'utf-16be' } as const;

describe('the map of pages', () => {
  it.each<SoundDatabaseOptions>([
    {},
    { pageSize: 512, rows: 3000 },
    { pageSize: 65_536 },
    { pageSize: 1024, autoVacuum: 1, rows: 2000 },
    { pageSize: 1024, autoVacuum: 2, encoding: 'UTF-16be', rows: 2000 },
    { journalMode: 'delete', encoding: 'UTF-16le' },
  ])('agrees with dbstat on every page: %j', (options) => {
    const path = join(temporaryFolder(), 'trading.db');
    makeSoundDatabase(path, options);
    const db = new Database(path);
    onTestFinished(() => void db.close());
    db.pragma('wal_autocheckpoint = 0');
    // Names that need overflow pages in the schema, and pages that lie in the WAL alone.
    for (let table = 0; table < 120; table++) db.exec(`CREATE TABLE t${table} (a /* ${'x'.repeat(table * 9)} */, b)`);
    for (let row = 0; row < 300; row++) db.exec(`INSERT INTO t${row % 120} VALUES (${row}, hex(randomblob(30)))`);
    db.exec('DROP TABLE t5; DELETE FROM trade WHERE id % 3 = 0');
    const expected = dbstat(db);
    const pageCount = Number(db.pragma('page_count', { simple: true }));
    const files = new LiveFiles(path);
    onTestFinished(() => files.close());
    const index = files.walIndex();
    const size = options.pageSize ?? 4096;
    const reader = new PageReader(files, size, index);
    const { objects } = readSchemaObjects(reader, encodings[options.encoding ?? 'UTF-8'], size);
    const owners = walkPages(reader, objects, pageCount);
    const found = new Map<number, string>();
    for (let page = 1; page <= pageCount; page++) {
      const owner = objects[owners.ownerOf(page)];
      if (owner !== undefined) found.set(page, owner.name);
    }
    expect(found.size).toBeGreaterThan(120);
    expect([...found].sort(([a], [b]) => a - b)).toEqual([...expected].sort(([a], [b]) => a - b));
    for (const [position, { name }] of objects.entries()) {
      expect(owners.pagesOf(position)).toBe([...expected.values()].filter((other) => other === name).length);
    }
  });
});

describe('attribution of writes', () => {
  function watched(autoVacuum = 0, from: 'frames' | 'index' = 'frames') {
    const path = join(temporaryFolder(), 'trading.db');
    const db = new Database(path);
    db.pragma('page_size = 1024');
    db.pragma(`auto_vacuum = ${autoVacuum}`);
    db.pragma('journal_mode = WAL');
    db.exec(
      'CREATE TABLE a (id INTEGER PRIMARY KEY, x); CREATE TABLE b (id INTEGER PRIMARY KEY, x); CREATE INDEX bx ON b(x)',
    );
    onTestFinished(() => void db.close());
    const files = new LiveFiles(path);
    onTestFinished(() => files.close());
    const attribution = new Attribution(files, from);
    let now = 0;
    const look = (made: number, laterMs = 100) => {
      now += laterMs;
      return attribution.update(now, files.header(), files.walIndex(), made);
    };
    return { db, look };
  }
  const frames = (facts: ReturnType<Attribution['update']>) =>
    Object.fromEntries(facts.objects.filter((entry) => entry.frames > 0).map((entry) => [entry.object, entry.frames]));

  it.each([0, 2])('follows tables that grow and split, without a new map (auto_vacuum %d)', (autoVacuum) => {
    const { db, look } = watched(autoVacuum);
    look(0);
    const insert = db.prepare('INSERT INTO b (x) VALUES (hex(randomblob(20)))');
    for (let commit = 0; commit < 1500; commit++) {
      insert.run();
      if (commit % 50 === 49) look(50, 1);
    }
    const facts = look(0, 1);
    expect(facts).toMatchObject({ coverage: 1, unknownFrames: 0 });
    const counted = frames(facts);
    expect(Object.keys(counted).sort()).toEqual(['b', 'bx', 'sqlite_schema'].filter((name) => name in counted));
    expect(counted.b).toBeGreaterThanOrEqual(1500);
    expect(counted.bx).toBeGreaterThanOrEqual(1500);
  });

  it('equals a replay of the WAL, over restarts of it', () => {
    const { db, look } = watched();
    look(0);
    db.pragma('wal_autocheckpoint = 50');
    let made = 0;
    for (let round = 0; round < 40; round++) {
      for (let commit = 0; commit < 10; commit++, made++) db.exec(`INSERT INTO a (x) VALUES (${commit})`);
      look(10, 1);
    }
    // One row changes one leaf; a split or a new root adds a few.
    const facts = look(0, 1);
    expect(facts.coverage).toBe(1);
    const counted = frames(facts).a ?? 0;
    expect(counted).toBeGreaterThanOrEqual(made);
    expect(counted).toBeLessThan(made * 1.2);
  });

  it('scales up what it sees when commits are missed, and says so', () => {
    const { db, look } = watched();
    look(0);
    for (let commit = 0; commit < 10; commit++) db.exec('INSERT INTO a (x) VALUES (1)');
    const facts = look(40);
    expect(facts.coverage).toBeCloseTo(0.25);
    const entry = facts.objects.find(({ object }) => object === 'a');
    expect(entry?.estimated).toBe(true);
    expect(entry?.frames).toBeGreaterThanOrEqual(40);
  });

  it('tells from page numbers alone what frames tell, but for pages that are new', () => {
    const { db, look } = watched(0, 'index');
    for (let row = 0; row < 50; row++) db.exec(`INSERT INTO b (x) VALUES ('${'x'.repeat(100)}')`);
    look(0);
    const update = db.prepare('UPDATE b SET x = ? WHERE id = ?');
    for (let commit = 0; commit < 60; commit++) {
      update.run(`${commit} ${'y'.repeat(100)}`, 1 + (commit % 50));
      if (commit % 20 === 19) look(20, 1);
    }
    const facts = look(0, 1);
    expect(facts.coverage).toBe(1);
    const counted = frames(facts);
    expect(counted.b).toBeGreaterThanOrEqual(60);
    expect(counted.bx).toBeGreaterThanOrEqual(60);
    expect(counted.a).toBeUndefined();

    // A restart takes the old numbers with it; the new ones count, and coverage says what was missed.
    for (let commit = 0; commit < 30; commit++) update.run(`${commit} ${'z'.repeat(100)}`, 1);
    db.pragma('wal_checkpoint(RESTART)');
    update.run('w'.repeat(100), 1);
    const after = look(31, 1);
    expect(after.coverage).toBeLessThan(1);
    expect(frames(after).b).toBeGreaterThan(counted.b ?? 0);
  });

  it('reads page numbers beyond the first block of the WAL-index', () => {
    const { db, look } = watched(0, 'index');
    db.pragma('wal_autocheckpoint = 0');
    db.exec("INSERT INTO a (x) VALUES ('x')");
    look(0);
    const update = db.prepare('UPDATE a SET x = ? WHERE id = 1');
    for (let commit = 0; commit < 9000; commit++) update.run(commit);
    expect(frames(look(9000, 1))).toMatchObject({ a: 9000 });
  });

  it('finds a table that is created while it watches, and forgets a dropped one', () => {
    const { db, look } = watched();
    look(0);
    db.exec('CREATE TABLE fresh (x); DROP TABLE a');
    look(2, 2000);
    db.exec('INSERT INTO fresh VALUES (1)');
    const facts = look(1, 2000);
    expect(frames(facts).fresh).toBe(1);
    expect(facts.objects.map(({ object }) => object)).not.toContain('a');
  });
});

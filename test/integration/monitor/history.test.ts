import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HistoryFeed } from '../../../src/core/monitor/history/feed.ts';
import { HistoryStore, ringLengths } from '../../../src/core/monitor/history/store.ts';
import { testContext } from '../../support/context.ts';
import { makeSample } from '../../support/sample.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const start = Date.UTC(2026, 2, 1, 10, 0, 0);
const rings = ringLengths({ second: 60_000, minute: 600_000, hour: 7_200_000 });
const mebibyte = 1024 * 1024;

function openStore(path: string, maxBytes = 8 * mebibyte, lengths = rings): HistoryStore {
  const store = new HistoryStore({ path, maxBytes, rings: lengths }, testContext());
  onTestFinished(() => store.close());
  return store;
}

/** `seconds` samples, one per second, with ten commits in each. */
function feed(store: HistoryStore, seconds: number, from = start): HistoryFeed {
  const history = new HistoryFeed('trading.db', store);
  for (let second = 0; second < seconds; second++) {
    const at = from + second * 1000;
    history.add(makeSample({ at: new Date(at).toISOString(), monotonicMs: at, commits: ((at - start) / 1000) * 10 }));
  }
  return history;
}

const range = (fromMs: number, toMs: number, points = 5000) => ({
  database: 'trading.db',
  series: ['commits_total'],
  fromMs,
  toMs,
  nowMs: toMs,
  points,
});

describe('the history', () => {
  it('gives back what was fed, at the level that reaches back', () => {
    const store = openStore(join(temporaryFolder(), 'history.db'));
    feed(store, 300).finish();
    const end = start + 299_000;
    const fine = store.read(range(end - 30_000, end));
    expect(fine).toMatchObject({ level: 'second', stepMs: 1000 });
    expect(fine?.series.commits_total?.every((point) => point?.average === 10)).toBe(true);
    const coarse = store.read(range(start, end));
    expect(coarse?.level).toBe('minute');
    expect(coarse?.series.commits_total?.[1]).toEqual({ min: 10, max: 10, average: 10 });
    expect(store.read(range(end - 30_000, end, 10))?.times).toHaveLength(11);
    expect(store.read({ ...range(end - 1000, end), series: ["'; DROP TABLE rollup; --"] })?.series).toEqual({
      "'; DROP TABLE rollup; --": [null],
    });
  });

  it('is a ring of fixed size that a day does not make larger', () => {
    const path = join(temporaryFolder(), 'history.db');
    const store = openStore(path);
    feed(store, 2000).finish();
    const before = statSync(path).size;
    feed(store, 8000, start + 2_000_000).finish();
    store.close();
    const db = new Database(path, { readonly: true });
    onTestFinished(() => void db.close());
    const rows = db.prepare('SELECT level, count(*) AS n FROM rollup GROUP BY level, series ORDER BY n DESC').all();
    expect(rows.every((row) => (row as { n: number }).n <= 60)).toBe(true);
    expect(statSync(path).size).toBeLessThanOrEqual(before * 1.1 + 8192);
  });

  it('is made anew when it is damaged, deleted or of another version, and says so', () => {
    const path = join(temporaryFolder(), 'history.db');
    writeFileSync(path, 'this is no database, but it is long enough to look like a file of something else');
    const store = openStore(path);
    feed(store, 20).finish();
    expect(store.findings.map(({ id }) => id)).toEqual(['history.rebuilt']);
    expect(existsSync(`${path}.unusable`)).toBe(true);
    expect(store.read(range(start, start + 19_000))?.series.commits_total?.[5]).not.toBeNull();

    for (const side of ['', '-wal', '-shm']) rmSync(`${path}${side}`, { force: true });
    feed(store, 20, start + 20_000).finish();
    expect(store.findings[0]?.message).toContain('deleted or replaced');
    expect(store.read(range(start + 20_000, start + 39_000))?.series.commits_total?.[5]).not.toBeNull();
    store.close();

    const db = new Database(path);
    db.pragma('user_version = 99');
    db.close();
    const next = openStore(path);
    next.addEvent({ atMs: start, database: 'trading.db', kind: 'job_finished', detail: { job: 'backup' } });
    expect(next.findings[0]?.message).toContain('version 99');
    expect(next.events(10)).toMatchObject([{ kind: 'job_finished', detail: { job: 'backup' } }]);
  });

  it('never exceeds its limit, and loses values rather than the watching', () => {
    const path = join(temporaryFolder(), 'history.db');
    const store = openStore(path, 300_000, ringLengths({ second: 3_600_000, minute: 86_400_000, hour: 86_400_000 }));
    feed(store, 4000).finish();
    expect(statSync(path).size).toBeLessThanOrEqual(300_000);
    expect(store.findings.map(({ id }) => id)).toContain('history.full');
  });

  it('goes on without a folder to write to', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    const store = openStore(join(folder, 'file', 'history.db'));
    feed(store, 30).finish();
    expect(store.findings.map(({ id }) => id)).toEqual(['history.write']);
    expect(store.events(5)).toEqual([]);
  });

  it('keeps what it has when the lengths of the rings change', () => {
    const path = join(temporaryFolder(), 'history.db');
    const store = openStore(path);
    feed(store, 120).finish();
    store.close();
    const longer = openStore(path, 8 * mebibyte, ringLengths({ second: 90_000, minute: 900_000, hour: 7_200_000 }));
    const end = start + 119_000;
    const slice = longer.read(range(end - 50_000, end));
    expect(slice?.series.commits_total?.every((point) => point?.average === 10)).toBe(true);
  });

  it('keeps the last 10,000 events', () => {
    const store = openStore(join(temporaryFolder(), 'history.db'));
    for (let event = 0; event < 50; event++) {
      store.addEvent({
        atMs: start + event,
        database: 'a',
        kind: event % 2 ? 'odd' : 'even',
        detail: { event, long: 'x'.repeat(5000) },
      });
    }
    expect(store.events(3, ['odd']).map(({ number }) => number)).toEqual([50, 48, 46]);
    expect(JSON.stringify(store.events(1)).length).toBeLessThan(5000);
  });
});

import { describe, expect, it } from 'vitest';
import { isSelected } from '../../../src/core/health/request.ts';
import { columnsOf } from '../../../src/core/health/table-rows.ts';
import { judge, type ThresholdSet, withThreshold } from '../../../src/core/health/threshold.ts';
import { dueTier, includesTier, nextDue } from '../../../src/core/health/tier.ts';

const set: ThresholdSet = {
  'wal.backlog': { warning: 10, critical: 20, direction: 'above', unit: 'bytes' },
  'wal.reader': { warning: 1000, critical: 60_000, direction: 'above', unit: 'ms' },
  'lock.contention': { warning: 5000, critical: 60_000, direction: 'above', unit: 'ms' },
  'backup.verified': { warning: 1, critical: 2, direction: 'above', unit: 'ms' },
  'backup.drill': { warning: 1, critical: 2, direction: 'above', unit: 'ms' },
  'backup.age': { warning: 1, critical: 2, direction: 'above', unit: 'ms' },
  'file.space': { warning: 20, critical: 10, direction: 'below', unit: 'bytes' },
  'freelist.share': { warning: 0.2, critical: 0.5, direction: 'above', unit: 'share' },
  'database.size': { warning: 1, critical: 2, direction: 'above', unit: 'bytes' },
};

describe('thresholds', () => {
  it('judge from above and from below', () => {
    expect([9, 10, 19, 20].map((value) => judge(value, set['wal.backlog']))).toEqual([
      'ok',
      'warning',
      'warning',
      'critical',
    ]);
    expect([20, 19, 10, 9].map((value) => judge(value, set['file.space']))).toEqual([
      'ok',
      'warning',
      'warning',
      'critical',
    ]);
  });

  it.each([
    ['10', [-1, 0, 10, 11], [true, false, false, true]],
    ['10:', [9, 10, 1e9], [true, false, false]],
    ['~:10', [-1e9, 10, 11], [false, false, true]],
    ['10:20', [9, 10, 20, 21], [true, false, false, true]],
    ['@10:20', [9, 10, 20, 21], [false, true, true, false]],
    ['@~:5', [-3, 5, 6], [true, true, false]],
  ])('with a range of the plugin convention: %s', (range, values, alerts) => {
    const { 'database.size': threshold } = withThreshold(set, `database.size=,${range}`);
    expect(values.map((value) => judge(value, threshold) === 'critical')).toEqual(alerts);
  });

  it('ranges have the unit of their check, and a side left out never alerts', () => {
    const { 'wal.backlog': threshold } = withThreshold(set, 'wal.backlog=1KiB:2KiB,');
    expect([1023, 1024, 2048, 2049].map((value) => judge(value, threshold))).toEqual([
      'warning',
      'ok',
      'ok',
      'warning',
    ]);
    for (const wrong of ['1:2:3', ':', '20:10', 'much']) {
      expect(() => withThreshold(set, `wal.backlog=,${wrong}`)).toThrow(/range|size|behind/);
    }
  });

  it('are read in the unit of their check; a side left out stays', () => {
    expect(withThreshold(set, 'wal.backlog=1KiB:2KiB')['wal.backlog']).toMatchObject({ warning: 1024, critical: 2048 });
    expect(withThreshold(set, 'wal.reader=:2h')['wal.reader']).toMatchObject({ warning: 1000, critical: 7_200_000 });
    expect(withThreshold(set, 'freelist.share=30%:60%')['freelist.share']).toMatchObject({
      warning: 0.3,
      critical: 0.6,
    });
    expect(withThreshold(set, 'file.space=2GB:1GB')['file.space']).toMatchObject({ warning: 2e9, critical: 1e9 });
  });

  it.each([
    'wal.backlog',
    'wal.backlog=5',
    'other=1B:2B',
    'wal.reader=1B:2B',
    'file.space=1GB:2GB',
    'wal.backlog=9kB:1kB',
  ])('%s is refused', (text) => {
    expect(() => withThreshold(set, text)).toThrow(/--threshold/);
  });
});

describe('tiers', () => {
  const schedule = { dailyMs: 100, deepMs: 1000 };

  it('a dearer one includes the cheaper', () => {
    expect(includesTier('daily', 'quick')).toBe(true);
    expect(includesTier('daily', 'deep')).toBe(false);
  });

  it.each([
    [{}, 5000, 'deep'],
    [{ deep: 4500 }, 4550, 'quick'],
    [{ deep: 4500 }, 4600, 'daily'],
    [{ deep: 4500, daily: 4590 }, 4600, 'quick'],
    [{ deep: 3500, daily: 4590 }, 4600, 'deep'],
  ] as const)('%j at %i: %s is due', (runs, now, due) => {
    expect(dueTier(runs, schedule, now)).toBe(due);
  });

  it('a deep run counts as a daily one', () => {
    expect(nextDue({ deep: 4500, daily: 100 }, schedule, 4550)).toEqual({ daily: 4600, deep: 5500 });
  });
});

describe('selection', () => {
  it('matches globs literally but for the star', () => {
    expect(isSelected('wal.chain', { only: ['wal.*'], skip: [] })).toBe(true);
    expect(isSelected('walxchain', { only: ['wal.*'], skip: [] })).toBe(false);
    expect(isSelected('rule.X-a', { only: [], skip: ['rule.*'] })).toBe(false);
    expect(isSelected('rule.X-a', { only: [], skip: [] })).toBe(true);
  });
});

describe('columns of a CREATE TABLE', () => {
  it.each([
    ['CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT DEFAULT (1, 2), "c ""d" TEXT, CHECK (a > 0))', ['a', 'b', 'c "d']],
    [
      "CREATE TABLE [x y] ([e,f] TEXT, `g``h` INT, 'i' -- note, not a column\n, j REFERENCES k(l))",
      ['e,f', 'g`h', 'i', 'j'],
    ],
    ['CREATE TABLE t (/* first */ a, b, PRIMARY KEY (a, b)) WITHOUT ROWID', ['a', 'b']],
  ])('%s', (sql, columns) => {
    expect(columnsOf(sql)).toEqual(columns);
  });
});

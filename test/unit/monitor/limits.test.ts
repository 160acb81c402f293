import { describe, expect, it } from 'vitest';
import { findingsOf, type Limits } from '../../../src/core/monitor/limits.ts';
import { RateWindow } from '../../../src/core/monitor/rates.ts';
import { makeSample } from '../../support/sample.ts';

const limits: Limits = {
  databaseSize: { warning: 2e9, critical: 3e9 },
  walSize: { warning: 64e6, critical: 512e6 },
  freeSpace: { warning: 1e9, critical: 5e8 },
  backupAge: { warning: 3_600_000, critical: 7_200_000 },
};
const ids = (parts: Parameters<typeof makeSample>[0], facts = {}) =>
  findingsOf(makeSample(parts), limits, facts).map(({ id, severity }) => `${id} ${severity}`);

describe('limits', () => {
  it('are silent while all is well', () => {
    expect(ids({})).toEqual([]);
  });

  it('warn at the first value and are critical at the second, worst first', () => {
    expect(ids({ backlogBytes: 64e6 })).toEqual(['wal.backlog warning']);
    expect(ids({ databaseBytes: 3e9, backlogBytes: 64e6 })).toEqual(['database.size critical', 'wal.backlog warning']);
    expect(ids({ diskFreeBytes: 1e9 })).toEqual(['disk.free warning']);
    expect(ids({ diskFreeBytes: 4e8 })).toEqual(['disk.free critical']);
  });

  it('look at the age of the backup only when it is known', () => {
    expect(ids({}, { backupAgeMs: 3_600_000 })).toEqual(['backup.age warning']);
    expect(ids({}, { backupAgeMs: 9e9 })).toEqual(['backup.age critical']);
    expect(ids({}, { backupAgeMs: 1 })).toEqual([]);
    expect(ids({}, { backupAgeMs: null })).toEqual(['backup.age warning']);
  });

  it('name a pinned reader, a missing file, and what cannot be seen', () => {
    const [holder] = makeSample().locks;
    const pinned = [
      { slot: 1, mark: 4, lagFrames: 9, heldAtLeastMs: 2000, holders: holder === undefined ? [] : [holder] },
    ];
    const [finding] = findingsOf(makeSample({ pinned }), limits);
    expect(finding?.message).toContain('pid 4123 (node report.js)');
    expect(ids({ mode: 'absent' })).toEqual(['database.absent critical']);
    expect(ids({ holders: 'outside-namespace' })).toEqual(['holders.hidden info']);
  });
});

describe('rates', () => {
  it('are of the last second, and never negative', () => {
    const window = new RateWindow();
    for (let tick = 0; tick <= 20; tick++) window.add(makeSample({ monotonicMs: tick * 100, commits: tick * 30 }));
    expect(window.rates.commitsPerSecond).toBeCloseTo(300);
    expect(window.points).toHaveLength(2);
    window.add(makeSample({ monotonicMs: 4000, commits: 0 }));
    expect(window.rates.commitsPerSecond).toBe(0);
    expect(window.total.seconds).toBe(4);
  });

  it('have a first value before the first second is over', () => {
    const window = new RateWindow();
    window.add(makeSample({ monotonicMs: 0, commits: 0 }));
    expect(window.rates.commitsPerSecond).toBe(0);
    window.add(makeSample({ monotonicMs: 500, commits: 100 }));
    expect(window.rates.commitsPerSecond).toBe(200);
  });

  it('keep two minutes, and when a checkpoint last moved', () => {
    const window = new RateWindow();
    for (let second = 0; second < 200; second++) {
      const checkpoints = second < 100 ? 1 : 2;
      window.add(makeSample({ monotonicMs: second * 1000, checkpoints, at: `t${second}` }));
    }
    expect(window.points).toHaveLength(120);
    expect(window.lastCheckpointAt).toBe('t100');
  });
});

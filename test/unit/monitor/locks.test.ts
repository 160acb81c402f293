import { describe, expect, it } from 'vitest';
import type { Holder } from '../../../src/core/file-access/lock-table.ts';
import { HeldSince } from '../../../src/core/monitor/lock/held-since.ts';
import { WriteLockUse } from '../../../src/core/monitor/lock/lock-use.ts';
import { PinnedReaders } from '../../../src/core/monitor/lock/pinned-reader.ts';

const free = 0xffff_ffff;

function holder(pid: number, bytes: readonly string[], startTime = '1', exclusive = false): Holder {
  return { pid, startTime, command: `p${pid}`, bytes, locks: [{ file: 'wal-index', exclusive, bytes }] };
}

describe('ages of locks', () => {
  it('count from the first look, per byte, and are not of the mere connection', () => {
    const since = new HeldSince();
    since.update([holder(1, ['DMS'])], 0);
    expect(since.update([holder(1, ['DMS'])], 1000)[0]?.heldAtLeastMs).toBe(1000);
    expect(since.update([holder(1, ['DMS', 'READ1'])], 2000)[0]?.heldAtLeastMs).toBe(0);
    expect(since.update([holder(1, ['DMS', 'READ1'])], 2500)[0]?.heldAtLeastMs).toBe(500);
  });

  it('do not pass from a process to a later one with its pid', () => {
    const since = new HeldSince();
    since.update([holder(1, ['READ1'], '10')], 0);
    expect(since.update([holder(1, ['READ1'], '20')], 5000)[0]?.heldAtLeastMs).toBe(0);
  });
});

describe('pinned readers', () => {
  const marks = (mark: number, maxFrame: number, generation = 'a') => ({
    readMarks: [0, mark, free, free, free],
    maxFrame,
    backfilledFrames: mark,
    generation,
  });
  const reader = [{ ...holder(7, ['DMS', 'READ1']), heldAtLeastMs: 0 }];

  it('are named when their mark stands still while the WAL grows', () => {
    const pinned = new PinnedReaders(1000);
    expect(pinned.update(marks(40, 40), reader, 0)).toEqual([]);
    expect(pinned.update(marks(40, 50), reader, 100)).toEqual([]);
    expect(pinned.update(marks(40, 90), reader, 1000)).toEqual([]);
    expect(pinned.update(marks(40, 100), reader, 1100)).toMatchObject([
      { slot: 1, mark: 40, lagFrames: 60, heldAtLeastMs: 1000, holders: [{ pid: 7 }] },
    ]);
  });

  it('are not those whose mark moves, that nobody holds, or that are of another WAL', () => {
    const pinned = new PinnedReaders(1000);
    for (let at = 0; at <= 10_000; at += 500) expect(pinned.update(marks(at, at + 50), reader, at)).toEqual([]);
    const nobody = new PinnedReaders(1000);
    for (let at = 0; at <= 5000; at += 500) expect(nobody.update(marks(5, 50), [], at)).toEqual([]);
    const restarted = new PinnedReaders(1000);
    for (let at = 0; at <= 5000; at += 500) expect(restarted.update(marks(5, 50, `g${at}`), reader, at)).toEqual([]);
  });

  it('at slot 0 stop at what is copied, and the lowest comes first', () => {
    const pinned = new PinnedReaders(0);
    const both = [
      { ...holder(1, ['READ0']), heldAtLeastMs: 0 },
      { ...holder(2, ['READ2']), heldAtLeastMs: 0 },
    ];
    const found = pinned.update(
      { readMarks: [0, free, 30, free, free], maxFrame: 100, backfilledFrames: 10, generation: 'a' },
      both,
      0,
    );
    expect(found.map(({ slot, mark }) => [slot, mark])).toEqual([
      [0, 10],
      [2, 30],
    ]);
  });
});

describe('the use of the write lock', () => {
  it('is the share of the last looks that saw it held', () => {
    const use = new WriteLockUse();
    expect(use.update([])).toBe(0);
    expect(use.update([holder(1, ['WRITE'], '1', true)])).toBe(0.5);
    expect(use.update([holder(1, ['READ1'], '1', true)])).toBeCloseTo(1 / 3);
    for (let look = 0; look < 100; look++) use.update([holder(1, ['WRITE'], '1', true)]);
    expect(use.update([holder(1, ['WRITE'], '1', true)])).toBe(1);
  });
});

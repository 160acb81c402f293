import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../../src/core/backup/manifest/manifest.ts';
import { keepReasons, planRetention } from '../../../src/core/backup/retention/facts.ts';
import type { VerifiedPoints } from '../../../src/core/backup/verify/verified-points.ts';
import type { Epoch } from '../../../src/core/backup/wal-archive/epoch.ts';

const now = Date.parse('2026-03-14T12:00:00Z');
const at = (day: number): string => new Date(Date.UTC(2026, 2, day)).toISOString();

/** A point of one day in March; only what the plan looks at. */
function point(id: string, day: number, parent?: Manifest): Manifest {
  const chainLength = parent === undefined ? 0 : parent.chainLength + 1;
  const type = parent === undefined ? 'full' : 'incremental';
  return { id, type, parentId: parent?.id ?? null, chainLength, createdAt: at(day), keepUntil: null } as Manifest;
}

const settings = {
  policy: { keepLast: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 },
  minimumRedundancy: 2,
  graceMs: 0,
  recoveryWindowMs: Number.POSITIVE_INFINITY,
};

const verdicts = (levels: Readonly<Record<string, number>>): VerifiedPoints =>
  new Map(Object.entries(levels).map(([id, level]) => [id, { level, at: at(13) }]));

const nothing = { tombstones: [], epochs: [], marks: [], verified: new Map() };

describe('minimum redundancy', () => {
  const points = ['one', 'two', 'three', 'four', 'five'].map((id, index) => point(id, index + 1));

  const held = (levels: Readonly<Record<string, number>>, minimumRedundancy = 2) =>
    planRetention(
      { ...nothing, points, verified: verdicts(levels) },
      { ...settings, minimumRedundancy },
      now,
    ).heldBack.map((one) => [one.point.id, one.reason]);

  test('counts the newest chains that were read from end to end, wherever they are', () => {
    expect(held({ one: 2, three: 3, four: 1 })).toEqual([
      ['one', 'minimum redundancy'],
      ['three', 'minimum redundancy'],
    ]);
    expect(held({ one: 2, two: 2, five: 4 })).toEqual([['two', 'minimum redundancy']]);
  });

  test('takes the newest unread ones in the place of those that are missing, and never a damaged one', () => {
    expect(held({ two: 2, four: 0 })).toEqual([['two', 'minimum redundancy']]);
    expect(held({ two: 2, five: 0 })).toEqual([
      ['two', 'minimum redundancy'],
      ['four', 'minimum redundancy, not verified'],
    ]);
    expect(held({}, 3)).toEqual([
      ['three', 'minimum redundancy, not verified'],
      ['four', 'minimum redundancy, not verified'],
    ]);
    expect(held({ one: 0, two: 0, three: 0, four: 0, five: 0 })).toEqual([]);
  });
});

test('says of each point why it stays', () => {
  const full = point('full', 1);
  const middle = point('middle', 2, full);
  const last = point('last', 10, middle);
  const gone = point('gone', 11, last);
  const newest = point('newest', 12);
  const epoch = { id: 'e', createdAt: at(2), base: { pointId: 'middle', tx: 0 } } as Epoch;
  const mark = { name: 'pre-open', epoch: 'e', tx: 5, time: at(3), note: null, keep: true, format: 1 } as const;
  const facts = { ...nothing, points: [full, middle, last, gone, newest], epochs: [epoch], marks: [mark] };
  const plan = planRetention(facts, { ...settings, recoveryWindowMs: 4 * 86_400_000, minimumRedundancy: 2 }, now);
  expect(Object.fromEntries(keepReasons(plan))).toEqual({
    full: ['parent'],
    middle: ['archive', 'mark pre-open', 'parent'],
    last: ['window'],
    newest: ['last'],
  });
  expect(plan.tombstone.map(({ id }) => id)).toEqual(['gone']);
  const without = planRetention({ ...facts, epochs: [], marks: [{ ...mark, keep: false }] }, settings, now);
  expect(Object.fromEntries(keepReasons(without))).toEqual({
    full: ['minimum redundancy, not verified'],
    newest: ['last'],
  });
});

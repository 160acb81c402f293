import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  isPinned,
  type RetainedPoint,
  type RetentionPolicy,
  retain,
} from '../../../src/core/backup/retention/policy.ts';

const day = 86_400_000;
const now = Date.parse('2026-03-14T12:00:00Z');

const policyArbitrary: fc.Arbitrary<RetentionPolicy> = fc.record({
  keepLast: fc.nat(4),
  hourly: fc.nat(5),
  daily: fc.nat(5),
  weekly: fc.nat(5),
  monthly: fc.nat(5),
  yearly: fc.nat(3),
  keepWithinMs: fc.option(fc.integer({ min: 0, max: 90 * day }), { nil: undefined }),
  keepSafety: fc.option(fc.nat(3), { nil: undefined }),
  recoveryWindowMs: fc.option(fc.integer({ min: 0, max: 400 * day }), { nil: undefined }),
});

/** A history: full points and incrementals on the point before, at random moments of three years. */
const historyArbitrary = fc
  .array(
    fc.record({
      ageMs: fc.integer({ min: 0, max: 1100 * day }),
      incremental: fc.boolean(),
      label: fc.constantFrom(null, 'pre-open', 'before-migration 20260301T093107Z-5d21c0aa'),
      pin: fc.constantFrom(null, 'forever', '2026-03-15T00:00:00.000Z', '2026-03-13T00:00:00.000Z'),
    }),
    { maxLength: 60 },
  )
  .map((entries) =>
    [...entries]
      .sort((a, b) => b.ageMs - a.ageMs)
      .map(
        ({ ageMs, incremental, label, pin }, index): RetainedPoint => ({
          id: `p${String(index).padStart(3, '0')}`,
          createdAt: new Date(now - ageMs).toISOString(),
          parentId: incremental && index > 0 ? `p${String(index - 1).padStart(3, '0')}` : null,
          label,
          keepUntil: pin,
        }),
      ),
  );

/** The rules once more, as slowly and plainly as they can be said. */
function model(points: readonly RetainedPoint[], policy: RetentionPolicy): Set<string> {
  const wanted = new Set<string>();
  const sorted = [...points].sort(
    (a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt) || (a.id < b.id ? 1 : -1),
  );
  for (const point of sorted.slice(0, policy.keepLast)) wanted.add(point.id);
  const safety = sorted.filter((point) => point.label?.startsWith('before-migration'));
  for (const point of safety.slice(0, policy.keepSafety ?? 0)) wanted.add(point.id);
  const week = (time: number): number => Math.floor((time / day + 3) / 7);
  const keys: [number, (time: number) => string][] = [
    [policy.hourly, (time) => String(Math.floor(time / 3_600_000))],
    [policy.daily, (time) => String(Math.floor(time / day))],
    [policy.weekly, (time) => String(week(time))],
    [policy.monthly, (time) => `${new Date(time).getUTCFullYear()}-${new Date(time).getUTCMonth()}`],
    [policy.yearly, (time) => String(new Date(time).getUTCFullYear())],
  ];
  for (const [count, key] of keys) {
    const groups: string[] = [];
    for (const point of sorted) {
      const group = key(Date.parse(point.createdAt));
      if (groups.includes(group)) continue;
      groups.push(group);
      if (groups.length <= count) wanted.add(point.id);
    }
  }
  for (const point of points) {
    if (policy.keepWithinMs !== undefined && now - Date.parse(point.createdAt) < policy.keepWithinMs)
      wanted.add(point.id);
    if (isPinned(point, now)) wanted.add(point.id);
  }
  const { recoveryWindowMs } = policy;
  if (recoveryWindowMs !== undefined) {
    // The state at the start of the window: that of the newest point which is older.
    const older = points.filter((point) => Date.parse(point.createdAt) + recoveryWindowMs <= now);
    const [first] = sorted.filter((point) => older.includes(point));
    if (first !== undefined) wanted.add(first.id);
  }
  for (let grown = true; grown; ) {
    grown = false;
    for (const point of points) {
      if (!wanted.has(point.id) || point.parentId === null || wanted.has(point.parentId)) continue;
      wanted.add(point.parentId);
      grown = true;
    }
  }
  return wanted;
}

describe('retention', () => {
  test('keeps exactly what the plainly written rules keep, whatever the order of the points', () => {
    fc.assert(
      fc.property(historyArbitrary, policyArbitrary, (points, policy) => {
        const kept = retain(points, policy, now);
        expect([...kept.keys()].sort()).toEqual([...model(points, policy)].sort());
        expect([...retain([...points].reverse(), policy, now).keys()].sort()).toEqual([...kept.keys()].sort());
      }),
      { numRuns: 300 },
    );
  });

  test('never lets the parent of a kept point go', () => {
    fc.assert(
      fc.property(historyArbitrary, policyArbitrary, (points, policy) => {
        const kept = retain(points, policy, now);
        for (const point of points) {
          if (kept.has(point.id) && point.parentId !== null) expect(kept.has(point.parentId)).toBe(true);
        }
      }),
    );
  });
});

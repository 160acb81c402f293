import { describe, expect, test } from 'vitest';
import { worstRpo } from '../../../src/core/restore/objective.ts';

const minute = 60_000;
const at = (minutes: number): number => minutes * minute;
const worst = (
  points: readonly number[],
  windows: readonly (readonly [number, number])[],
  since = 0,
  now = 600,
): number =>
  worstRpo(
    { points: points.map(at), windows: windows.map(([from, to]) => ({ from: at(from), to: at(to) })) },
    { since: at(since), now: at(now) },
  ) / minute;

describe('the worst that could have been lost', () => {
  test('is the longest time without a newer state, up to now', () => {
    expect(worst([], [])).toBe(0);
    expect(worst([600], [])).toBe(0);
    expect(worst([100, 160, 400, 590], [])).toBe(240);
    expect(worst([590, 100, 400, 160], [])).toBe(240);
    expect(worst([100, 160], [])).toBe(440);
  });

  test('counts the times in which every commit is archived as covered', () => {
    expect(worst([100], [[100, 590]])).toBe(10);
    expect(
      worst(
        [100, 300],
        [
          [110, 280],
          [290, 600],
        ],
      ),
    ).toBe(10);
    expect(
      worst(
        [100],
        [
          [100, 500],
          [200, 300],
        ],
      ),
    ).toBe(100);
  });

  test('looks only at the time asked for, where a loss before it still reaches in', () => {
    expect(worst([10, 300, 590], [], 310)).toBe(290);
    expect(worst([10, 300, 590], [], 400)).toBe(290);
    expect(worst([10, 300, 400, 590], [], 350)).toBe(190);
    expect(worst([10, 300, 590, 600], [], 595)).toBe(10);
  });
});

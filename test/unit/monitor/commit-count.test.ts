import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countCommits,
  endOfIndex,
  type IndexFacts,
  noCommits,
} from '../../../src/core/monitor/sampler/commit-count.ts';

const base: IndexFacts = { changeCounter: 10, salt1: 100, salt2: 7, maxFrame: 50, backfilledFrames: 0, inode: 1 };

function run(...looks: readonly IndexFacts[]) {
  return looks.reduce(countCommits, noCommits);
}

describe('counting commits', () => {
  it('starts at the first look and counts what came between two', () => {
    expect(run(base)).toMatchObject({ commits: 0, generation: 1 });
    expect(run(base, { ...base, changeCounter: 15, maxFrame: 70 })).toMatchObject({ commits: 5, frames: 20 });
  });

  it('counts every restart of the WAL, also those between two looks', () => {
    const now = { ...base, changeCounter: 5000, salt1: 103, salt2: 99, maxFrame: 12 };
    expect(run(base, now)).toMatchObject({
      commits: 4990,
      resets: 3,
      frames: 12,
      checkpointedFrames: 50,
      generation: 1,
    });
    const wrapped = run({ ...base, salt1: 0xffff_ffff }, { ...base, salt1: 1 });
    expect(wrapped).toMatchObject({ resets: 2, generation: 1 });
  });

  it('goes on over the end of 32 bits', () => {
    expect(run({ ...base, changeCounter: 2 ** 32 - 3 }, { ...base, changeCounter: 4 }).commits).toBe(7);
  });

  it('starts a generation when the index was rebuilt, and never counts backwards', () => {
    const recovered = run(base, { ...base, changeCounter: 2 });
    expect(recovered).toMatchObject({ generation: 2, commits: 2 });
    expect(run(base, { ...base, inode: 2, changeCounter: 4 })).toMatchObject({ generation: 2, commits: 4 });
    expect(run(base, { ...base, salt1: 0x9000_0000, changeCounter: 11 })).toMatchObject({ generation: 2 });
    expect(endOfIndex(run(base))).toMatchObject({ generation: 2, last: undefined });
    expect(endOfIndex(noCommits)).toBe(noCommits);
  });

  it('is exact for every way of looking at the same commits', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        fc.array(fc.nat(1000), { maxLength: 50 }),
        (start, steps) => {
          let counter = start;
          let count = countCommits(noCommits, { ...base, changeCounter: counter });
          for (const step of steps) {
            counter = (counter + step) % 2 ** 32;
            count = countCommits(count, { ...base, changeCounter: counter });
          }
          expect(count.commits).toBe(steps.reduce((sum, step) => sum + step, 0));
          expect(count.generation).toBe(1);
        },
      ),
    );
  });
});

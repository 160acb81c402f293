import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { initialStep, largestStep, nextStep, pauseMs } from '../../../src/core/maintenance/vacuum/step-size.ts';

describe('the step of an incremental vacuum', () => {
  it('stays between one page and the largest step, whatever the steps cost', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { maxLength: 200 }), (times) => {
        let step = initialStep;
        for (const time of times) {
          step = nextStep(step, time, 2);
          expect(step.pages).toBeGreaterThanOrEqual(1);
          expect(step.pages).toBeLessThanOrEqual(largestStep);
          expect(Number.isInteger(step.pages)).toBe(true);
        }
      }),
    );
  });

  it('settles where a step fits the budget, under noise', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.005, max: 1, noNaN: true }),
        fc.array(fc.double({ min: 0.8, max: 1.2, noNaN: true }), { minLength: 100, maxLength: 100 }),
        (msPerPage, noise) => {
          let step = initialStep;
          const late: number[] = [];
          noise.forEach((factor, index) => {
            const took = step.pages * msPerPage * factor;
            if (index >= 60) late.push(took);
            step = nextStep(step, took, 2);
          });
          // A single page may cost more than the budget; otherwise every settled step fits it.
          expect(Math.max(...late)).toBeLessThanOrEqual(Math.max(2, msPerPage * 1.2));
        },
      ),
    );
  });

  it('halves after a step over the budget and grows slowly below it', () => {
    expect(nextStep({ pages: 100, msPerPage: 0.01 }, 5, 2).pages).toBe(50);
    expect(nextStep({ pages: 100, msPerPage: 0.001 }, 0.1, 2).pages).toBe(125);
  });

  it('pauses so that the work takes its share of the time', () => {
    expect(pauseMs(3, 0.3)).toBeCloseTo(7);
    expect(pauseMs(3, 1)).toBe(1);
    expect(pauseMs(0.01, 0.5)).toBe(1);
  });
});

import type { Clock } from '../../src/core/context.ts';
import { systemClock } from '../../src/system/system-clock.ts';

/** A clock that stands still until it is told to go on; timers are the real ones. */
export function virtualTime(start = Date.UTC(2026, 2, 1)): { clock: Clock; advance: (ms: number) => void } {
  let passed = 0;
  return {
    clock: { ...systemClock, now: () => passed, wallTime: () => start + passed },
    advance: (ms) => {
      passed += ms;
    },
  };
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../core/context.ts';

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** The real clock, for composition roots (command line, library face, child entries) alone. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal === undefined ? {} : { signal }),
  sleepSync: (ms) => {
    if (ms > 0) Atomics.wait(sleeper, 0, 0, ms);
  },
  defer: (task) => {
    setImmediate(task);
  },
  after: (ms, task) => {
    const timer = setTimeout(task, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

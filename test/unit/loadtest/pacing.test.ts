import { describe, expect, it } from 'vitest';
import { Pacer, spinsFor } from '../../../src/core/loadtest/arrival/pacing.ts';

/** A clock whose sleeps end late by a given time; a look at it costs a tenth of a microsecond. */
class SlackClock {
  ms = 0;
  sleeps = 0;
  readonly slackMs: () => number;
  constructor(slackMs: () => number) {
    this.slackMs = slackMs;
  }
  now(): number {
    this.ms += 0.0001;
    return this.ms;
  }
  sleepSync(ms: number): void {
    this.sleeps += 1;
    this.ms += ms + this.slackMs();
  }
}

function lateness(clock: SlackClock, count: number): { pacer: Pacer; lateMs: number[] } {
  const pacer = new Pacer(clock);
  const lateMs = Array.from({ length: count }, (_, k) => {
    const due = (k + 1) * 1;
    return pacer.waitUntil(due, true) - due;
  });
  return { pacer, lateMs };
}

const middle = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

describe('pacer', () => {
  it.each([0.03, 0.06, 0.09])('learns how late a sleep of this machine ends: %d ms', (slack) => {
    const { pacer, lateMs } = lateness(new SlackClock(() => slack), 400);
    expect(pacer.spinMs).toBeGreaterThan(slack - 0.003);
    expect(pacer.spinMs).toBeLessThan(slack + 0.003);
    expect(middle(lateMs.slice(100))).toBeLessThan(0.002);
  });

  it('one long stall does not make it spin, and a busy machine not beyond its bound', () => {
    let calls = 0;
    const stalled = lateness(new SlackClock(() => (calls++ === 50 ? 30 : 0.06)), 100);
    expect(stalled.pacer.spinMs).toBeLessThan(0.065);
    expect(lateness(new SlackClock(() => 2), 2000).pacer.spinMs).toBe(0.1);
  });

  it('never ends before the due time, and does not sleep for one that has passed', () => {
    const { lateMs } = lateness(new SlackClock(() => 0.05), 100);
    expect(Math.min(...lateMs)).toBeGreaterThanOrEqual(0);
    const clock = new SlackClock(() => 0);
    clock.ms = 10;
    expect(new Pacer(clock).waitUntil(5, true)).toBeGreaterThan(10);
    expect(clock.sleeps).toBe(0);
  });

  it('spins for gaps that leave time to sleep only', () => {
    expect([spinsFor(0.1), spinsFor(0.09)]).toEqual([true, false]);
  });
});

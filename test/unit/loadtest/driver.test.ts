import { describe, expect, it } from 'vitest';
import { arrivals } from '../../../src/core/loadtest/arrival/schedule.ts';
import {
  type DriverPorts,
  type OpenPhase,
  type Outcome,
  PhaseRun,
  type Work,
} from '../../../src/core/loadtest/driver.ts';

/** A clock that moves only when somebody sleeps or works. */
class VirtualClock implements DriverPorts {
  ms = 1000;
  turns = 0;
  now(): number {
    // Spinning must come to an end: a look costs a microsecond.
    this.ms += 0.001;
    return this.ms;
  }
  sleepSync(ms: number): void {
    this.ms += ms;
  }
  turn(): Promise<void> {
    this.turns += 1;
    return Promise.resolve();
  }
}

function work(clock: VirtualClock, cost: (k: number) => number, outcome: (k: number) => Outcome = () => ({})): Work {
  return {
    types: 1,
    typeOf: () => 0,
    prepare: (k) => k,
    executeOne: ({ k }) => {
      clock.ms += cost(k);
      return outcome(k);
    },
    execute: (batch) => {
      for (const { k } of batch) clock.ms += cost(k);
      return batch.map(({ k }) => outcome(k));
    },
  };
}

function open(parts: Partial<OpenPhase> = {}, rate = 1000, durationMs = 2000): OpenPhase {
  return {
    loop: 'open',
    epochMs: 1010,
    durationMs,
    groupSize: 1,
    arrivals: arrivals(
      { kind: 'constant', stages: [{ durationMs, from: rate, to: rate }] },
      { client: 0, clients: 1, first: 0 },
      1,
    ),
    meanGapMs: 1000 / rate,
    drainMs: 5000,
    ...parts,
  };
}

describe('driver, open loop', () => {
  it('a stall of 200 ms shows in the response p99 with its queue, and not in the service p99', async () => {
    const clock = new VirtualClock();
    const run = new PhaseRun(
      open(),
      work(clock, (k) => (k === 500 ? 200 : 0.2)),
      clock,
    );
    const { tallies, schedule } = await run.run();
    const tally = tallies[0]!;
    expect(tally.service.count).toBe(2000);
    expect(tally.service.percentileNs(99) / 1e6).toBeLessThan(0.3);
    expect(tally.response.percentileNs(99) / 1e6).toBeGreaterThan(150);
    expect(tally.response.maxNs / 1e6).toBeGreaterThan(199);
    // 200 ms of arrivals are late, and those that come while the queue is worked off at 5 a millisecond.
    expect(schedule.late).toBeGreaterThan(240);
    expect(schedule.late).toBeLessThan(260);
  });

  it('a rate beyond the capacity leaves arrivals unfinished after the drain time', async () => {
    const clock = new VirtualClock();
    const run = new PhaseRun(
      open({ drainMs: 500 }),
      work(clock, () => 2),
      clock,
    );
    const { tallies, schedule } = await run.run();
    expect(schedule.scheduled).toBe(2000);
    expect(schedule.unfinished).toBeGreaterThan(700);
    expect(tallies[0]!.service.count + schedule.unfinished).toBe(2000);
  });

  it('stopped while it is behind, it counts what was due by then as unfinished, and nothing later', async () => {
    const clock = new VirtualClock();
    const run: PhaseRun = new PhaseRun(
      open(),
      work(clock, (k) => {
        if (k === 400) run.stop();
        return 2;
      }),
      clock,
    );
    const { complete, tallies, schedule } = await run.run();
    expect(complete).toBe(false);
    expect(tallies[0]!.service.count).toBe(401);
    // Its 401st transaction ended after 802 ms, when 802 were due, or one less by the look at the clock.
    expect(Math.abs(schedule.scheduled - 803)).toBeLessThan(5);
    expect(schedule.scheduled - schedule.unfinished).toBe(401);
  });

  it('without a drain limit the whole backlog is run', async () => {
    const clock = new VirtualClock();
    const run = new PhaseRun(
      open({ drainMs: 1e9 }),
      work(clock, () => 2),
      clock,
    );
    const result = await run.run();
    expect(result.tallies[0]!.service.count).toBe(2000);
    expect(result.endedMs).toBeGreaterThan(1010 + 3900);
  });

  it('drops what is too late only when asked to, and says which', async () => {
    const clock = new VirtualClock();
    const run = new PhaseRun(
      open({ dropAfterMs: 50 }),
      work(clock, (k) => (k === 100 ? 300 : 0.1)),
      clock,
    );
    const { schedule, tallies, droppedNumbers } = await run.run();
    expect(schedule.dropped).toBeGreaterThan(200);
    expect(droppedNumbers[0]).toBe(101);
    expect(tallies[0]!.service.count + schedule.dropped).toBe(2000);
  });

  it('puts what is due into one commit, up to the group size', async () => {
    const clock = new VirtualClock();
    const sizes: number[] = [];
    const slow: Work = {
      ...work(clock, () => 0),
      executeOne: () => {
        sizes.push(1);
        clock.ms += 5;
        return {};
      },
      execute: (batch) => {
        sizes.push(batch.length);
        clock.ms += 5;
        return batch.map(() => ({}));
      },
    };
    await new PhaseRun(open({ groupSize: 4 }, 1000, 200), slow, clock).run();
    expect(Math.max(...sizes)).toBe(4);
    expect(sizes.reduce((a, b) => a + b)).toBe(200);
  });

  it('gives the event loop a turn at least every 100 ms, also while waiting', async () => {
    const clock = new VirtualClock();
    await new PhaseRun(
      open({}, 1, 3000),
      work(clock, () => 0.1),
      clock,
    ).run();
    expect(clock.turns).toBeGreaterThan(20);
  });
});

describe('driver, closed loop', () => {
  const closed = {
    loop: 'closed',
    epochMs: 1010,
    durationMs: 1000,
    groupSize: 1,
    first: 3,
    step: 4,
    thinkMs: [0],
  } as const;

  it('has no response time, and counts failures apart with their codes', async () => {
    const clock = new VirtualClock();
    const fails = (k: number): Outcome =>
      k % 8 === 3 ? { errorCode: 'SQLITE_CONSTRAINT_CHECK', retriesByCode: { SQLITE_BUSY: 2 } } : {};
    const run = new PhaseRun(
      { ...closed, limit: 100 },
      work(clock, () => 1, fails),
      clock,
    );
    const { tallies, attempted } = await run.run();
    const tally = tallies[0]!;
    expect(attempted).toBe(100);
    expect(tally.response.count).toBe(0);
    expect(tally.service.count).toBe(50);
    expect(tally.failed.count).toBe(50);
    expect(tally.errorsByCode).toEqual({ SQLITE_CONSTRAINT_CHECK: 50 });
    expect(tally.retriesByCode).toEqual({ SQLITE_BUSY: 100 });
  });

  it('ends with its time, and thinks in between', async () => {
    const clock = new VirtualClock();
    const { tallies } = await new PhaseRun(
      { ...closed, thinkMs: [9] },
      work(clock, () => 1),
      clock,
    ).run();
    expect(tallies[0]!.service.count).toBeGreaterThan(97);
    expect(tallies[0]!.service.count).toBeLessThan(102);
  });

  it('stops when told to and says that it is incomplete', async () => {
    const clock = new VirtualClock();
    const run: PhaseRun = new PhaseRun(
      closed,
      work(clock, (k) => {
        if (k > 200) run.stop();
        return 1;
      }),
      clock,
    );
    const result = await run.run();
    expect(result.complete).toBe(false);
    expect(result.tallies[0]!.service.count).toBeLessThan(60);
  });
});

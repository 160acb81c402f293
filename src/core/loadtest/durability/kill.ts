import { CounterDraw } from '../stream/draw.ts';
import type { DurabilityBench } from './bench.ts';
import { type CrashOutcome, judgeCrash, type MethodData, summarize } from './contract.ts';

const shortestMs = 250;
const longestMs = 400;
const autocheckpointPages = 1000;

/** For the tests of the instrument. */
export interface KillOptions {
  readonly acknowledgeEarly?: boolean;
}

/**
 * SIGKILL in the middle of the load, again and again. It tests the acknowledgement and that transactions are whole; the
 * kernel keeps what was written, so it never tests fsync.
 */
export async function runKills(bench: DurabilityBench, options: KillOptions = {}): Promise<MethodData> {
  const { cycles, synchronous, seed } = bench.request;
  const draw = new CounterDraw(seed, 10);
  const progress = bench.context.progress.start({
    id: 'loadtest.durability.kill',
    label: 'kill -9',
    unit: 'steps',
    total: cycles,
  });
  const outcomes: CrashOutcome[] = [];
  const kept: string[] = [];
  let acknowledged = 0;
  try {
    for (let cycle = 0; cycle < cycles; cycle++) {
      const afterMs = shortestMs + draw.start(cycle).uniform() * (longestMs - shortestMs);
      const { outcome, told, image } = await killOnce(bench, cycle, afterMs, options);
      acknowledged += told;
      outcomes.push(outcome);
      if (outcome.broken) kept.push(bench.keepImage(image, `kill-${cycle}`));
      bench.removeImage(image);
      progress.advance(1);
    }
  } finally {
    progress.done();
  }
  return summarize({ method: 'kill', synchronous, cycles, cuts: 0, acknowledged, kept }, outcomes);
}

async function killOnce(
  bench: DurabilityBench,
  cycle: number,
  afterMs: number,
  options: KillOptions,
): Promise<{ outcome: CrashOutcome; told: number; image: string }> {
  const { writers, groupSize, synchronous } = bench.request;
  const { clock, signal } = bench.context;
  const image = bench.scratch.copyBase(cycle + 1);
  const running = Array.from({ length: writers }, (_, writer) =>
    bench.startWriter({
      path: image,
      writer,
      synchronous,
      autocheckpointPages,
      groupSize,
      acknowledgeEarly: options.acknowledgeEarly === true,
    }),
  );
  try {
    await Promise.all(running.map((writer) => writer.ready));
    await clock.sleep(afterMs, signal);
  } finally {
    await Promise.all(running.map((writer) => writer.kill()));
  }
  const told = running.map((writer) => writer.acknowledged());
  const state = await bench.check(image, writers);
  const promised = told.map((number) => ({ told: number, promised: number }));
  return { outcome: judgeCrash(state, promised, groupSize), told: told.reduce((a, b) => a + b, 0), image };
}

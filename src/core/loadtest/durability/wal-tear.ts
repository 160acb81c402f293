import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CounterDraw } from '../stream/draw.ts';
import type { DurabilityBench } from './bench.ts';
import { type CrashOutcome, judgeCrash, type MethodData, summarize } from './contract.ts';

/** No checkpoint at all, so that the WAL holds every commit. */
const noCheckpoint = 0;
const tornBytes = 512;

/**
 * Cuts or tears the WAL behind a known commit. It works without a compiler and tests recovery, but it assumes that every
 * commit was synced: it cannot convict a disk, or OFF.
 */
export async function runWalTears(bench: DurabilityBench): Promise<MethodData> {
  const { cuts, seed, synchronous, groupSize, transactions } = bench.request;
  const path = bench.scratch.copyBase(9001);
  const acknowledgements = join(bench.scratch.folder, 'acknowledged-tear');
  const writer = bench.startWriter({
    path,
    writer: 0,
    synchronous,
    autocheckpointPages: noCheckpoint,
    groupSize,
    transactions,
    acknowledgements,
    withWalSize: true,
  });
  try {
    await writer.ready;
    await writer.finished();
  } finally {
    await writer.kill();
  }
  const commits = readFileSync(acknowledgements, 'utf8').trim().split('\n').map(readCommit);
  const database = readFileSync(path);
  const wal = readFileSync(`${path}-wal`);
  bench.removeImage(path);
  const draw = new CounterDraw(seed, 12);
  const image = join(bench.scratch.folder, 'tear.db');
  const progress = bench.context.progress.start({
    id: 'loadtest.durability.tear',
    label: 'torn WALs',
    unit: 'steps',
    total: cuts,
  });
  const outcomes: CrashOutcome[] = [];
  const kept: string[] = [];
  let acknowledged = 0;
  try {
    for (let number = 0; number < cuts; number++) {
      draw.start(number);
      const length = 1 + draw.integer(wal.length);
      const torn = new Uint8Array(wal.subarray(0, length));
      if (draw.uniform() < 0.5) torn.fill(0xa5, Math.max(0, length - tornBytes));
      // Whatever ended before the last sector is untouched by the tear.
      const untouched = commits.filter((commit) => commit.walBytes <= length - tornBytes);
      const told = untouched.at(-1)?.number ?? 0;
      bench.removeImage(image);
      writeFileSync(image, database);
      writeFileSync(`${image}-wal`, torn);
      const state = await bench.check(image, 1);
      // The commit that ended in the last sector may be there as well, and the one behind it was never whole.
      const outcome = judgeCrash(state, [{ told, promised: told }], 2 * groupSize);
      acknowledged += told;
      outcomes.push(outcome);
      if (outcome.broken) {
        writeFileSync(image, database);
        writeFileSync(`${image}-wal`, torn);
        kept.push(bench.keepImage(image, `tear-${number}`));
      }
      progress.advance(1);
    }
  } finally {
    bench.removeImage(image);
    progress.done();
  }
  return summarize({ method: 'wal-tear', synchronous, cycles: 0, cuts, acknowledged, kept }, outcomes);
}

function readCommit(line: string): { number: number; walBytes: number } {
  const [number = '0', walBytes = '0'] = line.split(' ');
  return { number: Number(number), walBytes: Number(walBytes) };
}

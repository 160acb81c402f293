import type { Sample } from '../../src/core/monitor/sample.ts';

/** A sample of a busy database with one writer and one reader; `parts` replace its fields. */
export function makeSample(parts: Partial<Sample> = {}): Sample {
  return {
    at: '2026-03-01T14:02:11.250Z',
    monotonicMs: 60_000,
    generation: 1,
    mode: 'wal',
    holders: 'visible',
    commits: 12_720,
    walResets: 4,
    frames: 40_000,
    checkpointedFrames: 38_000,
    checkpoints: 40,
    mxFrame: 4149,
    backfilled: 444,
    backlogBytes: 15_264_600,
    walFileBytes: 17_100_000,
    databaseBytes: 1_040_000_000,
    pageSizeBytes: 4096,
    pageCount: 253_906,
    freePages: 3938,
    connectedProcesses: 2,
    locks: [
      { pid: 4123, startTime: '1', command: 'node report.js', bytes: ['DMS', 'READ1'], heldAtLeastMs: 61_000 },
      { pid: 977, startTime: '2', command: 'node engine.js --live', bytes: ['DMS', 'WRITE'], heldAtLeastMs: 40 },
    ],
    pinned: [],
    writeLockBusyRatio: 0.04,
    cachedBytes: 1_000_000,
    diskFreeBytes: 1_600_000_000,
    objects: [
      { object: 'trades', kind: 'table', table: 'trades', pages: 121_004, frames: 9000, estimated: false },
      { object: 'trades_ts', kind: 'index', table: 'trades', pages: 31_877, frames: 4000, estimated: false },
      { object: 'audit', kind: 'table', table: 'audit', pages: 90_000, frames: 0, estimated: false },
    ],
    coverage: 1,
    unknownFrames: 0,
    tornReads: 0,
    lateTicks: 0,
    tickMs: 1,
    ...parts,
  };
}

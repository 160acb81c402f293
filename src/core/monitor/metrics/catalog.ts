import type { Metric } from '../../report.ts';
import { isOwn } from '../lock/own-lease.ts';
import type { ObjectWrites, PinnedReader, Sample } from '../sample.ts';

interface Series {
  readonly name: string;
  readonly type: Metric['type'];
  readonly help: string;
  /** Null where it cannot be known. */
  readonly value: (sample: Sample) => number | null;
}

/** A backup of ours ends by itself: an alert on it would be a false one. */
function foreign(sample: Sample): PinnedReader[] {
  return sample.pinned.filter(({ holders }) => !isOwn(holders));
}

/** Every series of a sample, in one table: exposition, documentation and the test that moves each of them read it. */
export const catalog: readonly Series[] = [
  { name: 'commits_total', type: 'counter', help: 'Commits of all processes.', value: (s) => s.commits },
  { name: 'wal_resets_total', type: 'counter', help: 'Times the WAL was started again.', value: (s) => s.walResets },
  { name: 'wal_frames_total', type: 'counter', help: 'Frames written into the WAL.', value: (s) => s.frames },
  {
    name: 'checkpointed_frames_total',
    type: 'counter',
    help: 'Frames copied from the WAL into the database file.',
    value: (s) => s.checkpointedFrames,
  },
  {
    name: 'checkpoints_total',
    type: 'counter',
    help: 'Times a checkpoint made progress.',
    value: (s) => s.checkpoints,
  },
  { name: 'late_ticks_total', type: 'counter', help: 'Looks that were skipped.', value: (s) => s.lateTicks },
  { name: 'torn_reads_total', type: 'counter', help: 'Looks that found no whole header.', value: (s) => s.tornReads },
  {
    name: 'generation_changes_total',
    type: 'counter',
    help: 'Times the counters had to start again.',
    value: (s) => s.generation - 1,
  },
  {
    name: 'wal_backlog_bytes',
    type: 'gauge',
    help: 'WAL content that is not checkpointed.',
    value: (s) => s.backlogBytes,
  },
  {
    name: 'database_present',
    type: 'gauge',
    help: '1 while there is a file at the path of the database.',
    value: (s) => (s.mode === 'absent' ? 0 : 1),
  },
  { name: 'wal_file_bytes', type: 'gauge', help: 'Size of the -wal file.', value: (s) => s.walFileBytes },
  { name: 'database_bytes', type: 'gauge', help: 'Size of the database file.', value: (s) => s.databaseBytes },
  { name: 'free_pages', type: 'gauge', help: 'Empty pages in the database file.', value: (s) => s.freePages },
  {
    name: 'connected_processes',
    type: 'gauge',
    help: 'Processes that hold a lock on the database.',
    value: (s) => s.connectedProcesses,
  },
  {
    name: 'write_lock_busy_ratio',
    type: 'gauge',
    help: 'Share of looks in which the write lock was held.',
    value: (s) => s.writeLockBusyRatio,
  },
  {
    name: 'pinned_reader_seconds',
    type: 'gauge',
    help: 'Age of the reader that stops the checkpoint; 0 without one.',
    value: (s) => Math.max(0, ...foreign(s).map((reader) => reader.heldAtLeastMs)) / 1000,
  },
  {
    name: 'pinned_reader_lag_frames',
    type: 'gauge',
    help: 'Frames that the reader which stops the checkpoint is behind; 0 without one.',
    value: (s) => Math.max(0, ...foreign(s).map((reader) => reader.lagFrames)),
  },
  {
    name: 'attribution_coverage_ratio',
    type: 'gauge',
    help: 'Share of the commits whose frames were seen.',
    value: (s) => s.coverage,
  },
  {
    name: 'unattributed_frames_total',
    type: 'counter',
    help: 'Frames whose table or index is not known.',
    value: (s) => s.unknownFrames,
  },
  {
    name: 'page_cache_bytes',
    type: 'gauge',
    help: 'Bytes of the database and its WAL that the kernel holds in memory.',
    value: (s) => s.cachedBytes,
  },
  { name: 'disk_free_bytes', type: 'gauge', help: 'Free space on the file system.', value: (s) => s.diskFreeBytes },
];

/** The series of each table and index. */
export const objectSeries: readonly (Omit<Series, 'value'> & { readonly value: (object: ObjectWrites) => number })[] = [
  {
    name: 'object_written_frames_total',
    type: 'counter',
    help: 'WAL frames written to a table or index.',
    value: (object) => object.frames,
  },
  {
    name: 'object_pages',
    type: 'gauge',
    help: 'Pages of a table or index, overflow pages not counted.',
    value: (object) => object.pages,
  },
];

/** The series with the values of one sample; `database` is its name in the labels. */
export function metricsOf(sample: Sample, database: string): Metric[] {
  const single = catalog.flatMap(({ value, ...series }) => {
    const now = value(sample);
    return now === null ? [] : [{ ...series, value: now, labels: { database } }];
  });
  const perObject = objectSeries.flatMap(({ value, ...series }) =>
    sample.objects.map((object) => ({
      ...series,
      value: value(object),
      labels: { database, object: object.object, kind: object.kind },
    })),
  );
  return [...single, ...perObject];
}

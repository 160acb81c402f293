import type { Finding, Metric } from '../../report.ts';

/** What the archiver of a database says about itself; it may run anywhere, as long as it shares the state directory. */
export interface ArchiveFacts {
  readonly running: boolean;
  /** It ended by itself, not by a crash. */
  readonly ended: boolean;
  readonly pid: number;
  /** When everything that was committed was durable in the repository for the last time (ms since 1970). */
  readonly durableAtMs: number | null;
  readonly commits: number;
  readonly segments: number;
  readonly gaps: number;
  /** Recorded here, and not on the server of the repository yet. */
  readonly spoolBytes: number;
  /** Why nothing can be written at the moment. */
  readonly problem: string | null;
}

interface ArchiveSeries {
  readonly name: string;
  readonly type: Metric['type'];
  readonly help: string;
  readonly value: (facts: ArchiveFacts) => number | null;
}

/** The series of the archiver; a counter starts at 0 with each of its runs. */
export const archiveSeries: readonly ArchiveSeries[] = [
  {
    name: 'archive_running',
    type: 'gauge',
    help: '1 while the archiver says that it runs.',
    value: ({ running }) => (running ? 1 : 0),
  },
  {
    name: 'archive_blocked',
    type: 'gauge',
    help: '1 while the archiver cannot write into the repository.',
    value: ({ running, problem }) => (running && problem !== null ? 1 : 0),
  },
  {
    name: 'archive_durable_timestamp_seconds',
    type: 'gauge',
    help: 'Last time at which every commit was durable in the repository.',
    value: ({ durableAtMs }) => (durableAtMs === null ? null : durableAtMs / 1000),
  },
  {
    name: 'archive_spool_bytes',
    type: 'gauge',
    help: 'Archived commits that wait for the server of the repository.',
    value: ({ spoolBytes }) => spoolBytes,
  },
  { name: 'archive_commits_total', type: 'counter', help: 'Commits that were archived.', value: (f) => f.commits },
  { name: 'archive_segments_total', type: 'counter', help: 'Segments that were written.', value: (f) => f.segments },
  {
    name: 'archive_gaps_total',
    type: 'counter',
    help: 'Times that the archive had to begin anew with a base backup.',
    value: (f) => f.gaps,
  },
];

export function archiveMetrics(facts: ArchiveFacts | undefined, database: string): Metric[] {
  if (facts === undefined) return [];
  return archiveSeries.flatMap(({ value, ...series }) => {
    const now = value(facts);
    return now === null ? [] : [{ ...series, value: now, labels: { database } }];
  });
}

/** An archiver that was ended on purpose is no fault; one that died or cannot write is. */
export function archiveFindings(facts: ArchiveFacts | undefined): Finding[] {
  if (facts === undefined || facts.ended) return [];
  if (!facts.running) {
    const message = `the archiver (pid ${facts.pid}) ended without a word: new commits are not archived`;
    return [{ id: 'archive.dead', severity: 'warning', message, hint: 'start it again: tradedb backup archive' }];
  }
  if (facts.problem === null) return [];
  const message = `the archiver cannot write: ${facts.problem}`;
  return [{ id: 'archive.blocked', severity: 'warning', message, hint: 'see the place of the repository' }];
}

import type { Finding } from '../../report.ts';
import type { AlertFacts } from '../alert-facts.ts';
import type { HistorySlice } from '../history/query.ts';
import type { ProbeFacts } from '../lock/probe.ts';
import type { QueryFacts } from '../queries/query-statistics.ts';
import type { Rates, SecondPoint } from '../rates.ts';
import type { Sample } from '../sample.ts';

export const views = ['overview', 'tables', 'locks', 'wal', 'alerts', 'queries', 'jobs', 'history'] as const;
export type View = (typeof views)[number];

export const sortKeys = ['age', 'pid', 'cmd'] as const;
export type SortKey = (typeof sortKeys)[number];

export const objectSortKeys = ['writes', 'pages', 'name'] as const;
export type ObjectSortKey = (typeof objectSortKeys)[number];

export const querySortKeys = ['time', 'calls', 'p99', 'name'] as const;
export type QuerySortKey = (typeof querySortKeys)[number];

/** Ranges of the history view, in milliseconds. */
export const historyRanges = [900_000, 3_600_000, 21_600_000, 86_400_000, 604_800_000, 2_592_000_000] as const;

/** One line of the view of jobs: something that the service did. */
export interface JobEvent {
  /** ISO time. */
  readonly at: string;
  readonly job: string;
  readonly result: string;
  readonly durationMs: number;
  readonly problem: string | undefined;
}

/** The state of one alert rule on the watched database. */
export interface AlertLine extends AlertFacts {
  readonly silenced: boolean;
}

/** Everything a frame shows. */
export interface DashboardState {
  /** File name of the database. */
  readonly database: string;
  /** Undefined until the first sample has come. */
  readonly sample: Sample | undefined;
  readonly points: readonly SecondPoint[];
  readonly rates: Rates;
  /** Frames per second by `kind name`. */
  readonly objectRates: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
  /** Undefined where nobody has evaluated the rules yet. */
  readonly alerts: readonly AlertLine[] | undefined;
  /** ISO time of the last progress of a checkpoint; undefined when none was seen. */
  readonly lastCheckpointAt: string | undefined;
  /** Samples per second that were asked for. */
  readonly rateHz: number;
  readonly view: View;
  readonly paused: boolean;
  readonly help: boolean;
  readonly sort: SortKey;
  readonly objectSort: ObjectSortKey;
  readonly querySort: QuerySortKey;
  /** Seconds that the screen is behind the present; 0: it is live. */
  readonly back: number;
  /** Line under the mark in the views of tables and locks. */
  readonly selected: number;
  /** The marked line is shown by itself. */
  readonly detail: boolean;
  /** Length of the history view. */
  readonly rangeMs: number;
  readonly queries: QueryFacts;
  /** What tries for the write lock found; undefined without `--probe`. */
  readonly probe: ProbeFacts | undefined;
  /** Newest first; undefined where no service keeps a history. */
  readonly jobs: readonly JobEvent[] | undefined;
  readonly history: HistorySlice | undefined;
  /** Rates of the objects in the seconds before, oldest first. */
  readonly trail: readonly Readonly<Record<string, number>>[];
  readonly filter: string;
  /** The filter is being typed. */
  readonly typing: boolean;
  /** What happened to the sampler, such as a restart; undefined when all is well. */
  readonly notice: string | undefined;
  /** The keys line is drawn. */
  readonly keys: boolean;
}

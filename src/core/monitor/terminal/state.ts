import type { Finding } from '../../report.ts';
import type { Rates, SecondPoint } from '../rates.ts';
import type { Sample } from '../sample.ts';

export const views = ['overview', 'tables', 'locks', 'wal', 'findings'] as const;
export type View = (typeof views)[number];

export const sortKeys = ['age', 'pid', 'cmd'] as const;
export type SortKey = (typeof sortKeys)[number];

export const objectSortKeys = ['writes', 'pages', 'name'] as const;
export type ObjectSortKey = (typeof objectSortKeys)[number];

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
  /** ISO time of the last progress of a checkpoint; undefined when none was seen. */
  readonly lastCheckpointAt: string | undefined;
  /** Samples per second that were asked for. */
  readonly rateHz: number;
  readonly view: View;
  readonly paused: boolean;
  readonly help: boolean;
  readonly sort: SortKey;
  readonly objectSort: ObjectSortKey;
  readonly filter: string;
  /** The filter is being typed. */
  readonly typing: boolean;
  /** What happened to the sampler, such as a restart; undefined when all is well. */
  readonly notice: string | undefined;
  /** The keys line is drawn. */
  readonly keys: boolean;
}

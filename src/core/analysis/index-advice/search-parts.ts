import type { OperationContext } from '../../context.ts';
import type { Candidate } from '../candidates/candidate.ts';
import type { Meter, Objective } from '../cost/meter.ts';
import type { Configuration, StudiedQuery } from '../cost/studied-query.ts';
import type { ConfigurationPlanner } from '../shadow/configuration-planner.ts';

export interface SearchLimits {
  readonly maxIndexes: number;
  readonly sizeBudgetBytes: number;
  readonly fileBytes: number;
  /** No read may become slower than this multiple. */
  readonly maxSlowdown: number;
  /** Share of the remaining cost that is saved over share of the file that is used. */
  readonly gainFloor: number;
  /** Share of the time of the reads below which a step is not worth it. */
  readonly minimumGain: number;
  readonly started: number;
  readonly deadline: number;
}

export interface TableSize {
  readonly bytes: number;
  readonly columns: number;
}

export interface SearchParts {
  readonly candidates: readonly Candidate[];
  /** Estimated from a sample. */
  readonly bytesOf: (candidate: Candidate) => number;
  readonly estimatedBytes: (index: string) => number;
  /** Gives the planner statistics of further candidates; false when SQLite refuses one. */
  readonly learn: (candidate: Candidate) => boolean;
  readonly sizeOf: (table: string) => TableSize;
  readonly queries: readonly StudiedQuery[];
  readonly planner: ConfigurationPlanner;
  readonly meter: Meter;
  readonly context: OperationContext;
  readonly limits: SearchLimits;
  /** The seeded chance of the run. */
  readonly chance: () => number;
}

export interface SearchResult {
  readonly configuration: Configuration;
  readonly objective: Objective;
  /** Sets that keep the limits and of which no other is both smaller and quicker, the smallest first. */
  readonly frontier: readonly { readonly added: readonly string[]; readonly totalMs: number; readonly bytes: number }[];
  readonly rejected: ReadonlyMap<string, string>;
  readonly complete: boolean;
}

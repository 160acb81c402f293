import type { SqlParameters } from '../../sqlite/statement.ts';
import type { StatementUse } from '../candidates/used-columns.ts';
import type { ParameterSet, WorkloadQuery } from '../workload/workload.ts';

/** A text with its values. */
export interface Statement {
  readonly sql: string;
  readonly values: SqlParameters;
}

/** A query of the workload that can be planned and run. */
export interface StudiedQuery {
  readonly query: WorkloadQuery;
  readonly isWrite: boolean;
  /** Parameter sets that are measured, most frequent first. */
  readonly sets: readonly ParameterSet[];
  readonly use: StatementUse;
}

/** An arrangement of indexes: what is there beside the schema, and what of it is taken away. */
export interface Configuration {
  readonly added: readonly string[];
  readonly dropped: readonly string[];
}

export const currentIndexes: Configuration = { added: [], dropped: [] };

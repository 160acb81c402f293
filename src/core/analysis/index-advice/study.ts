import type { Connection } from '../../sqlite/connection.ts';
import { btreesByRoot, statementUse } from '../candidates/used-columns.ts';
import { variablesOf } from '../cost/bind-values.ts';
import type { StudiedQuery } from '../cost/studied-query.ts';
import { statementFault } from '../queries/plan-query.ts';
import type { ParameterSet, WorkloadQuery } from '../workload/workload.ts';

/** Parameter sets that are measured in the search; the others count in the confirmation. */
const measuredSets = 4;

export interface Study {
  readonly queries: readonly StudiedQuery[];
  /** Statements that take no part, with the reason. */
  readonly left: readonly { readonly name: string; readonly reason: string; readonly broken: boolean }[];
}

/** Prepares every query of a workload on the schema and reads from its bytecode what it touches. */
export function studyWorkload(queries: readonly WorkloadQuery[], schema: Connection): Study {
  const roots = btreesByRoot(schema);
  const studied: StudiedQuery[] = [];
  const left: { name: string; reason: string; broken: boolean }[] = [];
  for (const query of queries) {
    const sets = mostFrequent(query.tuning);
    if (sets.some((set) => Object.keys(set.values).length === 0 && variablesOf(set.sql).length > 0)) {
      left.push({ name: query.name, reason: 'no parameter values are known', broken: false });
      continue;
    }
    try {
      const first = sets[0];
      if (first === undefined) continue;
      const use = statementUse(schema, first, roots);
      studied.push({ query, isWrite: !schema.prepare(query.sql).readOnly, sets, use });
    } catch (error) {
      left.push({ name: query.name, reason: statementFault(error), broken: true });
    }
  }
  return { queries: studied, left };
}

function mostFrequent(sets: readonly ParameterSet[]): ParameterSet[] {
  return [...sets].sort((a, b) => b.executions - a.executions).slice(0, measuredSets);
}

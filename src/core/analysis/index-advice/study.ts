import { nameOf, tokenize } from '../../schema/sql-lexer.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { btreesByRoot, type StatementUse, statementUse } from '../candidates/used-columns.ts';
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
      const use = withGenerated(statementUse(schema, first, roots), query.sql, schema);
      studied.push({ query, isWrite: !schema.prepare(query.sql).readOnly, sets, use });
    } catch (error) {
      left.push({ name: query.name, reason: statementFault(error), broken: true });
    }
  }
  return { queries: studied, left };
}

/** A virtual generated column is computed and never read, so the bytecode does not name it; the text does. */
function withGenerated(use: StatementUse, sql: string, schema: Connection): StatementUse {
  const words = new Set(tokenize(sql).map((token) => nameOf(token)?.toLowerCase()));
  const columns = new Map([...use.columns].map(([table, names]) => [table, new Set(names)]));
  for (const table of use.tables) {
    const generated = schema.all<{ name: string }>('SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 2', [table]);
    for (const { name } of generated) {
      if (words.has(name.toLowerCase())) columns.set(table, (columns.get(table) ?? new Set()).add(name));
    }
  }
  return { ...use, columns };
}

function mostFrequent(sets: readonly ParameterSet[]): ParameterSet[] {
  return [...sets].sort((a, b) => b.executions - a.executions).slice(0, measuredSets);
}

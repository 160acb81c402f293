import type { SqlParameters, SqlValue } from '../../sqlite/statement.ts';
import { encodeValue } from './parameter-value.ts';
import type { ParameterSet, Workload, WorkloadQuery } from './workload.ts';

/** A workload as one annotated SQL file, which reads back to the same queries, weights and sample of values. */
export function workloadText(workload: Workload): string {
  const { engine, period } = workload;
  const head = [
    ...(period === null ? [] : [`-- @period ${oneLine(period)}`]),
    ...(engine === null
      ? []
      : [
          `-- @engine ${JSON.stringify({ engine: engine.name, sqliteVersion: engine.sqliteVersion, stat4: engine.stat4, pragmas: engine.pragmas })}`,
        ]),
  ];
  return [...head, ...workload.queries.flatMap(queryLines)].join('\n');
}

function queryLines(query: WorkloadQuery): string[] {
  const sets = interleaved(query);
  const total = sets.reduce((sum, set) => sum + set.executions, 0);
  const texts = [...new Set(sets.map((set) => set.sql))];
  // IN lists of other lengths are other texts of the same query; the reader puts them together again.
  return texts.flatMap((sql) => {
    const own = sets.filter((set) => set.sql === sql);
    const share = own.reduce((sum, set) => sum + set.executions, 0) / total;
    return [
      '',
      `-- @name ${oneLine(query.name)}`,
      `-- @weight ${query.weight * share}`,
      ...query.pragmas.map((pragma) => `-- @pragma ${pragma}`),
      ...own.filter(hasValues).map((set) => `-- @params ${valuesText(set.values)}${repeated(set)}`),
      `${sql.trim().replace(/;$/, '')};`,
    ];
  });
}

/** Every third set is kept aside when the file is read: the same ones as before. */
function interleaved({ tuning, heldOut }: WorkloadQuery): ParameterSet[] {
  const [open, aside] = [[...tuning], [...heldOut]];
  const sets: ParameterSet[] = [];
  while (open.length > 0 || aside.length > 0) {
    const next = sets.length % 3 === 2 ? (aside.shift() ?? open.shift()) : (open.shift() ?? aside.shift());
    if (next !== undefined) sets.push(next);
  }
  return sets;
}

function hasValues({ values }: ParameterSet): boolean {
  return Object.keys(values).length > 0;
}

function repeated({ executions }: ParameterSet): string {
  return executions === 1 ? '' : ` x${executions}`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}

function valuesText(values: SqlParameters): string {
  if (Array.isArray(values)) return `[${values.map(valueText).join(', ')}]`;
  const entries = Object.entries(values as Readonly<Record<string, SqlValue>>);
  return `{${entries.map(([name, value]) => `${JSON.stringify(name)}: ${valueText(value)}`).join(', ')}}`;
}

/** A real number keeps its point, because `1` would be read as an integer. */
function valueText(value: SqlValue): string {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value.toFixed(1);
  return JSON.stringify(encodeValue(value));
}

import type { Token } from '../../schema/sql-lexer.ts';
import { splitStatements } from '../../schema/statement-split.ts';
import type { SqlParameters } from '../../sqlite/statement.ts';
import type { EngineFacts } from '../settings/engine-advice.ts';
import { fingerprint } from './fingerprint.ts';
import { ParameterSample } from './parameter-sample.ts';
import { derivedName, uniqueName } from './query-name.ts';
import { refusedStatement } from './statement-guard.ts';
import type { Workload } from './workload.ts';

interface Growing {
  readonly name: string;
  readonly sql: string;
  weight: number;
  readonly pragmas: Set<string>;
  readonly sample: ParameterSample;
}

export interface Execution {
  readonly sql: string;
  /** Tokens of the text when the caller has them. */
  readonly tokens?: readonly Token[];
  readonly name?: string | undefined;
  /** Executions per period that it adds to its query. */
  readonly weight: number;
  readonly sets: readonly { values: SqlParameters; executions: number }[];
  readonly pragmas?: readonly string[];
}

/** Gathers the statements of any number of files into queries. */
export class WorkloadBuilder {
  readonly #chance: () => number;
  readonly #queries = new Map<string, Growing>();
  readonly #names = new Set<string>();
  readonly #skipped = new Map<string, number>();
  /** Fingerprints and refusals by text: a capture file repeats the same texts. */
  readonly #shapes = new Map<string, { fingerprint: string; tokens: readonly Token[] } | { refused: string }>();
  engine: EngineFacts | null = null;
  period: string | null = null;

  constructor(chance: () => number) {
    this.#chance = chance;
  }

  skip(reason: string): void {
    this.#skipped.set(reason, (this.#skipped.get(reason) ?? 0) + 1);
  }

  add(execution: Execution): void {
    const shape = this.#shape(execution.sql, execution.tokens);
    if ('refused' in shape) {
      this.skip(shape.refused);
      return;
    }
    const query = this.#queries.get(shape.fingerprint) ?? this.#start(execution, shape);
    query.weight += execution.weight;
    for (const pragma of execution.pragmas ?? []) query.pragmas.add(pragma);
    for (const set of execution.sets) query.sample.add(execution.sql, set.values, set.executions);
  }

  #start(execution: Execution, shape: { fingerprint: string; tokens: readonly Token[] }): Growing {
    const name = uniqueName(execution.name ?? derivedName(shape.tokens), this.#names);
    this.#names.add(name);
    const sample = new ParameterSample(this.#chance);
    const query: Growing = { name, sql: execution.sql, weight: 0, pragmas: new Set(), sample };
    this.#queries.set(shape.fingerprint, query);
    return query;
  }

  #shape(sql: string, known?: readonly Token[]) {
    const found = this.#shapes.get(sql);
    if (found !== undefined) return found;
    const shape = examine(sql, known);
    if (this.#shapes.size < 50_000) this.#shapes.set(sql, shape);
    return shape;
  }

  finish(files: readonly string[]): Workload {
    return {
      files,
      queries: [...this.#queries].map(([key, query]) => ({
        fingerprint: key,
        name: query.name,
        sql: query.sql,
        weight: query.weight,
        ...query.sample.split(),
        pragmas: [...query.pragmas],
      })),
      engine: this.engine,
      period: this.period,
      skipped: [...this.#skipped].map(([reason, count]) => ({ reason, count })),
    };
  }
}

function examine(sql: string, known: readonly Token[] | undefined) {
  let tokens = known;
  if (tokens === undefined) {
    const { statements } = splitStatements(sql);
    if (statements.length > 1) return { refused: 'more than one statement in one text' };
    tokens = statements[0]?.tokens ?? [];
  }
  const refused = refusedStatement(tokens);
  return refused === undefined ? { fingerprint: fingerprint(sql), tokens } : { refused };
}

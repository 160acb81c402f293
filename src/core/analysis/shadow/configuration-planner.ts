import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { IndexDefinition } from '../candidates/index-definition.ts';
import { btreesByRoot, statementUse } from '../candidates/used-columns.ts';
import type { Configuration, StudiedQuery } from '../cost/studied-query.ts';
import { explainPlan, type PlanStep, planText } from '../query-plan/plan.ts';
import { type IndexStatistics, writeIndexStatistics } from './index-statistics.ts';

export interface ConfiguredPlan {
  readonly steps: readonly PlanStep[];
  readonly text: string;
  /** Indexes that the plan names. */
  readonly indexes: ReadonlySet<string>;
  /** Indexes that the statement maintains, in its triggers and cascades too; empty for a read. */
  readonly maintained: readonly string[];
}

/** Tells the plans of statements under any arrangement of indexes, in a schema without rows: nothing is built for it. */
export class ConfigurationPlanner {
  readonly #shadow: Connection;
  readonly #definitions = new Map<string, { definition: IndexDefinition; statistics: IndexStatistics }>();
  readonly #cache = new Map<string, ConfiguredPlan[]>();

  /** The same for an engine that was built without STAT4; null when this is such a planner itself. */
  readonly plain: ConfigurationPlanner | null;

  /** `shadow` stays open and as it is. */
  constructor(shadow: Connection, plain: ConfigurationPlanner | null = null) {
    this.#shadow = shadow;
    this.plain = plain;
  }

  /** Makes an index known; a second call replaces its statistics. */
  know(definition: IndexDefinition, statistics: IndexStatistics): void {
    if (this.#definitions.has(definition.name)) this.#forget(definition.name);
    this.#definitions.set(definition.name, { definition, statistics });
    this.plain?.know(definition, { ...statistics, stat4: [] });
  }

  #forget(index: string): void {
    const named = JSON.stringify(index);
    for (const key of this.#cache.keys()) if (key.includes(named)) this.#cache.delete(key);
  }

  /** Indexes that queries use; those of an engine without STAT4 as well where its plans count. */
  used(configuration: Configuration, queries: readonly StudiedQuery[], options: { plain: boolean }): Set<string> {
    const others = options.plain ? this.plain?.plans(configuration, queries) : undefined;
    const plans = [...this.plans(configuration, queries), ...(others ?? [])];
    return new Set(plans.flat().flatMap((plan) => [...plan.indexes]));
  }

  /** Plans of each parameter set of each query. */
  plans(configuration: Configuration, queries: readonly StudiedQuery[]): ConfiguredPlan[][] {
    const keys = queries.map((query) => this.#key(configuration, query));
    const missing = queries.filter((_, index) => !this.#cache.has(keys[index] ?? ''));
    if (missing.length > 0) this.#arrange(configuration, () => this.#planAll(configuration, missing));
    return keys.map((key) => this.#cache.get(key) ?? []);
  }

  /** Only what lies on the tables of a query can change its plan. */
  #key(configuration: Configuration, { query, use, sets }: StudiedQuery): string {
    const near = configuration.added.filter((name) =>
      use.tables.has(this.#definitions.get(name)?.definition.table ?? ''),
    );
    return JSON.stringify([query.fingerprint, sets.length, near.sort(), [...configuration.dropped].sort()]);
  }

  #planAll(configuration: Configuration, queries: readonly StudiedQuery[]): void {
    const roots = btreesByRoot(this.#shadow);
    for (const studied of queries) {
      const plans = studied.sets.map((set) => {
        const steps = explainPlan(this.#shadow, set.sql, set.values);
        const written = studied.isWrite ? statementUse(this.#shadow, set, roots).written : new Set<string>();
        return { steps, text: planText(steps), indexes: namedIndexes(steps), maintained: [...written].sort() };
      });
      this.#cache.set(this.#key(configuration, studied), plans);
    }
  }

  #arrange(configuration: Configuration, work: () => void): void {
    const shadow = this.#shadow;
    shadow.begin();
    try {
      for (const name of configuration.dropped) shadow.exec(`DROP INDEX ${quoteIdentifier(name)}`);
      for (const name of configuration.added) {
        const known = this.#definitions.get(name);
        if (known === undefined) continue;
        shadow.exec(known.definition.sql);
        writeIndexStatistics(shadow, name, known.statistics);
      }
      shadow.exec('ANALYZE sqlite_schema');
      work();
    } finally {
      shadow.rollback();
    }
  }
}

export function namedIndexes(steps: readonly PlanStep[]): Set<string> {
  const found = new Set<string>();
  for (const { detail } of steps) {
    const name = /USING (?:COVERING )?INDEX (.+?)(?: \(.*\))?$/.exec(detail)?.[1];
    if (name !== undefined) found.add(name);
  }
  return found;
}

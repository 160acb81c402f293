import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { IndexDefinition, IndexTerm } from '../candidates/index-definition.ts';
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

/** Plans that were made beside a set of indexes. Sets are bits, because thousands of them are compared. */
interface Planned {
  readonly visible: bigint;
  readonly used: bigint;
  readonly plans: readonly ConfiguredPlan[];
}

interface Known {
  readonly definition: IndexDefinition;
  readonly statistics: IndexStatistics;
  readonly bit: bigint;
}

/** What is known of one query beside the same dropped indexes. */
interface Memory {
  /** What was known when `concerned` was put together. */
  readonly version: number;
  /** Indexes that may change its plan, or have to be maintained by it. */
  readonly concerned: bigint;
  readonly planned: Map<bigint, Planned>;
  readonly inferred: Map<bigint, readonly ConfiguredPlan[]>;
}

/** Tells the plans of statements under any arrangement of indexes, in a schema without rows: nothing is built for it. */
export class ConfigurationPlanner {
  readonly #shadow: Connection;
  readonly #definitions = new Map<string, Known>();
  /** By query, number of its sets and dropped indexes. */
  #version = 0;
  readonly #memories = new Map<string, Memory>();

  /** The same for an engine that was built without STAT4; null when this is such a planner itself. */
  readonly plain: ConfigurationPlanner | null;

  /** `shadow` stays open and as it is. */
  constructor(shadow: Connection, plain: ConfigurationPlanner | null = null) {
    this.#shadow = shadow;
    this.plain = plain;
  }

  /** Makes an index known; a second call replaces its statistics. */
  know(definition: IndexDefinition, statistics: IndexStatistics): void {
    const known = this.#definitions.get(definition.name);
    if (known !== undefined) this.#forget(known.bit);
    const bit = known?.bit ?? 1n << BigInt(this.#definitions.size);
    this.#definitions.set(definition.name, { definition, statistics, bit });
    this.#version += 1;
    this.plain?.know(definition, { ...statistics, stat4: [] });
  }

  #forget(bit: bigint): void {
    for (const { planned, inferred } of this.#memories.values()) {
      for (const one of [planned, inferred]) {
        for (const visible of one.keys()) if ((visible & bit) !== 0n) one.delete(visible);
      }
    }
  }

  /** Indexes that queries use; those of an engine without STAT4 as well where its plans count. */
  used(configuration: Configuration, queries: readonly StudiedQuery[], options: { plain: boolean }): Set<string> {
    const others = options.plain ? this.plain?.plans(configuration, queries) : undefined;
    const plans = [...this.plans(configuration, queries), ...(others ?? [])];
    return new Set(plans.flat().flatMap((plan) => [...plan.indexes]));
  }

  /** Plans of each parameter set of each query. */
  plans(configuration: Configuration, queries: readonly StudiedQuery[]): (readonly ConfiguredPlan[])[] {
    return this.#plansBy(configuration, queries, ({ planned }, visible) => planned.get(visible)?.plans);
  }

  /**
   * The same without planning where that is not needed: a plan that was chosen among more indexes stays the best one
   * when only indexes go that it does not use.
   */
  likelyPlans(configuration: Configuration, queries: readonly StudiedQuery[]): (readonly ConfiguredPlan[])[] {
    return this.#plansBy(configuration, queries, ({ planned, inferred }, visible, { isWrite }) => {
      const known = planned.get(visible)?.plans ?? inferred.get(visible);
      if (known !== undefined || isWrite) return known;
      for (const one of planned.values()) {
        if ((visible & ~one.visible) !== 0n || (one.used & ~visible) !== 0n) continue;
        inferred.set(visible, one.plans);
        return one.plans;
      }
      return undefined;
    });
  }

  #plansBy(
    configuration: Configuration,
    queries: readonly StudiedQuery[],
    find: (memory: Memory, visible: bigint, query: StudiedQuery) => readonly ConfiguredPlan[] | undefined,
  ): (readonly ConfiguredPlan[])[] {
    const dropped = [...configuration.dropped].sort().join('\0');
    const added = this.#bitsOf(configuration.added);
    const asked = queries.map((studied) => {
      const memory = this.#memoryOf(studied, dropped);
      const visible = added & memory.concerned;
      return { studied, memory, visible, plans: find(memory, visible, studied) };
    });
    const missing = asked.filter(({ plans }) => plans === undefined);
    if (missing.length > 0) {
      const near = missing.reduce((bits, { visible }) => bits | visible, 0n);
      const names = configuration.added.filter((name) => (near & this.#bitsOf([name])) !== 0n);
      this.#arrange({ added: names, dropped: configuration.dropped }, () => {
        const roots = btreesByRoot(this.#shadow);
        for (const one of missing) {
          one.plans = this.#planAll(one.studied, roots);
          const used = this.#bitsOf(one.plans.flatMap((plan) => [...plan.indexes]));
          one.memory.planned.set(one.visible, { visible: one.visible, used, plans: one.plans });
        }
      });
    }
    return asked.map(({ plans }) => plans ?? []);
  }

  #memoryOf(studied: StudiedQuery, dropped: string): Memory {
    const key = `${studied.query.fingerprint}\0${studied.sets.length}\0${dropped}`;
    const known = this.#memories.get(key);
    if (known?.version === this.#version) return known;
    let concerned = 0n;
    for (const one of this.#definitions.values()) if (concerns(studied, one)) concerned |= one.bit;
    const memory = {
      version: this.#version,
      concerned,
      planned: known?.planned ?? new Map(),
      inferred: known?.inferred ?? new Map(),
    };
    this.#memories.set(key, memory);
    return memory;
  }

  #bitsOf(names: readonly string[]): bigint {
    return names.reduce((bits, name) => bits | (this.#definitions.get(name)?.bit ?? 0n), 0n);
  }

  #planAll(studied: StudiedQuery, roots: ReturnType<typeof btreesByRoot>): ConfiguredPlan[] {
    return studied.sets.map((set) => {
      const steps = explainPlan(this.#shadow, set.sql, set.values);
      const written = studied.isWrite ? statementUse(this.#shadow, set, roots).written : new Set<string>();
      return { steps, text: planText(steps), indexes: namedIndexes(steps), maintained: [...written].sort() };
    });
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

function concerns({ isWrite, use }: StudiedQuery, { definition, statistics }: Known): boolean {
  const { terms, where, table } = definition;
  if (!use.tables.has(table)) return false;
  const columns = use.columns.get(table);
  const [first] = terms;
  if (isWrite || where !== undefined || columns === undefined) return true;
  if (first === undefined || first.column === null || columns.has(first.column)) return true;
  return maySkip(statistics) || isCovering(terms, columns);
}

/** SQLite skips over a first column only when each of its values stands in at least this many rows. */
const rowsToSkip = 18;

function maySkip({ stat1 }: IndexStatistics): boolean {
  const perKey = Number(stat1?.split(' ')[1]);
  return Number.isNaN(perKey) || perKey >= rowsToSkip;
}

function isCovering(terms: readonly IndexTerm[], columns: ReadonlySet<string>): boolean {
  const held = new Set(terms.map((term) => term.column));
  return [...columns].every((column) => held.has(column));
}

export function namedIndexes(steps: readonly PlanStep[]): Set<string> {
  const found = new Set<string>();
  for (const { detail } of steps) {
    const name = /USING (?:COVERING )?INDEX (.+?)(?: \(.*\))?$/.exec(detail)?.[1];
    if (name !== undefined) found.add(name);
  }
  return found;
}

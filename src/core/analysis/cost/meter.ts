import type { OperationContext } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { median } from '../../statistics/percentile.ts';
import type { IndexDefinition } from '../candidates/index-definition.ts';
import { statementFault } from '../queries/plan-query.ts';
import { planCost } from '../query-plan/plan-cost.ts';
import type { ConfigurationPlanner, ConfiguredPlan } from '../shadow/configuration-planner.ts';
import { readIndexStatistics } from '../shadow/index-statistics.ts';
import type { MeasureClient } from './measure-client.ts';
import { PlanTimes, type Timed } from './plan-times.ts';
import { type Configuration, currentIndexes, type Statement, type StudiedQuery } from './studied-query.ts';

/** What a workload costs under an arrangement of indexes, per period. */
export interface Objective extends Costs {
  /** In an engine that was built without STAT4; null when that does not matter. */
  readonly plain: Costs | null;
}

export interface Costs {
  readonly readMs: number;
  readonly writeMs: number;
  readonly totalMs: number;
  /** Mean time of an execution by fingerprint. */
  readonly perQuery: ReadonlyMap<string, number>;
}

export interface BuiltIndex {
  readonly definition: IndexDefinition;
  readonly buildMs: number;
  readonly bytes: number;
}

interface MeterParts {
  readonly client: MeasureClient;
  readonly planner: ConfigurationPlanner;
  /** The parent's connection on the copy: it reads statistics and sizes and runs nothing. */
  readonly copy: Connection;
  readonly context: OperationContext;
  /** Time for the first measurement of a statement. */
  readonly firstCapMs: number;
  /** About the time that one query may take in one arrangement: a slow one is measured with fewer of its sets. */
  readonly queryMs: number;
  /** The engine has no STAT4: its rows are removed again. */
  readonly stat4: boolean;
  /** The engine may be one without STAT4: what is chosen is measured with the plans of such a one too. */
  readonly holdPlain: boolean;
}

interface Arrangement {
  readonly configuration: Configuration;
  readonly plain: boolean;
}

/** The best of many: the first executions of a process are slow. Writes differ by microseconds and get more time. */
const executions = 300;
const readSpendMs = 12;
const writeSpendMs = 40;
/** A statement that takes this multiple of the best that is known is not repeated, and stopped at the second. */
const enoughFactor = 1.5;
const capFactor = 4;
/** Allowance for hiding the indexes that must not be seen, and for a machine that is busy. */
const capMs = 300;
/** Rounds in which two plans are run again in turn, where little decides between them. */
const settleRounds = 2;
/** A statement that reached its cap is booked with this multiple of the best that is known. */
const expiredFactor = 1.5;
/** A statement that did not end is taken for at most this multiple of its cap. */
const mostGuessed = 10;

/**
 * Measures the workload under arrangements of indexes. Each index is built once; a statement is run again only when the
 * plan is one that was not timed yet, so that noise never decides between two arrangements with the same plans.
 */
export class Meter {
  #parts: MeterParts;
  readonly #built = new Map<string, BuiltIndex>();
  readonly #times = new PlanTimes();
  readonly #settled = new Set<string>();
  /** Queries without a time, with the reason. */
  readonly unmeasured = new Map<string, string>();
  /** Queries that did not end at first: their present time is the planner's estimate, at least the cap. */
  readonly estimated = new Set<string>();
  readonly #setCounts = new Map<string, number>();
  /** Milliseconds per unit of the planner's cost, of each statement that ended. */
  readonly #ratios: number[] = [];

  constructor(parts: MeterParts) {
    this.#parts = parts;
  }

  /** Goes on with other statistics. Times stay: a statement with the same plan takes the same time. */
  replan(planner: ConfigurationPlanner, copy: Connection): void {
    this.#parts = { ...this.#parts, planner, copy };
  }

  get builtNames(): string[] {
    return [...this.#built.keys()];
  }

  built(name: string): BuiltIndex | undefined {
    return this.#built.get(name);
  }

  /** Builds an index on the copy; false when that took longer than the cap. */
  async build(definition: IndexDefinition, capMs: number): Promise<boolean> {
    if (this.#built.has(definition.name)) return true;
    const { client, copy, planner, context, stat4 } = this.#parts;
    const started = context.clock.now();
    if (!(await client.exec(definition.sql, capMs))) return false;
    const buildMs = context.clock.now() - started;
    const name = quoteIdentifier(definition.name);
    const forget = stat4 ? '' : '; DELETE FROM sqlite_stat4; ANALYZE sqlite_schema';
    if (!(await client.exec(`ANALYZE ${name}${forget}`, capMs))) return false;
    planner.know(definition, readIndexStatistics(copy, definition.table, definition.name));
    const pages = Number(
      copy.value('SELECT pageno FROM dbstat WHERE name = ? AND aggregate = TRUE', [definition.name]) ?? 0,
    );
    this.#built.set(definition.name, { definition, buildMs, bytes: pages * Number(copy.pragmaValue('page_size')) });
    return true;
  }

  bytesOf(names: readonly string[]): number {
    return names.reduce((sum, name) => sum + (this.#built.get(name)?.bytes ?? 0), 0);
  }

  async measure(configuration: Configuration, queries: readonly StudiedQuery[]): Promise<Objective> {
    const costs = await this.measureOwn(configuration, queries);
    return { ...costs, plain: this.#parts.holdPlain ? await this.measurePlain(configuration, queries) : null };
  }

  /** With the statistics that are there. */
  measureOwn(configuration: Configuration, queries: readonly StudiedQuery[]): Promise<Costs> {
    return this.#costs({ configuration, plain: false }, queries, this.#parts.planner);
  }

  /**
   * The same, undefined as soon as it is clear that the workload takes longer than `limitMs`: what is bad is left without
   * running all the slow statements that make it so.
   */
  async measureBelow(
    configuration: Configuration,
    queries: readonly StudiedQuery[],
    limitMs: number,
  ): Promise<Costs | undefined> {
    const plans = this.#parts.planner.plans(configuration, queries);
    const open = queries.map((studied, index) => {
      const own = plans[index] ?? [];
      const { weight } = studied.query;
      const least = this.#sumOf(studied, own, (set, plan) => this.#times.floor(set, plan)) * weight;
      const expected = this.#sumOf(studied, own, (set, plan) => this.#times.expected(set, plan)) * weight;
      return { studied, plans: own, least, expected };
    });
    let sum = open.reduce((total, { least }) => total + least, 0);
    for (const one of open.sort((a, b) => b.expected - b.least - (a.expected - a.least))) {
      if (sum > limitMs) return undefined;
      const mean = await this.#meanOf(one.studied, one.plans, { configuration, plain: false });
      sum += (mean ?? 0) * one.studied.query.weight - one.least;
    }
    return sum > limitMs ? undefined : this.measureOwn(configuration, queries);
  }

  /** What the workload is expected to take, or may at best, without running anything that was not run yet. */
  expect(
    configuration: Configuration,
    queries: readonly StudiedQuery[],
    options: { readonly plain: boolean; readonly hopeful: boolean },
  ): Costs {
    const { planner } = this.#parts;
    const plans = ((options.plain ? planner.plain : null) ?? planner).likelyPlans(configuration, queries);
    const timeOf = (set: Statement, plan: ConfiguredPlan): number =>
      options.hopeful ? this.#times.hoped(set, plan) : this.#times.expected(set, plan);
    return totals(
      queries,
      queries.map((studied, index) => this.#sumOf(studied, plans[index] ?? [], timeOf)),
    );
  }

  /** Built indexes that the best known plans of a query use. */
  quickest(studied: StudiedQuery): string[] {
    const plans = studied.sets.slice(0, this.setCount(studied)).map((set) => this.#times.quickest(set));
    return [...new Set(plans.flatMap((plan) => [...(plan?.indexes ?? [])]))].filter((name) => this.#built.has(name));
  }

  /** Runs a query under two arrangements in turn, so that what the machine did meanwhile is not taken for a difference. */
  async settle(studied: StudiedQuery, configuration: Configuration): Promise<void> {
    const { planner, client } = this.#parts;
    const [before, after] = [currentIndexes, configuration].map((one) => planner.plans(one, [studied])[0] ?? []);
    for (const [index, set] of studied.sets.slice(0, this.setCount(studied)).entries()) {
      const sides = [
        { plan: before?.[index], hidden: this.hidden(currentIndexes, studied) },
        { plan: after?.[index], hidden: this.hidden(configuration, studied) },
      ];
      const key = JSON.stringify([set.sql, index, ...sides.map(({ plan }) => plan?.text)]);
      if (this.#settled.has(key) || sides[0]?.plan?.text === sides[1]?.plan?.text) continue;
      this.#settled.add(key);
      for (let round = 0; round < settleRounds; round++) {
        for (const { plan, hidden } of sides) {
          if (plan === undefined) continue;
          const known = this.#times.get(set, plan);
          if (known === null || known === undefined || known.expired) continue;
          const target = { sql: set.sql, values: set.values, pragmas: studied.query.pragmas, hidden };
          const cap = known.ms * capFactor + capMs;
          const timing = await client.time(target, { executions, spendMs: readSpendMs, capMs: cap });
          if (timing !== undefined && timing.bestMs < known.ms)
            this.#times.set(set, plan, { ms: timing.bestMs, expired: false });
        }
      }
    }
  }

  /** Mean over the sets of a query that are measured, each counted as often as it is executed. */
  #sumOf(
    studied: StudiedQuery,
    plans: readonly ConfiguredPlan[],
    timeOf: (set: Statement, plan: ConfiguredPlan) => number,
  ): number {
    let sum = 0;
    let weight = 0;
    for (const [index, set] of studied.sets.slice(0, this.setCount(studied)).entries()) {
      const plan = plans[index];
      if (plan === undefined) continue;
      sum += timeOf(set, plan) * set.executions;
      weight += set.executions;
    }
    return weight === 0 ? 0 : sum / weight;
  }

  /** With plans from sqlite_stat1 alone; only what is planned otherwise has to run. Null without such a planner. */
  async measurePlain(configuration: Configuration, queries: readonly StudiedQuery[]): Promise<Costs | null> {
    const { plain } = this.#parts.planner;
    return plain === null ? null : await this.#costs({ configuration, plain: true }, queries, plain);
  }

  async #costs(
    arrangement: Arrangement,
    queries: readonly StudiedQuery[],
    planner: ConfigurationPlanner,
  ): Promise<Costs> {
    const plans = planner.plans(arrangement.configuration, queries);
    const means: (number | null)[] = [];
    for (const [index, studied] of queries.entries()) {
      throwIfCancelled(this.#parts.context.signal);
      means.push(await this.#meanOf(studied, plans[index] ?? [], arrangement));
    }
    return totals(queries, means);
  }

  async #meanOf(
    studied: StudiedQuery,
    plans: readonly ConfiguredPlan[],
    arrangement: Arrangement,
  ): Promise<number | null> {
    let sum = 0;
    let weight = 0;
    for (const [index, set] of studied.sets.entries()) {
      if (index >= this.setCount(studied)) break;
      const plan = plans[index];
      const time = plan === undefined ? null : await this.#timeOf(studied, set, plan, arrangement);
      if (time === null) return null;
      const { ms } = time;
      // A plan that was stopped once is as good as refused: the other sets would only take more time.
      if (time.expired) return weight === 0 ? ms : Math.max(ms, sum / weight);
      if (!this.#setCounts.has(studied.query.fingerprint)) {
        this.#setCounts.set(studied.query.fingerprint, Math.max(1, Math.floor(this.#parts.queryMs / ms)));
      }
      sum += ms * set.executions;
      weight += set.executions;
    }
    return weight === 0 ? null : sum / weight;
  }

  /** Queries with those of their sets that are measured: it would be in vain to plan the others in the search. */
  measured(queries: readonly StudiedQuery[]): StudiedQuery[] {
    return queries.map((studied) => ({ ...studied, sets: studied.sets.slice(0, this.setCount(studied)) }));
  }

  /** Decided once, so that all arrangements are measured with the same sets. */
  setCount({ query, sets }: StudiedQuery): number {
    return this.#setCounts.get(query.fingerprint) ?? sets.length;
  }

  async #timeOf(
    studied: StudiedQuery,
    set: Statement,
    plan: ConfiguredPlan,
    { configuration, plain }: Arrangement,
  ): Promise<Timed | null> {
    const known = this.#times.get(set, plan);
    if (known !== undefined) return known;
    const cost = planCost(plan.steps);
    const best = this.#times.best(set);
    const time = await this.#run(studied, { set, hidden: this.hidden(configuration, studied), plain, best, cost });
    this.#times.set(set, plan, time);
    return time;
  }

  async #run(
    studied: StudiedQuery,
    run: {
      set: Statement;
      hidden: string[];
      plain: boolean;
      best: number | undefined;
      cost: number;
    },
  ): Promise<Timed | null> {
    const { sql, values } = run.set;
    const cap = run.best === undefined ? this.#parts.firstCapMs : run.best * capFactor + capMs;
    const enoughMs = run.best === undefined ? this.#parts.firstCapMs / capFactor : run.best * enoughFactor;
    try {
      const target = { sql, values, pragmas: studied.query.pragmas, hidden: run.hidden, plain: run.plain };
      const spendMs = studied.isWrite ? writeSpendMs : readSpendMs;
      const timing = await this.#parts.client.time(target, { executions, spendMs, enoughMs, capMs: cap });
      if (timing !== undefined) {
        if (run.cost > 0) this.#ratios.push(timing.bestMs / run.cost);
        return { ms: timing.bestMs, expired: false };
      }
      if (run.best !== undefined) return { ms: Math.max(cap, run.best * expiredFactor), expired: true };
      this.estimated.add(studied.query.name);
      const guess = this.#ratios.length === 0 ? 0 : run.cost * median(this.#ratios);
      // Estimates of bad plans are off by powers of ten; one statement must not outweigh the whole workload for that.
      return { ms: Math.max(cap, Math.min(guess, cap * mostGuessed)), expired: true };
    } catch (error) {
      this.unmeasured.set(studied.query.name, statementFault(error));
      return null;
    }
  }

  /** What has to be switched off for a query: indexes that are built but not part of the arrangement. */
  hidden(configuration: Configuration, { use }: StudiedQuery): string[] {
    const strangers = [...this.#built.values()].filter(
      ({ definition }) => !configuration.added.includes(definition.name) && use.tables.has(definition.table),
    );
    return [...strangers.map(({ definition }) => definition.name), ...configuration.dropped];
  }
}

function totals(queries: readonly StudiedQuery[], means: readonly (number | null)[]): Costs {
  const perQuery = new Map<string, number>();
  let readMs = 0;
  let writeMs = 0;
  for (const [index, { query, isWrite }] of queries.entries()) {
    const mean = means[index];
    if (mean === null || mean === undefined) continue;
    perQuery.set(query.fingerprint, mean);
    if (isWrite) writeMs += mean * query.weight;
    else readMs += mean * query.weight;
  }
  return { readMs, writeMs, totalMs: readMs + writeMs, perQuery };
}

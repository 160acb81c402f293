import { throwIfCancelled } from '../../error.ts';
import type { Candidate } from '../candidates/candidate.ts';
import type { Costs, Objective } from '../cost/meter.ts';
import { type Configuration, currentIndexes } from '../cost/studied-query.ts';
import { mergedCandidates } from './favourites.ts';
import type { SearchParts } from './search-parts.ts';
import { StepJudge } from './step-judge.ts';

/** An arrangement of indexes with what was measured of it. */
export interface Found {
  readonly configuration: Configuration;
  readonly objective: Objective;
}

/** What a read counts by which it exceeds its limit, at first: another index may still put it right. */
const lenient = 3;
/** In the end it counts more than anything that can be saved elsewhere. */
export const strict = 1000;

/** A read that exceeds its limit by less than this is run again in turn with its present plan. */
const doubtful = 1.3;
/** Costs that differ by less than this share of the reads are alike. */
const alikeShare = 0.01;
/** Building may take this share of the time that is left for the search. */
const buildShare = 0.3;
const shortestBuildMs = 2000;

/** Tries arrangements of indexes for all parts of the search, which share what was learnt, and keeps the best. */
export class Trials {
  readonly parts: SearchParts;
  readonly judge: StepJudge;
  /** Why indexes are not part of the advice. */
  readonly rejected = new Map<string, string>();
  complete = true;
  /** Plans of an engine without STAT4 count. Only at the end: to run them in every step would leave no time for a search. */
  plain = false;
  penalty = lenient;
  readonly #united = new Map<string, Candidate | null>();
  readonly #taken: ReadonlySet<string>;
  #start: Found;
  #best: Found;
  readonly #kept = new Map<string, Found>();

  constructor(parts: SearchParts, baseline: Objective) {
    this.parts = parts;
    this.judge = new StepJudge(parts, baseline);
    this.#start = { configuration: currentIndexes, objective: baseline };
    this.#best = this.#start;
    this.#taken = new Set(parts.candidates.flatMap(({ indexes }) => indexes.map((index) => index.name.toLowerCase())));
  }

  /** Candidates that unite two indexes, so that one serves for both. */
  get merged(): Candidate[] {
    return [...this.#united.values()].filter((one) => one !== null);
  }

  /** Makes candidates of which each stands for one of `present` and one of `wanted`. */
  unite(present: readonly string[], wanted: readonly string[]): void {
    const known = [...this.parts.candidates, ...this.merged];
    const single = (names: readonly string[]): Candidate[] =>
      known.filter(({ indexes: [one, more] }) => more === undefined && one !== undefined && names.includes(one.name));
    for (const [one, other] of [[present, wanted] as const, [wanted, present] as const]) {
      for (const candidate of mergedCandidates(single(one), single(other), this.#taken)) {
        if (this.#united.has(candidate.id) || known.some(({ id }) => id === candidate.id)) continue;
        this.#united.set(candidate.id, this.parts.learn(candidate) ? candidate : null);
      }
    }
  }

  /** Nothing added and nothing dropped. */
  get start(): Found {
    return this.#start;
  }

  /** The best that keeps all limits. */
  get best(): Found {
    return this.#best;
  }

  /** Begins anew: what was learnt stays, what was best is forgotten. */
  restart(): void {
    this.#best = this.#start;
  }

  /** What the search keeps low: the time of the workload, with a penalty for each read that is slower than allowed. */
  cost({ objective }: { readonly objective: Objective }): number {
    return objective.totalMs + this.penalty * this.judge.excess(objective);
  }

  /** The same as the planner expects it, or as it may be at best, without running what was not run yet. */
  expectedCost(configuration: Configuration, hopeful = false): number {
    return this.cost({ objective: this.expect(configuration, hopeful) });
  }

  expect(configuration: Configuration, hopeful = false): Objective {
    const { meter, queries } = this.parts;
    const expected = meter.expect(configuration, queries, { plain: false, hopeful });
    return { ...expected, plain: this.plain ? meter.expect(configuration, queries, { plain: true, hopeful }) : null };
  }

  /** What a change has to save: more than noise, and a share of what the reads take. */
  leastGain(from: Found, to: Costs): number {
    return Math.max(
      this.judge.noise(from.objective, to),
      this.parts.limits.minimumGain * Math.max(0, from.objective.readMs),
    );
  }

  async measure(configuration: Configuration): Promise<Found> {
    const { meter, queries } = this.parts;
    return this.#complete(configuration, await meter.measureOwn(configuration, queries));
  }

  /** Undefined as soon as it is clear that the arrangement costs more than `limit`. */
  async measureBelow(configuration: Configuration, limit: number): Promise<Found | undefined> {
    const { meter, queries } = this.parts;
    const costs = await meter.measureBelow(configuration, queries, limit);
    if (costs === undefined || this.cost({ objective: { ...costs, plain: null } }) > limit * doubtful) return undefined;
    const found = await this.#complete(configuration, costs);
    return this.cost(found) <= limit ? found : undefined;
  }

  async #complete(configuration: Configuration, costs: Costs): Promise<Found> {
    const { meter, queries } = this.parts;
    const plain = this.plain ? await meter.measurePlain(configuration, queries) : null;
    const found = await this.#settled({ configuration, objective: { ...costs, plain } });
    return found;
  }

  /** Reads that seem a little slower than allowed are run again beside their present plans. */
  async #settled(found: Found): Promise<Found> {
    const { meter, queries } = this.parts;
    const doubts = this.judge.slowedBelow(found.objective, doubtful);
    if (doubts.length === 0) return found;
    for (const studied of doubts) await meter.settle(studied, found.configuration);
    const before = await meter.measureOwn(currentIndexes, queries);
    const isBest = this.#best === this.#start;
    this.#start = { ...this.#start, objective: { ...before, plain: this.#start.objective.plain } };
    if (isBest) this.#best = this.#start;
    this.judge.baseline = this.#start.objective;
    const costs = await meter.measureOwn(found.configuration, queries);
    return { ...found, objective: { ...costs, plain: found.objective.plain } };
  }

  /** Notes an arrangement that is worth its size; the best that keeps all limits is the result. */
  keep(found: Found): Found {
    if (!this.allowed(found)) return found;
    this.#kept.set(JSON.stringify(found.configuration), found);
    if (this.cost(found) < this.cost(this.#best)) this.#best = found;
    return found;
  }

  /** The cheaper of two; the smaller one when they cost about the same. */
  better(a: Found, b: Found): Found {
    const [costA, costB] = [this.cost(a), this.cost(b)];
    const alike = Math.max(this.judge.noise(a.objective, b.objective), alikeShare * a.objective.readMs);
    if (Math.abs(costA - costB) <= alike) return this.bytesOf(a.configuration) <= this.bytesOf(b.configuration) ? a : b;
    return costA < costB ? a : b;
  }

  /** From now on plans of an engine without STAT4 count too, so that what was best may be so no longer. */
  async holdPlain(configuration: Configuration): Promise<Found> {
    this.plain = true;
    this.#kept.clear();
    this.#best = this.#start;
    return this.keep(await this.measure(configuration));
  }

  /** Arrangements of which no other one is both smaller and quicker, smallest first. */
  get frontier(): { added: readonly string[]; totalMs: number; bytes: number }[] {
    const points = [this.#start, ...this.#kept.values()]
      .map(({ configuration, objective }) => ({
        added: configuration.added,
        totalMs: objective.totalMs,
        bytes: this.bytesOf(configuration),
      }))
      .sort((a, b) => a.bytes - b.bytes || a.totalMs - b.totalMs);
    let least = Number.POSITIVE_INFINITY;
    return points.filter(({ totalMs }) => {
      if (totalMs >= least) return false;
      least = totalMs;
      return true;
    });
  }

  /** Builds the indexes of a candidate; false when that takes too long. */
  async build(candidate: Candidate): Promise<boolean> {
    const { limits, meter } = this.parts;
    for (const index of candidate.indexes) {
      const left = limits.deadline - this.parts.context.clock.now();
      const capMs = Math.max(shortestBuildMs, left * buildShare);
      if (await meter.build(index, capMs)) continue;
      this.rejected.set(index.name, 'takes too long to build for the time limit');
      return false;
    }
    return true;
  }

  isBuilt(candidate: Candidate): boolean {
    return candidate.indexes.every((index) => this.parts.meter.built(index.name) !== undefined);
  }

  bytesOf({ added }: Configuration): number {
    return this.parts.meter.bytesOf(added);
  }

  /** By sample for what is not built. */
  estimatedBytes({ added }: Configuration): number {
    return added.reduce(
      (sum, name) => sum + (this.parts.meter.built(name)?.bytes ?? this.parts.estimatedBytes(name)),
      0,
    );
  }

  /** Number and size of the indexes keep to the limits. */
  fits(configuration: Configuration): boolean {
    const { limits } = this.parts;
    return (
      configuration.added.length <= limits.maxIndexes && this.estimatedBytes(configuration) <= limits.sizeBudgetBytes
    );
  }

  /** Why an index has no place within the limits. */
  unfit(name: string): string {
    return this.parts.meter.bytesOf([name]) > this.parts.limits.sizeBudgetBytes
      ? 'exceeds the size budget'
      : 'does not fit into the limits beside the others';
  }

  allowed(found: Found): boolean {
    return this.fits(found.configuration) && this.judge.slowest(found.objective) === undefined;
  }

  passed(share: number): boolean {
    const { started, deadline } = this.parts.limits;
    return this.parts.context.clock.now() > started + (deadline - started) * share;
  }

  /** The time of the search is over. */
  get late(): boolean {
    throwIfCancelled(this.parts.context.signal);
    if (!this.passed(1)) return false;
    this.complete = false;
    return true;
  }
}

export function withAdded({ added, dropped }: Configuration, names: readonly string[]): Configuration {
  return { added: [...new Set([...added, ...names])], dropped };
}

export function withoutAdded({ added, dropped }: Configuration, name: string): Configuration {
  return { added: added.filter((one) => one !== name), dropped };
}

import { throwIfCancelled } from '../../error.ts';
import type { Candidate } from '../candidates/candidate.ts';
import type { Objective } from '../cost/meter.ts';
import { type Configuration, currentIndexes, type StudiedQuery } from '../cost/studied-query.ts';
import { planCost } from '../query-plan/plan-cost.ts';
import { estimatedOrder, favouriteCandidates, mergedCandidates } from './favourites.ts';
import { rankCandidates } from './rank.ts';
import type { SearchParts, SearchResult } from './search-parts.ts';
import { freeBytes, StepJudge } from './step-judge.ts';

/** Candidates that are built and measured in one step, and before the search gives up. */
const widthFirst = 5;
const widthLast = 12;
/** Of those that are built already, this many are measured in one step. */
const widthBuilt = 24;
const buildCapMs = 60_000;
/** Dropping an index may let the cost rise by this share. */
const pruneTolerance = 0.01;
/** Shares of the search time after which no further favourite is built, and no second start is made. */
const buildShare = 0.45;
const secondStartShare = 0.35;
/** Candidates that are tried for one read that became slower. */
const helpWidth = 5;
/** Favourites of which each two are united where they begin alike. */
const mergeWidth = 12;

interface Found {
  readonly configuration: Configuration;
  readonly objective: Objective;
}

/**
 * Prunes the union of each statement's own favourites, grows what is left, grows another set from nothing where time
 * remains, and takes the better one.
 */
export class IndexSearch {
  readonly #parts: SearchParts;
  readonly #baseline: Objective;
  readonly #judge: StepJudge;
  readonly #rejected = new Map<string, string>();
  readonly #frontier: { added: readonly string[]; totalMs: number; bytes: number }[] = [];
  /** What was tried for a slow read already. */
  readonly #helped = new Set<string>();
  /** Indexes that unite two favourites. */
  #merged: readonly Candidate[] = [];
  #complete = true;
  /** Plans of an engine without STAT4 count. Only at the end: to run them in every step would leave no time for a search. */
  #plain = false;

  constructor(parts: SearchParts, baseline: Objective) {
    this.#parts = parts;
    this.#baseline = baseline;
    this.#judge = new StepJudge(parts, baseline);
  }

  async run(): Promise<SearchResult> {
    const start: Found = { configuration: currentIndexes, objective: this.#baseline };
    let best = start;
    const union = await this.#union();
    if (union.length > 0) {
      const fitting = await this.#finish({ added: union, dropped: [] });
      const grown = await this.#grow(fitting);
      best = grown === fitting ? fitting : this.#better(fitting, await this.#finish(grown.configuration));
    }
    if (this.#passed(secondStartShare)) this.#complete = this.#complete && best !== start;
    else best = this.#better(best, await this.#finish((await this.#grow(start)).configuration));
    if (this.#baseline.plain !== null) best = await this.#holdPlain(best);
    return { ...best, frontier: this.#frontier, rejected: this.#rejected, complete: this.#complete };
  }

  /** Takes back what is not missed, and what makes a read slower than allowed. */
  async #finish(configuration: Configuration): Promise<Found> {
    return this.#repair(await this.#prune(configuration));
  }

  /** Puts right what an engine without STAT4 would run more slowly. */
  async #holdPlain({ configuration }: Found): Promise<Found> {
    this.#plain = true;
    this.#helped.clear();
    return this.#repair({ configuration, objective: await this.#measure(configuration) });
  }

  async #measure(configuration: Configuration): Promise<Objective> {
    const { meter, queries } = this.#parts;
    if (this.#plain) return meter.measure(configuration, queries);
    return { ...(await meter.measureOwn(configuration, queries)), plain: null };
  }

  #passed(share: number): boolean {
    const { started, deadline } = this.#parts.limits;
    return this.#parts.context.clock.now() > started + (deadline - started) * share;
  }

  get #late(): boolean {
    throwIfCancelled(this.#parts.context.signal);
    if (!this.#passed(1)) return false;
    this.#complete = false;
    return true;
  }

  /** Builds the favourites of all statements, and indexes that unite two of them, the most promising first. */
  async #union(): Promise<string[]> {
    const all = favouriteCandidates(this.#parts);
    const favourites = estimatedOrder(all, this.#parts, this.#baseline);
    const taken = new Set(
      this.#parts.candidates.flatMap(({ indexes }) => indexes.map((index) => index.name.toLowerCase())),
    );
    const merged = mergedCandidates(favourites.slice(0, mergeWidth), taken).filter((candidate) =>
      this.#parts.learn(candidate),
    );
    this.#merged = merged;
    const built = new Set<string>();
    // Estimates are wrong often enough that what they expect nothing of is built too, last.
    const order = unique([
      ...estimatedOrder([...favourites, ...merged], this.#parts, this.#baseline),
      ...favourites,
      ...all,
    ]);
    for (const candidate of order) {
      if (this.#passed(buildShare) || this.#late) break;
      if (await this.#build(candidate)) for (const index of candidate.indexes) built.add(index.name);
    }
    return [...built];
  }

  async #grow(from: Found): Promise<Found> {
    let found = from;
    while (found.configuration.added.length < this.#parts.limits.maxIndexes && !this.#late) {
      const step = await this.#bestStep(found);
      if (step === undefined) break;
      found = step;
      this.#frontier.push({
        added: found.configuration.added,
        totalMs: found.objective.totalMs,
        bytes: this.#parts.meter.bytesOf(found.configuration.added),
      });
    }
    return found;
  }

  async #bestStep({ configuration, objective }: Found): Promise<Found | undefined> {
    const { meter, limits } = this.#parts;
    const parts = { ...this.#parts, candidates: [...this.#parts.candidates, ...this.#merged] };
    const ranked = rankCandidates(parts, configuration, objective);
    // What is built already costs only the measurement, so that more of it is looked at.
    const isBuilt = (candidate: Candidate): boolean =>
      candidate.indexes.every((index) => meter.built(index.name) !== undefined);
    const tried = [
      ...ranked.filter(isBuilt).slice(0, widthBuilt),
      ...ranked.filter((candidate) => !isBuilt(candidate)).slice(0, widthLast),
    ];
    let best: (Found & { score: number }) | undefined;
    let builds = 0;
    for (const candidate of tried) {
      if (this.#late) break;
      if (!isBuilt(candidate)) {
        if (builds >= widthFirst && best !== undefined) break;
        builds += 1;
        if (!(await this.#build(candidate))) continue;
      }
      const names = candidate.indexes.map((one) => one.name);
      const next = { added: unique([...configuration.added, ...names]), dropped: configuration.dropped };
      const found = await this.#measure(next);
      const reason = this.#refusal({ names, next, found, objective });
      if (reason !== undefined) {
        for (const name of names) this.#rejected.set(name, reason);
        continue;
      }
      const gain = this.#judge.cost(objective) - this.#judge.cost(found);
      const score = gain / Math.sqrt(Math.max(freeBytes, meter.bytesOf(names)));
      if (best === undefined || score > best.score) best = { configuration: next, objective: found, score };
    }
    if (best !== undefined) for (const name of best.configuration.added) this.#rejected.delete(name);
    return best !== undefined && best.configuration.added.length <= limits.maxIndexes ? best : undefined;
  }

  /** Why a step is not taken; undefined when it is good. */
  #refusal(step: {
    names: readonly string[];
    next: Configuration;
    found: Objective;
    objective: Objective;
  }): string | undefined {
    const { limits, meter } = this.#parts;
    const gain = this.#judge.cost(step.objective) - this.#judge.cost(step.found);
    const slower = this.#judge.slowest(step.found);
    if (gain <= limits.minimumGain * step.objective.totalMs)
      return slower === undefined ? 'saves too little, writes counted' : `makes ${slower.query.name} slower`;
    if (meter.bytesOf(step.next.added) > limits.sizeBudgetBytes) return 'exceeds the size budget';
    return this.#judge.tooLarge(step.names, gain, step.objective.totalMs);
  }

  async #build(candidate: Candidate): Promise<boolean> {
    for (const index of candidate.indexes) {
      if (await this.#parts.meter.build(index, buildCapMs)) continue;
      this.#rejected.set(index.name, `takes longer than ${buildCapMs / 1000} s to build`);
      return false;
    }
    return true;
  }

  /** Takes away, largest first and in two passes, what is not missed; then what is missed least, until the limits hold. */
  async #prune(start: Configuration): Promise<Found> {
    const { meter } = this.#parts;
    let found: Found = { configuration: start, objective: await this.#measure(start) };
    for (let pass = 0; pass < 2; pass++) {
      const order = [...found.configuration.added].sort((a, b) => meter.bytesOf([b]) - meter.bytesOf([a]));
      for (const name of order) {
        if (this.#late) return this.#fit(found);
        const next = await this.#without(found, name);
        const missed = this.#judge.cost(next.objective) - this.#judge.cost(found.objective);
        const tooLarge = this.#judge.tooLarge([name], missed, next.objective.totalMs);
        const noise = Math.max(
          found.objective.totalMs * pruneTolerance,
          this.#judge.noise(found.objective, next.objective),
        );
        if (missed > noise && tooLarge === undefined) continue;
        this.#rejected.set(name, missed <= 0 ? 'not missed beside the others' : (tooLarge ?? 'hardly missed'));
        found = next;
      }
    }
    return this.#fit(found);
  }

  async #without({ configuration }: Found, name: string): Promise<Found> {
    const next = { ...configuration, added: configuration.added.filter((one) => one !== name) };
    return { configuration: next, objective: await this.#measure(next) };
  }

  #fits({ added }: Configuration): boolean {
    const { limits, meter } = this.#parts;
    return added.length <= limits.maxIndexes && meter.bytesOf(added) <= limits.sizeBudgetBytes;
  }

  async #fit(start: Found): Promise<Found> {
    let found = start;
    while (!this.#fits(found.configuration)) {
      if (this.#late) return this.#cut(found.configuration);
      const least = await this.#leastMissed(found, found.configuration.added);
      if (least === undefined) return { configuration: currentIndexes, objective: this.#baseline };
      this.#rejected.set(least.name, 'does not fit into the limits beside the others');
      found = least;
    }
    return found;
  }

  /** Without time to measure what is missed least: the first ones, which were expected to help most. */
  async #cut({ added, dropped }: Configuration): Promise<Found> {
    const kept: string[] = [];
    for (const name of added) if (this.#fits({ added: [...kept, name], dropped })) kept.push(name);
    const configuration = { added: kept, dropped };
    return { configuration, objective: await this.#measure(configuration) };
  }

  /** The arrangement without the one of these indexes whose absence costs least for its size. */
  async #leastMissed(found: Found, names: readonly string[]): Promise<(Found & { name: string }) | undefined> {
    const { meter, limits } = this.#parts;
    const tight = meter.bytesOf(found.configuration.added) > limits.sizeBudgetBytes;
    let least: (Found & { name: string; loss: number }) | undefined;
    for (const name of names) {
      if (least !== undefined && this.#late) break;
      const next = await this.#without(found, name);
      const missed = this.#judge.cost(next.objective) - this.#judge.cost(found.objective);
      const loss = tight && missed > 0 ? missed / Math.sqrt(Math.max(freeBytes, meter.bytesOf([name]))) : missed;
      if (least === undefined || loss < least.loss) least = { ...next, name, loss };
    }
    return least;
  }

  /**
   * As long as a read is slower than allowed: takes that index away, or adds that candidate made for it, which leaves the
   * lowest cost among those that bring the reads nearer to their limits.
   */
  async #repair(start: Found): Promise<Found> {
    let found = start;
    for (;;) {
      const slow = this.#judge.slowest(found.objective);
      if (slow === undefined) return found;
      const options = [...(await this.#withoutBlamed(found, slow)), ...(await this.#withHelp(found, slow))];
      const before = this.#judge.excess(found.objective);
      const helpful = options.filter(({ objective }) => this.#judge.excess(objective) < before);
      const next = (helpful.length > 0 ? helpful : options).sort(
        (a, b) => this.#judge.cost(a.objective) - this.#judge.cost(b.objective),
      )[0];
      if (next === undefined || (helpful.length === 0 && next.configuration.added.length === 0)) {
        return { configuration: currentIndexes, objective: this.#baseline };
      }
      for (const name of found.configuration.added) {
        if (!next.configuration.added.includes(name)) this.#rejected.set(name, `makes ${slow.query.name} slower`);
      }
      found = next;
    }
  }

  async #withoutBlamed(found: Found, slow: StudiedQuery): Promise<Found[]> {
    const { added } = found.configuration;
    const used = this.#parts.planner.used(found.configuration, [slow], { plain: this.#plain });
    const blamed = added.filter((name) => used.has(name));
    const options: Found[] = [];
    for (const name of blamed.length > 0 ? blamed : added) options.push(await this.#without(found, name));
    return options;
  }

  /** Beside one more index for the slow read; another one gives way where there is no room for it. */
  async #withHelp(found: Found, slow: StudiedQuery): Promise<Found[]> {
    const { configuration } = found;
    const { planner, candidates } = this.#parts;
    const costWith = (names: readonly string[]): number => {
      const next = { ...configuration, added: unique([...configuration.added, ...names]) };
      const plans = [planner, this.#plain ? planner.plain : null].flatMap((one) => one?.plans(next, [slow])[0] ?? []);
      return plans.reduce((sum, plan) => sum + planCost(plan.steps), 0);
    };
    const present = costWith([]);
    const helpers = candidates
      .filter((candidate) => candidate.origins.includes(slow.query.name))
      .map((candidate) => ({ candidate, cost: costWith(candidate.indexes.map((index) => index.name)) }))
      .filter(({ cost, candidate }) => cost < present && !this.#helped.has(`${slow.query.name}\0${candidate.id}`))
      .sort((a, b) => a.cost - b.cost)
      .slice(0, helpWidth);
    const options: Found[] = [];
    for (const { candidate } of helpers) {
      this.#helped.add(`${slow.query.name}\0${candidate.id}`);
      if (this.#late || !(await this.#build(candidate))) continue;
      const names = candidate.indexes.map((index) => index.name);
      const next = { ...configuration, added: unique([...configuration.added, ...names]) };
      options.push(await this.#fit({ configuration: next, objective: await this.#measure(next) }));
    }
    return options;
  }

  #better(a: Found, b: Found): Found {
    const bytes = ({ configuration }: Found): number => this.#parts.meter.bytesOf(configuration.added);
    const [costA, costB] = [a.objective.totalMs, b.objective.totalMs];
    const noise = this.#judge.noise(a.objective, b.objective);
    if (Math.abs(costA - costB) <= Math.max(noise, pruneTolerance * Math.max(costA, costB))) {
      return bytes(a) < bytes(b) ? a : b;
    }
    return costA < costB ? a : b;
  }
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

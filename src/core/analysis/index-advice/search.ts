import { throwIfCancelled } from '../../error.ts';
import type { Candidate } from '../candidates/candidate.ts';
import type { Objective } from '../cost/meter.ts';
import { type Configuration, currentIndexes } from '../cost/studied-query.ts';
import { rankCandidates } from './rank.ts';
import type { SearchParts, SearchResult } from './search-parts.ts';

/** Candidates that are built and measured in one step, and before the search gives up. */
const widthFirst = 5;
const widthLast = 12;
const buildCapMs = 60_000;
/** An index smaller than this is never too large for its gain. */
const freeBytes = 64 * 1024;
/** Dropping an index may let the cost rise by this share. */
const pruneTolerance = 0.01;

/** An index with this share of the columns and bytes of its table is nearly a second copy, and must save this much. */
const copyShare = 0.5;
const copyGain = 0.5;
const fewestCopied = 3;

/** Two executions of the same in one process differ by about this much. */
const timerNoiseMs = 0.002;

/** Absolute slack below which a slower statement is noise. */
const slackMs = 0.02;

/** Grows a set from nothing, prunes the union of it and each statement's own favourites, and takes the better one. */
export class IndexSearch {
  readonly #parts: SearchParts;
  readonly #rejected = new Map<string, string>();
  readonly #frontier: { added: readonly string[]; totalMs: number; bytes: number }[] = [];
  #complete = true;

  constructor(parts: SearchParts) {
    this.#parts = parts;
  }

  async run(baseline: Objective): Promise<SearchResult> {
    const grown = await this.#grow(baseline);
    const favourites = await this.#favourites(grown.configuration);
    const union = await this.#prune(
      { added: unique([...grown.configuration.added, ...favourites]), dropped: [] },
      baseline,
    );
    const pruned = await this.#prune(grown.configuration, baseline);
    const better = this.#better(union, pruned, baseline);
    return { ...better, frontier: this.#frontier, rejected: this.#rejected, complete: this.#complete };
  }

  get #late(): boolean {
    throwIfCancelled(this.#parts.context.signal);
    if (this.#parts.context.clock.now() < this.#parts.limits.deadline) return false;
    this.#complete = false;
    return true;
  }

  async #grow(baseline: Objective) {
    let configuration = currentIndexes;
    let objective = baseline;
    while (configuration.added.length < this.#parts.limits.maxIndexes && !this.#late) {
      const step = await this.#bestStep(configuration, objective, baseline);
      if (step === undefined) break;
      ({ configuration, objective } = step);
      this.#frontier.push({
        added: configuration.added,
        totalMs: objective.totalMs,
        bytes: this.#parts.meter.bytesOf(configuration.added),
      });
    }
    return { configuration, objective };
  }

  async #bestStep(configuration: Configuration, objective: Objective, baseline: Objective) {
    const { meter, queries, limits } = this.#parts;
    const ranked = rankCandidates(this.#parts, configuration, objective);
    let best: { configuration: Configuration; objective: Objective; score: number } | undefined;
    for (const [index, candidate] of ranked.slice(0, widthLast).entries()) {
      if ((index >= widthFirst && best !== undefined) || this.#late) break;
      if (!(await this.#build(candidate))) continue;
      const names = candidate.indexes.map((one) => one.name);
      const next = { added: unique([...configuration.added, ...names]), dropped: configuration.dropped };
      const found = await meter.measure(next, queries);
      const reason = this.#refusal({ names, next, found, objective, baseline });
      if (reason !== undefined) {
        for (const name of names) this.#rejected.set(name, reason);
        continue;
      }
      const score = (objective.totalMs - found.totalMs) / Math.sqrt(Math.max(freeBytes, meter.bytesOf(names)));
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
    baseline: Objective;
  }): string | undefined {
    const { limits, meter } = this.#parts;
    const gain = step.objective.totalMs - step.found.totalMs;
    if (gain <= limits.minimumGain * step.baseline.totalMs) return 'saves too little, writes counted';
    if (meter.bytesOf(step.next.added) > limits.sizeBudgetBytes) return 'exceeds the size budget';
    const slower = this.#slower(step.found, step.baseline);
    if (slower !== undefined) return `makes ${slower} slower`;
    return this.#tooLarge(step.names, gain, step.objective.totalMs);
  }

  /** Why indexes are not worth their size, given what they save of a cost; undefined when they are. */
  #tooLarge(names: readonly string[], gain: number, totalMs: number): string | undefined {
    const { limits, meter, sizeOf } = this.#parts;
    const bytes = meter.bytesOf(names);
    if (bytes <= freeBytes || totalMs === 0) return undefined;
    const saved = gain / totalMs;
    if (saved / (bytes / limits.fileBytes) < limits.gainFloor) return 'too large for what it saves';
    const copies = names.some((name) => {
      const definition = meter.built(name)?.definition;
      if (definition === undefined || definition.where !== undefined) return false;
      const table = sizeOf(definition.table);
      const wide = definition.terms.length >= Math.max(fewestCopied, copyShare * table.columns);
      return wide && meter.bytesOf([name]) > copyShare * table.bytes;
    });
    return copies && saved < copyGain ? 'nearly a second copy of its table' : undefined;
  }

  /** What two measurements of the same would differ by: a little in each query that was timed under two plans. */
  #noise(a: Objective, b: Objective): number {
    return this.#parts.queries.reduce((sum, { query }) => {
      const same = a.perQuery.get(query.fingerprint) === b.perQuery.get(query.fingerprint);
      return same ? sum : sum + query.weight * timerNoiseMs;
    }, 0);
  }

  /** The name of a read that became slower than allowed. */
  #slower(found: Objective, baseline: Objective): string | undefined {
    const { queries, limits } = this.#parts;
    return queries.find(({ query, isWrite }) => {
      const before = baseline.perQuery.get(query.fingerprint);
      const after = found.perQuery.get(query.fingerprint);
      if (isWrite || before === undefined || after === undefined) return false;
      return after > before * limits.maxSlowdown && after - before > slackMs;
    })?.query.name;
  }

  async #build(candidate: Candidate): Promise<boolean> {
    for (const index of candidate.indexes) {
      if (await this.#parts.meter.build(index, buildCapMs)) continue;
      this.#rejected.set(index.name, `takes longer than ${buildCapMs / 1000} s to build`);
      return false;
    }
    return true;
  }

  /** What the planner takes for each statement when it may choose among all candidates. */
  async #favourites(grown: Configuration): Promise<string[]> {
    const { planner, queries, candidates } = this.#parts;
    const names = candidates.flatMap((candidate) => candidate.indexes.map((index) => index.name));
    const plans = planner.plans({ added: unique(names), dropped: [] }, queries);
    const chosen = new Set(plans.flatMap((ofQuery) => ofQuery.flatMap((plan) => [...plan.indexes])));
    const built: string[] = [];
    for (const candidate of candidates) {
      const wanted = candidate.indexes.some((index) => chosen.has(index.name));
      if (!wanted || candidate.indexes.every((index) => grown.added.includes(index.name))) continue;
      if (built.length >= widthLast || this.#late) break;
      if (await this.#build(candidate)) built.push(...candidate.indexes.map((index) => index.name));
    }
    return built;
  }

  /** Takes away, largest first and in two passes, what is not missed. */
  async #prune(start: Configuration, baseline: Objective) {
    const { meter, queries } = this.#parts;
    let configuration = start;
    let objective = await meter.measure(configuration, queries);
    for (let pass = 0; pass < 2; pass++) {
      const order = [...configuration.added].sort((a, b) => meter.bytesOf([b]) - meter.bytesOf([a]));
      for (const name of order) {
        if (this.#late) return { configuration, objective };
        const next = { ...configuration, added: configuration.added.filter((one) => one !== name) };
        const found = await meter.measure(next, queries);
        const missed = found.totalMs - objective.totalMs;
        const tooLarge = this.#tooLarge([name], missed, found.totalMs);
        const noise = Math.max(objective.totalMs * pruneTolerance, this.#noise(objective, found));
        if (missed > noise && tooLarge === undefined) continue;
        if (this.#slower(found, baseline) !== undefined && this.#slower(objective, baseline) === undefined) continue;
        this.#rejected.set(name, missed <= 0 ? 'not missed beside the others' : (tooLarge ?? 'hardly missed'));
        configuration = next;
        objective = found;
      }
    }
    return { configuration, objective };
  }

  #better<R extends { configuration: Configuration; objective: Objective }>(a: R, b: R, baseline: Objective): R {
    const fits = (result: R): boolean =>
      this.#parts.meter.bytesOf(result.configuration.added) <= this.#parts.limits.sizeBudgetBytes &&
      result.configuration.added.length <= this.#parts.limits.maxIndexes &&
      this.#slower(result.objective, baseline) === undefined;
    if (!fits(a)) return b;
    if (!fits(b)) return a;
    const difference = Math.abs(a.objective.totalMs - b.objective.totalMs);
    const noise = this.#noise(a.objective, b.objective);
    if (difference <= Math.max(noise, pruneTolerance * Math.max(a.objective.totalMs, b.objective.totalMs))) {
      const bytes = (result: R): number => this.#parts.meter.bytesOf(result.configuration.added);
      return bytes(a) < bytes(b) ? a : b;
    }
    return a.objective.totalMs < b.objective.totalMs ? a : b;
  }
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}

import type { Candidate } from '../candidates/candidate.ts';
import { contentKey, defineIndex, type IndexDefinition } from '../candidates/index-definition.ts';
import type { Objective } from '../cost/meter.ts';
import { type Configuration, currentIndexes, type StudiedQuery } from '../cost/studied-query.ts';
import { planCost } from '../query-plan/plan-cost.ts';
import type { SearchParts } from './search-parts.ts';

const mostTerms = 8;
/** Indexes with more terms are left out of the second choice, so that a smaller one is found as well. */
const narrowTerms = 3;
const smallestBytes = 64 * 1024;
/** A plan that looks much worse counts as this many times as bad. */
const worstRatio = 3;

/** Candidates that the planner itself takes for some statement when it may choose among all that were made for it. */
export function favouriteCandidates(parts: SearchParts): Candidate[] {
  const names = new Set(parts.queries.flatMap((studied) => choicesBeside(currentIndexes, studied, parts).flat()));
  return parts.candidates.filter(({ indexes }) => indexes.some(({ name }) => names.has(name)));
}

/** What the planner takes for a statement beside a configuration, of all candidates and of the narrow ones made for it. */
export function choicesBeside(
  configuration: Configuration,
  studied: StudiedQuery,
  { candidates, planner }: SearchParts,
): string[][] {
  const own = candidates.filter((candidate) => candidate.origins.includes(studied.query.name));
  const narrow = own.filter((candidate) => candidate.indexes.every((index) => index.terms.length <= narrowTerms));
  return (narrow.length === own.length ? [own] : [own, narrow]).map((visible) => {
    const names = new Set(visible.flatMap(({ indexes }) => indexes.map((index) => index.name)));
    const added = [...new Set([...configuration.added, ...names])];
    const plans = planner.plans({ ...configuration, added }, [studied])[0] ?? [];
    return [...new Set(plans.flatMap((plan) => [...plan.indexes]))].filter((name) => names.has(name));
  });
}

/**
 * Puts candidates into the order in which the planner expects most of them: the first alone, each further one beside
 * those before it, per square root of its size. Only those with a gain.
 */
export function estimatedOrder(candidates: readonly Candidate[], parts: SearchParts, baseline: Objective): Candidate[] {
  const estimate = new Estimate(parts, baseline);
  const open = candidates.map((candidate) => ({ candidate, score: estimate.score(candidate), at: 0 }));
  const order: Candidate[] = [];
  while (open.length > 0) {
    open.sort((a, b) => b.score - a.score || (a.candidate.id < b.candidate.id ? -1 : 1));
    const [first] = open;
    if (first === undefined || first.score <= 0) break;
    // Gains shrink as others come before, so that only the apparent best needs a fresh look.
    if (first.at < order.length) {
      first.score = estimate.score(first.candidate);
      first.at = order.length;
      continue;
    }
    open.shift();
    order.push(first.candidate);
    estimate.take(first.candidate);
  }
  return order;
}

/** The planner's costs of the workload beside the indexes taken so far, by the first set of each query. */
class Estimate {
  readonly #parts: SearchParts;
  readonly #queries: readonly { readonly studied: StudiedQuery; readonly ms: number; readonly cost: number }[];
  #added: readonly string[] = [];

  constructor(parts: SearchParts, baseline: Objective) {
    this.#parts = parts;
    const open = parts.queries.map((full) => ({
      studied: { ...full, sets: full.sets.slice(0, 1) },
      ms: (baseline.perQuery.get(full.query.fingerprint) ?? 0) * full.query.weight,
    }));
    const costs = this.#costs(open, []);
    this.#queries = open.map((one, at) => ({ ...one, cost: costs[at] ?? 0 }));
  }

  score(candidate: Candidate): number {
    const tables = new Set(candidate.indexes.map((index) => index.table));
    const near = this.#queries.filter(
      ({ studied, cost }) => cost > 0 && [...tables].some((table) => studied.use.tables.has(table)),
    );
    const now = this.#costs(near, this.#added);
    const then = this.#costs(near, this.#with(candidate));
    const ratio = (cost: number, of: number): number => Math.min(worstRatio, cost / of);
    const gain = near.reduce(
      (sum, { ms, cost }, at) => sum + ms * (ratio(now[at] ?? cost, cost) - ratio(then[at] ?? cost, cost)),
      0,
    );
    return gain / Math.sqrt(Math.max(smallestBytes, this.#parts.bytesOf(candidate)));
  }

  take(candidate: Candidate): void {
    this.#added = this.#with(candidate);
  }

  #with(candidate: Candidate): string[] {
    return [...new Set([...this.#added, ...candidate.indexes.map((index) => index.name)])];
  }

  /** All in one arrangement, because making one costs more than planning. */
  #costs(queries: readonly { readonly studied: StudiedQuery }[], added: readonly string[]): number[] {
    const plans = this.#parts.planner.plans(
      { added, dropped: [] },
      queries.map(({ studied }) => studied),
    );
    return plans.map(([plan]) => (plan === undefined ? 0 : planCost(plan.steps)));
  }
}

/**
 * One index for several statements: of two on the same table that begin alike, the terms of one and then those of the
 * other that it lacks. It stands in for both when the shared beginning is all that they search by.
 */
export function mergedCandidates(
  first: readonly Candidate[],
  second: readonly Candidate[],
  taken: ReadonlySet<string>,
): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const a of first) {
    for (const b of second) {
      if (a === b || a.indexes.length > 1 || b.indexes.length > 1) continue;
      const merged = mergeTerms(a.indexes[0], b.indexes[0], taken);
      if (merged === undefined) continue;
      const id = contentKey(merged);
      found.set(id, { id, indexes: [merged], origins: [...new Set([...a.origins, ...b.origins])] });
    }
  }
  return [...found.values()];
}

function mergeTerms(
  a: IndexDefinition | undefined,
  b: IndexDefinition | undefined,
  taken: ReadonlySet<string>,
): IndexDefinition | undefined {
  if (a === undefined || b === undefined || a.table !== b.table || a.where !== undefined || b.where !== undefined)
    return undefined;
  const [headA, headB] = [a.terms[0], b.terms[0]];
  if (headA === undefined || headA.column === null || headA.column !== headB?.column) return undefined;
  if (headA.collation !== headB.collation || headA.descending !== headB.descending) return undefined;
  const more = b.terms.filter((term) => term.column === null || !a.terms.some((one) => one.column === term.column));
  const terms = [...a.terms, ...more];
  if (more.length === 0 || terms.length > mostTerms) return undefined;
  return defineIndex(a.table, terms, { taken });
}

import type { Objective } from '../cost/meter.ts';
import { exchangeIndexes } from './exchange.ts';
import { estimatedOrder, favouriteCandidates } from './favourites.ts';
import { pruneIndexes } from './prune.ts';
import { repairSlowReads } from './repair.ts';
import type { SearchParts, SearchResult } from './search-parts.ts';
import { type Found, strict, Trials } from './trials.ts';

/** Shares of the search time after which no further favourite is built and all limits must hold. */
const buildUntil = 0.3;
const lenientUntil = 0.8;
/** Up to here there is time for a second start. */
const secondStartUntil = 0.5;
/** What a read counts by which it exceeds its limit, in turn. */
const penalties = [10, strict];
/** Favourites of which each two are united where they begin alike. */
const mergeWidth = 12;

/**
 * Prunes the union of each statement's own favourites and exchanges indexes in what is left; where time remains does the
 * same from nothing. The best arrangement that was seen and keeps all limits is the result, whatever came after it.
 */
export async function searchIndexes(parts: SearchParts, baseline: Objective): Promise<SearchResult> {
  const trials = new Trials(parts, baseline);
  const union = await buildUnion(trials);
  let found = trials.start;
  if (union.length > 0) {
    found = trials.keep(await pruneIndexes(await trials.measure({ added: union, dropped: [] }), trials));
  }
  for (const penalty of penalties) {
    trials.penalty = penalty;
    found = await exchangeIndexes(found, trials, lenientUntil);
  }
  await repairSlowReads(found, trials);
  let best = await finish(trials.best, trials);
  if (!trials.passed(secondStartUntil)) {
    trials.restart();
    best = trials.better(best, await finish(trials.start, trials));
  }
  if (baseline.plain !== null) {
    await repairSlowReads(await trials.holdPlain(best.configuration), trials);
    best = await finish(trials.best, trials);
  }
  const { frontier, rejected, complete } = trials;
  return { ...best, frontier, rejected, complete };
}

/** Exchanges and prunes what keeps the limits, so that the result keeps them too. */
async function finish(start: Found, trials: Trials): Promise<Found> {
  await exchangeIndexes(start, trials, 1);
  const pruned = await pruneIndexes(trials.best, trials);
  return trials.allowed(pruned) ? pruned : trials.best;
}

/** Builds the favourites of all statements, and indexes that unite two of them, the most promising first. */
async function buildUnion(trials: Trials): Promise<string[]> {
  const { parts, start } = trials;
  const all = favouriteCandidates(parts);
  const favourites = estimatedOrder(all, parts, start.objective);
  const names = favourites.slice(0, mergeWidth).flatMap(({ indexes }) => indexes.map((index) => index.name));
  trials.unite(names, names);
  // Estimates are wrong often enough that what they expect nothing of is built too, last.
  const promising = estimatedOrder([...favourites, ...trials.merged], parts, start.objective);
  const built = new Set<string>();
  for (const candidate of new Set([...promising, ...favourites, ...all])) {
    if (trials.passed(buildUntil) || trials.late) break;
    if (await trials.build(candidate)) for (const index of candidate.indexes) built.add(index.name);
  }
  return [...built];
}

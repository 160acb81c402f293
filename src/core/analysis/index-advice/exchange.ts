import type { Candidate } from '../candidates/candidate.ts';
import type { Configuration } from '../cost/studied-query.ts';
import { fitByExpectation } from './expectation.ts';
import { choicesBeside } from './favourites.ts';
import { freeBytes } from './step-judge.ts';
import { type Found, type Trials, withAdded, withoutAdded } from './trials.ts';

/** Additions for which room is made, of those that are expected to save most. */
const roomWidth = 12;
/** Reads that are put right for the sake of one addition. */
const mostHelpers = 4;
/** Changes that are measured before the search gives up. */
const tryWidth = 12;

interface Addition {
  readonly names: readonly string[];
  /** Has to be built first; null when all is there. */
  readonly candidate: Candidate | null;
}

interface Move {
  readonly configuration: Configuration;
  /** Has to be built first; null when all is there. */
  readonly candidate: Candidate | null;
  readonly gone: readonly string[];
}

/**
 * Exchanges indexes as long as that saves something: adds one, or what the best known plan of a query uses, and takes away
 * what is then missed least; or takes one away. What the planner expects of each such change puts them in order, and what
 * seems good is measured. Growing and pruning alone end where each single step is for the worse: two indexes that help only
 * together, or one that stands in the way of a better one.
 */
export async function exchangeIndexes(start: Found, trials: Trials, until: number): Promise<Found> {
  let found = start;
  const refused = new Set<string>();
  while (!trials.passed(until) && !trials.late) {
    const next = await bestMove(found, refused, trials);
    if (next === undefined) break;
    found = trials.keep(next);
  }
  return found;
}

/**
 * The best of the changes that are measured. Where nothing good is found, also such are tried that the planner expects
 * nothing of, but of which the best that was seen of each statement would be good enough.
 */
async function bestMove(found: Found, refused: Set<string>, trials: Trials): Promise<Found | undefined> {
  const now = trials.cost(found);
  const least = now - trials.leastGain(found, found.objective);
  const moves = movesFrom(found, trials).map((move) => ({ move, score: scoreOf(move, found, trials) }));
  let best: { readonly found: Found; readonly move: Move; readonly score: number } | undefined;
  let tries = 0;
  for (const { move } of moves.sort((a, b) => b.score - a.score)) {
    const key = JSON.stringify([...move.configuration.added].sort());
    // What was measured meanwhile may have changed what can be expected.
    if (refused.has(key) || trials.expectedCost(move.configuration, true) > least) continue;
    if (best !== undefined && scoreOf(move, found, trials) <= best.score) continue;
    if (tries >= tryWidth || trials.late) break;
    tries += 1;
    const next = await tryMove(move, found, least, trials);
    const score = next === undefined ? 0 : (now - trials.cost(next)) / sizeOf(move, found, trials);
    if (next === undefined) refused.add(key);
    else if (best === undefined || score > best.score) best = { found: next, move, score };
  }
  for (const name of best?.move.gone ?? []) trials.rejected.set(name, 'another one serves better beside the others');
  return best?.found;
}

/** What a change is expected to save, for the space that it takes. */
function scoreOf(move: Move, found: Found, trials: Trials): number {
  return (trials.cost(found) - trials.expectedCost(move.configuration)) / sizeOf(move, found, trials);
}

function sizeOf({ configuration }: Move, found: Found, trials: Trials): number {
  const more = trials.estimatedBytes(configuration) - trials.estimatedBytes(found.configuration);
  return Math.sqrt(Math.max(freeBytes, more));
}

async function tryMove(move: Move, found: Found, limit: number, trials: Trials): Promise<Found | undefined> {
  if (move.candidate !== null && !(await trials.build(move.candidate))) return undefined;
  const { added } = found.configuration;
  const fresh = move.configuration.added.filter((name) => !added.includes(name));
  // Only now the size is known for certain.
  if (!trials.fits(move.configuration)) {
    for (const name of fresh) trials.rejected.set(name, trials.unfit(name));
    return undefined;
  }
  const next = await trials.measureBelow(move.configuration, limit);
  const reason =
    next === undefined
      ? 'saves too little, writes counted'
      : trials.judge.tooLarge(fresh, trials.cost(found) - trials.cost(next), found.objective.totalMs);
  if (reason === undefined) return next;
  for (const name of fresh) trials.rejected.set(name, reason);
  return undefined;
}

function movesFrom({ configuration }: Found, trials: Trials): Move[] {
  const removals = configuration.added.map(
    (name): Move => ({ configuration: withoutAdded(configuration, name), candidate: null, gone: [name] }),
  );
  const additions = additionsTo(configuration, trials)
    .map((group) => ({ ...group, expected: trials.expectedCost(withAdded(configuration, group.names)) }))
    .sort((a, b) => a.expected - b.expected);
  const now = trials.expectedCost(configuration);
  const alone = additions.slice(0, roomWidth).map((group) => roomFor(group, group.names, configuration, trials));
  // What lures another read into a slow plan may still be good beside a second index that puts that right.
  const helped = additions
    .filter(({ expected, candidate }) => expected > now && candidate === null)
    .flatMap((group) => {
      const names = withHelpers(configuration, group.names, trials);
      return names === undefined ? [] : [{ group, names }];
    })
    .map(({ group, names }) => ({ group, names, expected: trials.expectedCost(withAdded(configuration, names)) }))
    .sort((a, b) => a.expected - b.expected)
    .slice(0, roomWidth)
    .map(({ group, names }) => roomFor(group, names, configuration, trials));
  return [...removals, ...alone, ...helped];
}

function roomFor({ candidate }: Addition, names: readonly string[], from: Configuration, trials: Trials): Move {
  const configuration = fitByExpectation(withAdded(from, names), names, trials);
  return { configuration, candidate, gone: from.added.filter((name) => !configuration.added.includes(name)) };
}

/** The names and what the best known plans use of the reads that become slower with them; undefined when that is no help. */
function withHelpers(from: Configuration, names: readonly string[], trials: Trials): readonly string[] | undefined {
  let group = names;
  for (let round = 0; round < mostHelpers; round++) {
    const slow = trials.judge.slowest(trials.expect(withAdded(from, group)));
    if (slow === undefined) return round === 0 ? undefined : group;
    const more = trials.parts.meter.quickest(slow).filter((name) => ![...from.added, ...group].includes(name));
    if (more.length === 0) return undefined;
    group = [...group, ...more];
  }
  return undefined;
}

/**
 * Single candidates, what the best known plan of each query uses, and what unites with something that is there what such a
 * plan uses or the planner would choose for a slow read.
 */
function additionsTo(configuration: Configuration, trials: Trials): Addition[] {
  const { candidates, meter, queries } = trials.parts;
  const isMissing = (name: string): boolean => !configuration.added.includes(name);
  const slow = trials.judge.slowReads(trials.expect(configuration));
  const wanted = [
    ...queries.map((studied) => meter.quickest(studied)),
    ...slow.flatMap((studied) => choicesBeside(configuration, studied, trials.parts)),
  ]
    .map((names) => names.filter(isMissing))
    .filter((names) => names.length > 0);
  trials.unite(configuration.added, wanted.flat());
  const groups = wanted
    .filter((names) => names.length > 1 && names.every((name) => meter.built(name) !== undefined))
    .map((names) => ({ names, candidate: null }));
  const singles = [...candidates, ...trials.merged].map((candidate) => ({
    names: candidate.indexes.map((index) => index.name),
    candidate: trials.isBuilt(candidate) ? null : candidate,
  }));
  return [...groups, ...singles.filter(({ names }) => names.some(isMissing))];
}

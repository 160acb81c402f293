import type { Configuration } from '../cost/studied-query.ts';
import { byExpectedLoss, fitByExpectation, scaleOf } from './expectation.ts';
import { freeBytes } from './step-judge.ts';
import { type Found, type Trials, withoutAdded } from './trials.ts';

/** Dropping an index may let the cost rise by this share of what the reads take. */
const tolerance = 0.01;
/** An arrangement without an index that costs more than this multiple needs the index, however large that is. */
const surelyMissed = 2.2;

/** Takes away, largest first and in two passes, what is not missed; then what is missed least, until the limits hold. */
export async function pruneIndexes(start: Found, trials: Trials): Promise<Found> {
  let found = start;
  for (let pass = 0; pass < 2; pass++) {
    const before = found;
    for (const name of largestFirst(found.configuration, trials)) {
      if (trials.late) return fitLimits(found, trials);
      found = (await withoutUnneeded(found, name, trials)) ?? found;
    }
    if (found === before) break;
  }
  return fitLimits(found, trials);
}

function largestFirst({ added }: Configuration, { parts }: Trials): string[] {
  return [...added].sort((a, b) => parts.meter.bytesOf([b]) - parts.meter.bytesOf([a]) || (a < b ? -1 : 1));
}

/** The arrangement without an index that is hardly missed or too large for what it saves; undefined when it is needed. */
async function withoutUnneeded(found: Found, name: string, trials: Trials): Promise<Found | undefined> {
  const { judge, rejected } = trials;
  const { readMs } = found.objective;
  const small = judge.tooLarge([name], Number.POSITIVE_INFINITY, readMs) === undefined;
  const most = small && trials.parts.meter.bytesOf([name]) <= freeBytes ? 1 + 2 * tolerance : surelyMissed;
  const limit = most * trials.cost(found) + judge.mostNoise;
  const next = await trials.measureBelow(withoutAdded(found.configuration, name), limit);
  if (next === undefined) return undefined;
  const missed = trials.cost(next) - trials.cost(found);
  const tooLarge = judge.tooLarge([name], missed, next.objective.readMs);
  const noise = Math.max(readMs * tolerance, judge.noise(found.objective, next.objective));
  if (missed > noise && tooLarge === undefined) return undefined;
  rejected.set(name, missed <= 0 ? 'not missed beside the others' : (tooLarge ?? 'hardly missed'));
  return next;
}

/** Takes away what is missed least for its size until number and size keep to the limits. */
async function fitLimits(start: Found, trials: Trials): Promise<Found> {
  let found = start;
  while (!trials.fits(found.configuration)) {
    if (trials.late) return trials.measure(fitByExpectation(found.configuration, [], trials));
    const least = await leastMissed(found, trials);
    if (least === undefined) return trials.start;
    trials.rejected.set(least.name, trials.unfit(least.name));
    found = least;
  }
  return found;
}

/** The arrangement without the index whose absence costs least, for its size where room is what is lacking. */
async function leastMissed(found: Found, trials: Trials): Promise<(Found & { name: string }) | undefined> {
  const now = trials.cost(found);
  const scale = scaleOf(found.configuration, trials);
  let least: (Found & { name: string; loss: number }) | undefined;
  for (const { name } of byExpectedLoss(found.configuration, [], trials)) {
    if (least !== undefined && trials.late) break;
    // What costs more than this cannot be the least.
    const limit = least === undefined ? Number.POSITIVE_INFINITY : now + Math.max(0, least.loss) * scale(name);
    const next = await trials.measureBelow(withoutAdded(found.configuration, name), limit);
    if (next === undefined) continue;
    const missed = trials.cost(next) - now;
    const loss = missed > 0 ? missed / scale(name) : missed;
    if (least === undefined || loss < least.loss) least = { ...next, name, loss };
  }
  return least;
}

import { CounterDraw } from '../stream/draw.ts';
import { RateProfile, type RateStage } from './arrival-rate.ts';

export type ArrivalKind = 'constant' | 'poisson' | 'burst' | 'trace';

/** When transactions should start, for all clients together. */
export interface ArrivalPlan {
  readonly kind: ArrivalKind;
  /** Rates over the phase; unused by a trace. */
  readonly stages: readonly RateStage[];
  /** Offsets in milliseconds, ascending; for a trace. */
  readonly offsetsMs?: readonly number[];
}

/** One client's next arrival; `dueMs` counts from the epoch and never moves, however late the client is. */
export interface Arrival {
  readonly k: number;
  readonly dueMs: number;
}

/** Which transactions one client runs: every k with k mod `clients` = `client`, counted from `first`. */
export interface ClientShare {
  readonly client: number;
  readonly clients: number;
  readonly first: number;
  /** Transactions over all clients; without it the phase ends with its duration. */
  readonly limit?: number;
}

/**
 * The arrivals of one client. Every client walks the steps of all of them, so that the arrival times of transaction k
 * do not depend on the number of clients.
 */
export function* arrivals(plan: ArrivalPlan, share: ClientShare, seed: number): Generator<Arrival, void, undefined> {
  const limit = share.limit ?? Number.POSITIVE_INFINITY;
  let k = 0;
  for (const dueMs of offsets(plan, seed)) {
    if (k >= limit) return;
    if (k % share.clients === share.client) yield { k: share.first + k, dueMs };
    k += 1;
  }
}

function* offsets(plan: ArrivalPlan, seed: number): Generator<number, void, undefined> {
  if (plan.kind === 'trace') {
    yield* plan.offsetsMs ?? [];
    return;
  }
  const profile = new RateProfile(plan.kind === 'burst' ? withBursts(plan.stages) : plan.stages);
  const draw = new CounterDraw(seed, 2);
  // Half a step in, so that a constant rate r over t seconds gives exactly r*t arrivals.
  let count = plan.kind === 'constant' ? 0.5 : draw.start(0).exponential();
  for (let step = 1; ; step++) {
    const dueMs = profile.timeOf(count);
    if (dueMs === Number.POSITIVE_INFINITY) return;
    yield dueMs;
    count += plan.kind === 'constant' ? 1 : draw.start(step).exponential();
  }
}

const burst = { everyMs: 5000, lengthMs: 100, factor: 10 } as const;

/** Ten times the base rate for 100 ms in every 5 s, with the base lowered so that the mean stays as asked. */
function withBursts(stages: readonly RateStage[]): RateStage[] {
  const base = burst.everyMs / (burst.everyMs + burst.lengthMs * (burst.factor - 1));
  const pieces: RateStage[] = [];
  for (const stage of stages) {
    const rateAt = (ms: number): number => stage.from + ((stage.to - stage.from) * ms) / stage.durationMs;
    for (let ms = 0; ms < stage.durationMs; ) {
      const quiet = ms % burst.everyMs < burst.everyMs - burst.lengthMs;
      const cycle = ms - (ms % burst.everyMs);
      const end = Math.min(stage.durationMs, quiet ? cycle + burst.everyMs - burst.lengthMs : cycle + burst.everyMs);
      const factor = base * (quiet ? 1 : burst.factor);
      pieces.push({ durationMs: end - ms, from: rateAt(ms) * factor, to: rateAt(end) * factor });
      ms = end;
    }
  }
  return pieces;
}

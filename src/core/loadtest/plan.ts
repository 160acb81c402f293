import { parseDuration } from '../config/duration.ts';
import { TradedbError } from '../error.ts';
import type { Durability } from '../sqlite/pragma-profile.ts';
import type { RateStage } from './arrival/arrival-rate.ts';
import type { ArrivalKind, ArrivalPlan } from './arrival/schedule.ts';
import type { ScenarioReference } from './scenario/resolve.ts';

/** Everything that decides what a load test does; `--dry-run` prints it. */
export interface LoadPlan {
  readonly scenarios: readonly ScenarioReference[];
  readonly seed: number;
  readonly clients: number;
  readonly load: LoadShape;
  readonly warmupMs: number;
  readonly groupSize: number;
  readonly durability: Durability;
  /** Further pragmas of each client connection. */
  readonly pragmas: readonly PragmaSetting[];
  readonly busyTimeoutMs: number;
  readonly backgroundReaders: number;
  readonly perStatement: boolean;
  readonly intervalMs: number;
  /** Transactions that each client runs and rolls back first, so that the JIT compiler has done its work. */
  readonly rehearsalCalls: number;
  /** Orders of the market that is made when there is no database to copy. */
  readonly sampleOrders: number;
}

export interface PragmaSetting {
  readonly name: string;
  readonly value: string;
}

export type LoadShape =
  | {
      readonly loop: 'closed';
      readonly durationMs: number;
      readonly transactions?: number;
      readonly thinkMs: number;
    }
  | {
      readonly loop: 'open';
      readonly durationMs: number;
      readonly transactions?: number;
      readonly arrivals: ArrivalPlan;
      readonly dropAfterMs?: number;
      readonly drainMs: number;
    };

/** A closed loop that ends with its transactions still needs an end. */
export const longestRunMs = 24 * 3_600_000;

export interface LoadOptions {
  readonly rate?: number;
  readonly stages: readonly RateStage[];
  readonly arrivals: ArrivalKind;
  readonly traceMs?: readonly number[];
  readonly durationMs: number;
  readonly transactions?: number;
  readonly thinkMs: number;
  readonly dropAfterMs?: number;
  readonly drainMs: number;
}

/** Open loop as soon as a rate, stages or a trace say when transactions come; closed loop otherwise. */
export function makeLoad(options: LoadOptions): LoadShape {
  const { transactions } = options;
  const limit = transactions === undefined ? {} : { transactions };
  const open = options.rate !== undefined || options.stages.length > 0 || options.arrivals === 'trace';
  if (!open) {
    if (options.dropAfterMs !== undefined) {
      throw new TradedbError('usage', 'a closed loop has no arrivals that could be dropped', {
        hint: 'give a rate: --rate 1000',
      });
    }
    const durationMs = transactions === undefined ? options.durationMs : longestRunMs;
    return { loop: 'closed', durationMs, ...limit, thinkMs: options.thinkMs };
  }
  if (options.thinkMs > 0) {
    throw new TradedbError('usage', 'think time belongs to a closed loop; in an open loop the rate says when to start');
  }
  const arrivals = arrivalPlan(options);
  const lastMs = arrivals.offsetsMs?.at(-1) ?? 0;
  const durationMs =
    arrivals.kind === 'trace' ? lastMs + 1 : arrivals.stages.reduce((sum, stage) => sum + stage.durationMs, 0);
  return {
    loop: 'open',
    durationMs,
    ...limit,
    arrivals,
    ...(options.dropAfterMs === undefined ? {} : { dropAfterMs: options.dropAfterMs }),
    drainMs: options.drainMs,
  };
}

function arrivalPlan(options: LoadOptions): ArrivalPlan {
  if (options.arrivals === 'trace') {
    if (options.traceMs === undefined || options.traceMs.length === 0) {
      throw new TradedbError('usage', 'the trace holds no arrival', { hint: 'one offset in milliseconds a line' });
    }
    return { kind: 'trace', stages: [], offsetsMs: options.traceMs };
  }
  if (options.stages.length > 0) return { kind: options.arrivals, stages: options.stages };
  const rate = options.rate ?? 1;
  const { transactions } = options;
  // Poisson arrivals need a little more room than the mean for the last ones.
  const durationMs = transactions === undefined ? options.durationMs : (transactions / rate) * 2000 + 10_000;
  return { kind: options.arrivals, stages: [{ durationMs, from: rate, to: rate }] };
}

/**
 * Stages such as `10s:500,30s:500,10s:2000`: each moves in a straight line from the rate before it to its own; the first
 * starts at its own rate, or at 0 when a ramp is wanted by writing `0s:0` first.
 */
export function parseStages(text: string): RateStage[] {
  const stages: RateStage[] = [];
  let from: number | undefined;
  for (const part of text.split(',')) {
    const match = /^\s*([^:]+):\s*(\d+(?:\.\d+)?)\s*(?:\/s)?\s*$/.exec(part);
    if (match === null) {
      throw new TradedbError('usage', `${JSON.stringify(part.trim())} is no stage`, {
        hint: 'write duration:rate, such as --stages 0s:0,10s:1000,30s:1000',
      });
    }
    const durationMs = parseDuration((match[1] ?? '').trim());
    const to = Number(match[2]);
    if (durationMs > 0) stages.push({ durationMs, from: from ?? to, to });
    from = to;
  }
  if (stages.length === 0 || stages.every((stage) => stage.from === 0 && stage.to === 0)) {
    throw new TradedbError('usage', `the stages ${JSON.stringify(text)} bring no load`);
  }
  return stages;
}

/** The rate that the warm-up climbs to: that of the first moment of the measured phase. */
export function firstRate(load: LoadShape): number | undefined {
  if (load.loop === 'closed') return undefined;
  const { arrivals } = load;
  if (arrivals.kind === 'trace') return ((arrivals.offsetsMs?.length ?? 0) / load.durationMs) * 1000;
  const stage = arrivals.stages[0];
  return stage === undefined ? undefined : Math.max(stage.from, stage.from === 0 ? stage.to / 2 : 0);
}

export function meanRate(load: LoadShape): number | undefined {
  if (load.loop === 'closed') return undefined;
  const { arrivals } = load;
  const expected =
    arrivals.offsetsMs?.length ??
    arrivals.stages.reduce((sum, stage) => sum + ((stage.from + stage.to) / 2) * (stage.durationMs / 1000), 0);
  return (expected / load.durationMs) * 1000;
}

/** `name=value` of --pragma. Both sides are kept to what a pragma can be, because pragmas cannot be bound. */
export function parsePragma(text: string): PragmaSetting {
  const match = /^\s*([a-z_]+)\s*=\s*(-?\w+)\s*$/i.exec(text);
  if (match === null) {
    throw new TradedbError('usage', `${JSON.stringify(text)} is no pragma setting`, {
      hint: 'write name=value, such as --pragma cache_size=-65536',
    });
  }
  return { name: (match[1] ?? '').toLowerCase(), value: match[2] ?? '' };
}

/** Splits `name@weight`; a weight belongs to the whole scenario. */
export function splitWeight(text: string): { name: string; weight: number } {
  const match = /^(.*)@(\d+(?:\.\d+)?)$/s.exec(text);
  if (match === null) return { name: text, weight: 1 };
  const weight = Number(match[2]);
  if (weight <= 0) throw new TradedbError('usage', `scenario ${JSON.stringify(text)} has no weight`);
  return { name: match[1] ?? '', weight };
}

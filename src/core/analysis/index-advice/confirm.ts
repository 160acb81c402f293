import type { OperationContext } from '../../context.ts';
import { judgePairs, type PairedResult, type PairedSeries, type Verdict } from '../../statistics/verdict.ts';
import type { MeasureClient } from '../cost/measure-client.ts';
import type { Meter } from '../cost/meter.ts';
import { type Configuration, currentIndexes, type StudiedQuery } from '../cost/studied-query.ts';
import { statementFault } from '../queries/plan-query.ts';
import type { ConfigurationPlanner } from '../shadow/configuration-planner.ts';

export interface Confirmation {
  readonly query: string;
  readonly fingerprint: string;
  /** Writes may get slower: what they pay is weighed against the reads. */
  readonly isWrite: boolean;
  /** `same-plan` needs no measurement; the values were used to find the advice when `heldOut` is false. */
  readonly verdict: Verdict | 'same-plan';
  readonly heldOut: boolean;
  /** After / before; null without a measurement. */
  readonly medianRatio: number | null;
  readonly p: number | null;
  readonly resolution: number | null;
  /** The same rows before and after; null where it was not compared (writes, time-outs). */
  readonly sameRows: boolean | null;
}

export interface ConfirmParts {
  readonly queries: readonly StudiedQuery[];
  readonly planner: ConfigurationPlanner;
  readonly meter: Meter;
  readonly client: MeasureClient;
  readonly context: OperationContext;
  readonly chance: () => number;
  readonly deadline: number;
  readonly maxSlowdown: number;
}

const pairs = 10;
const capMs = 20_000;
const quick = { executions: 3, spendMs: 8, capMs };

/** Compares the advised arrangement with the present one, pair by pair, on values that the search has not seen. */
export async function confirmAdvice(advised: Configuration, parts: ConfirmParts): Promise<Confirmation[]> {
  const before = parts.planner.plans(currentIndexes, parts.queries);
  const after = parts.planner.plans(advised, parts.queries);
  const series: (PairedSeries & { studied: StudiedQuery; sameRows: boolean | null })[] = [];
  const rest: Confirmation[] = [];
  for (const [index, studied] of parts.queries.entries()) {
    const planned = (plans: typeof before): string =>
      JSON.stringify((plans[index] ?? []).map((plan) => [plan.text, plan.maintained]));
    if (planned(before) === planned(after)) rest.push(withoutTest(studied, 'same-plan'));
    else if (parts.context.clock.now() > parts.deadline) rest.push(withoutTest(studied, 'unresolved'));
    else {
      const measured = await measurePairs(studied, advised, parts);
      if (measured === undefined) rest.push(withoutTest(studied, 'unresolved'));
      else series.push({ name: studied.query.name, studied, ...measured });
    }
  }
  const options = { alpha: 0.05, floor: parts.maxSlowdown - 1, detect: 0.1, chance: parts.chance };
  const judged = judgePairs(series, options);
  return [...judged.map((result, index) => tested(result, series[index])), ...rest];
}

function tested(
  result: PairedResult,
  series: { studied: StudiedQuery; sameRows: boolean | null } | undefined,
): Confirmation {
  return {
    query: result.name,
    fingerprint: series?.studied.query.fingerprint ?? '',
    isWrite: series?.studied.isWrite ?? false,
    verdict: result.verdict,
    heldOut: (series?.studied.query.heldOut.length ?? 0) > 0,
    medianRatio: result.medianRatio,
    p: result.pCorrected,
    resolution: Number.isFinite(result.resolution) ? result.resolution : null,
    sameRows: series?.sameRows ?? null,
  };
}

function withoutTest(studied: StudiedQuery, verdict: 'same-plan' | 'unresolved'): Confirmation {
  return {
    query: studied.query.name,
    fingerprint: studied.query.fingerprint,
    isWrite: studied.isWrite,
    verdict,
    heldOut: studied.query.heldOut.length > 0,
    medianRatio: null,
    p: null,
    resolution: null,
    sameRows: null,
  };
}

/** Before and after in random order within each pair; undefined when one of them has no time. */
async function measurePairs(
  studied: StudiedQuery,
  advised: Configuration,
  parts: ConfirmParts,
): Promise<{ ratios: number[]; sameRows: boolean | null } | undefined> {
  const { query } = studied;
  const sets = query.heldOut.length > 0 ? query.heldOut : query.tuning;
  const target = (configuration: Configuration, pair: number) => {
    const set = sets[pair % sets.length] ?? { sql: query.sql, values: [] };
    return {
      sql: set.sql,
      values: set.values,
      pragmas: query.pragmas,
      hidden: parts.meter.hidden(configuration, studied),
    };
  };
  const ratios: number[] = [];
  try {
    for (let pair = 0; pair < pairs; pair++) {
      const order = parts.chance() < 0.5 ? [currentIndexes, advised] : [advised, currentIndexes];
      const times = new Map<Configuration, number>();
      for (const configuration of order) {
        const timing = await parts.client.time(target(configuration, pair), quick);
        if (timing === undefined) return undefined;
        times.set(configuration, timing.bestMs);
      }
      ratios.push((times.get(advised) ?? 1) / Math.max(1e-6, times.get(currentIndexes) ?? 1));
    }
    return { ratios, sameRows: studied.isWrite ? null : await sameRows(target, advised, parts.client) };
  } catch (error) {
    statementFault(error);
    return undefined;
  }
}

async function sameRows(
  target: (configuration: Configuration, pair: number) => Parameters<MeasureClient['digest']>[0],
  advised: Configuration,
  client: MeasureClient,
): Promise<boolean | null> {
  const before = await client.digest(target(currentIndexes, 0), capMs);
  const after = await client.digest(target(advised, 0), capMs);
  if (before === undefined || after === undefined) return null;
  return before.rows === after.rows && before.digest === after.digest;
}

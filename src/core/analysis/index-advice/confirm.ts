import type { OperationContext } from '../../context.ts';
import { judgePairs, type PairedResult, type PairedSeries, type Verdict } from '../../statistics/verdict.ts';
import type { MeasureClient } from '../cost/measure-client.ts';
import type { Meter, Objective } from '../cost/meter.ts';
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
  /** Costs that the search found, for the present arrangement and the advised one. */
  readonly expected: { readonly before: Objective; readonly after: Objective };
}

const mostPairs = 10;
const fewestPairs = 2;
const longestMs = 20_000;
const quick = { executions: 3, spendMs: 8 };

/** From here on a gain is so large that a test would only cost time: the old plan is not even run to its end. */
const evidentMs = 100;
const evidentRatio = 0.5;
const evidentFactor = 3;
const evidentSlackMs = 200;

/** Compares the advised arrangement with the present one, pair by pair, on values that the search has not seen. */
export async function confirmAdvice(advised: Configuration, parts: ConfirmParts): Promise<Confirmation[]> {
  const before = parts.planner.plans(currentIndexes, parts.queries);
  const after = parts.planner.plans(advised, parts.queries);
  const series: (PairedSeries & { studied: StudiedQuery; sameRows: boolean | null })[] = [];
  const rest: Confirmation[] = [];
  const planned = (plans: typeof before, index: number): string =>
    JSON.stringify((plans[index] ?? []).map((plan) => [plan.text, plan.maintained]));
  const same = parts.queries.filter((_, index) => planned(before, index) === planned(after, index));
  rest.push(...same.map((studied) => withoutTest(studied, 'same-plan')));
  const changed = parts.queries.filter((studied) => !same.includes(studied));
  for (const [index, studied] of changed.entries()) {
    const left = parts.deadline - parts.context.clock.now();
    if (left <= 0) {
      rest.push(withoutTest(studied, 'unresolved'));
    } else if (isEvident(studied, parts)) {
      rest.push(await measureEvident(studied, advised, parts));
    } else {
      const measured = await measurePairs(studied, advised, { ...parts, budgetMs: left / (changed.length - index) });
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

function withoutTest(studied: StudiedQuery, verdict: 'same-plan' | 'unresolved' | 'improvement'): Confirmation {
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

function expectedMs({ query }: StudiedQuery, { expected }: ConfirmParts): { before: number; after: number } {
  const before = expected.before.perQuery.get(query.fingerprint) ?? 0;
  return { before, after: expected.after.perQuery.get(query.fingerprint) ?? before };
}

function isEvident(studied: StudiedQuery, parts: ConfirmParts): boolean {
  const { before, after } = expectedMs(studied, parts);
  return !studied.isWrite && before > evidentMs && after < before * evidentRatio;
}

/** The advised plan runs on each kept-aside set, the present one as long as a multiple of that. */
async function measureEvident(
  studied: StudiedQuery,
  advised: Configuration,
  parts: ConfirmParts,
): Promise<Confirmation> {
  const targets = targetsOf(studied, parts);
  const once = { executions: 1, spendMs: 0 };
  const ratios: number[] = [];
  let rows: boolean | null = null;
  try {
    for (let pair = 0; pair < fewestPairs; pair++) {
      const after = await parts.client.time(targets(advised, pair), { ...once, capMs: capOf(parts) });
      if (after === undefined) return withoutTest(studied, 'unresolved');
      const limit = Math.min(capOf(parts), after.bestMs * evidentFactor + evidentSlackMs);
      const before = await parts.client.time(targets(currentIndexes, pair), { ...once, capMs: limit });
      ratios.push(after.bestMs / (before?.bestMs ?? limit));
      if (before !== undefined && rows === null) rows = await sameRows(targets, advised, parts);
    }
  } catch (error) {
    statementFault(error);
    return withoutTest(studied, 'unresolved');
  }
  const medianRatio = Math.max(...ratios);
  const verdict = medianRatio < 1 ? 'improvement' : 'unresolved';
  return { ...withoutTest(studied, verdict), medianRatio, sameRows: rows };
}

/** No single run outlasts the time that is left for the confirmation. */
function capOf({ deadline, context }: ConfirmParts): number {
  return Math.max(1, Math.min(longestMs, deadline - context.clock.now()));
}

function targetsOf(studied: StudiedQuery, parts: ConfirmParts) {
  const { query } = studied;
  const sets = query.heldOut.length > 0 ? query.heldOut : query.tuning;
  return (configuration: Configuration, pair: number) => {
    const set = sets[pair % sets.length] ?? { sql: query.sql, values: [] };
    return {
      sql: set.sql,
      values: set.values,
      pragmas: query.pragmas,
      hidden: parts.meter.hidden(configuration, studied),
    };
  };
}

/** Before and after in random order within each pair; undefined when one of them has no time. */
async function measurePairs(
  studied: StudiedQuery,
  advised: Configuration,
  parts: ConfirmParts & { readonly budgetMs: number },
): Promise<{ ratios: number[]; sameRows: boolean | null } | undefined> {
  const target = targetsOf(studied, parts);
  const { before, after } = expectedMs(studied, parts);
  const pairs = Math.max(
    fewestPairs,
    Math.min(mostPairs, Math.floor(parts.budgetMs / Math.max(1, 2 * (before + after)))),
  );
  const ratios: number[] = [];
  try {
    for (let pair = 0; pair < pairs; pair++) {
      const order = parts.chance() < 0.5 ? [currentIndexes, advised] : [advised, currentIndexes];
      const times = new Map<Configuration, number>();
      for (const configuration of order) {
        const timing = await parts.client.time(target(configuration, pair), { ...quick, capMs: capOf(parts) });
        if (timing === undefined) return undefined;
        times.set(configuration, timing.bestMs);
      }
      ratios.push((times.get(advised) ?? 1) / Math.max(1e-6, times.get(currentIndexes) ?? 1));
    }
    return { ratios, sameRows: studied.isWrite ? null : await sameRows(target, advised, parts) };
  } catch (error) {
    statementFault(error);
    return undefined;
  }
}

async function sameRows(
  target: (configuration: Configuration, pair: number) => Parameters<MeasureClient['digest']>[0],
  advised: Configuration,
  parts: ConfirmParts,
): Promise<boolean | null> {
  const before = await parts.client.digest(target(currentIndexes, 0), capOf(parts));
  const after = await parts.client.digest(target(advised, 0), capOf(parts));
  if (before === undefined || after === undefined) return null;
  return before.rows === after.rows && before.digest === after.digest;
}

import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { Costs } from '../cost/meter.ts';
import type { Configuration } from '../cost/studied-query.ts';
import type { ConfigurationPlanner } from '../shadow/configuration-planner.ts';
import type { CostFigures } from './advice-data.ts';
import { dropSql } from './drops.ts';
import type { Laboratory } from './laboratory.ts';
import type { QueryEffect, Recommendation } from './recommendation.ts';

interface Parts {
  readonly laboratory: Laboratory;
  /** Why an existing index goes. */
  readonly reasons: ReadonlyMap<string, string>;
  readonly minimumGain: number;
}

export interface DescribedAdvice {
  readonly recommendations: readonly Recommendation[];
  readonly before: CostFigures;
  readonly after: CostFigures;
}

/** Puts figures to each part of the advice: what it saves beside the others, and for which queries. */
export async function describeAdvice(advised: Configuration, parts: Parts): Promise<DescribedAdvice> {
  const { laboratory } = parts;
  const { meter, study, existing, copy, asIs } = laboratory;
  const after = await meter.measureOwn(advised, study.queries);
  const sizeOf = (name: string): number =>
    Number(copy.value('SELECT pgsize FROM dbstat WHERE name = ? AND aggregate = TRUE', [name]) ?? 0);
  const now = existing.filter((index) => !index.isTable).reduce((sum, index) => sum + sizeOf(index.name), 0);
  const returned = advised.dropped.reduce((sum, name) => sum + sizeOf(name), 0);
  return {
    recommendations: [
      ...analyzeAdvice(parts),
      ...(await creations(advised, after, parts)),
      ...(await removals(advised, after, parts, sizeOf)),
    ],
    before: { readMs: asIs.readMs, writeMs: asIs.writeMs, indexBytes: now },
    after: { readMs: after.readMs, writeMs: after.writeMs, indexBytes: now + meter.bytesOf(advised.added) - returned },
  };
}

/** Fresh statistics are the first recommendation when they alone make the workload quicker. */
function analyzeAdvice({ laboratory, minimumGain }: Parts): Recommendation[] {
  const { asIs, baseline } = laboratory;
  const gain = asIs.totalMs - baseline.totalMs;
  if (asIs.totalMs === 0 || gain <= asIs.totalMs * Math.max(minimumGain, 0.02)) return [];
  return [
    {
      action: 'analyze',
      name: null,
      table: null,
      sql: 'ANALYZE',
      undoSql: '',
      reason: 'the statistics are missing or stale; fresh ones alone change plans for the better',
      queries: effects(laboratory, asIs, baseline),
      readGain: share(asIs.readMs - baseline.readMs, asIs.readMs),
      writeChange: share(baseline.writeMs - asIs.writeMs, asIs.writeMs),
      bytes: 0,
      buildMs: null,
      withoutStat4: null,
    },
  ];
}

async function creations(advised: Configuration, after: Costs, parts: Parts): Promise<Recommendation[]> {
  const { laboratory } = parts;
  const { meter, study, baseline } = laboratory;
  const stat4 = planWithoutStat4(advised, laboratory);
  const found: Recommendation[] = [];
  for (const name of advised.added) {
    const built = meter.built(name);
    if (built === undefined) continue;
    const without = { ...advised, added: advised.added.filter((one) => one !== name) };
    const missed = await meter.measureOwn(without, study.queries);
    const users = usersOf(name, advised, laboratory);
    found.push({
      action: 'create',
      name,
      table: built.definition.table,
      sql: built.definition.sql,
      undoSql: `DROP INDEX ${quoteIdentifier(name)}`,
      reason: users.length === 0 ? 'foreign-key checks or triggers search by it' : `used by ${users.join(', ')}`,
      queries: effects(laboratory, baseline, after).filter((effect) => users.includes(effect.name)),
      readGain: share(missed.readMs - after.readMs, baseline.readMs),
      writeChange: share(after.writeMs - missed.writeMs, baseline.writeMs),
      bytes: built.bytes,
      buildMs: built.buildMs,
      withoutStat4: stat4.get(name) ?? 'unused',
    });
  }
  return found.sort((a, b) => (b.readGain ?? 0) - (a.readGain ?? 0));
}

async function removals(
  advised: Configuration,
  after: Costs,
  parts: Parts,
  sizeOf: (name: string) => number,
): Promise<Recommendation[]> {
  const { meter, study, baseline, existing } = parts.laboratory;
  const found: Recommendation[] = [];
  for (const name of advised.dropped) {
    const index = existing.find((one) => one.name === name);
    if (index === undefined) continue;
    const kept = { ...advised, dropped: advised.dropped.filter((one) => one !== name) };
    const withIt = await meter.measureOwn(kept, study.queries);
    found.push({
      action: 'drop',
      name,
      table: index.table,
      ...dropSql(index),
      reason: parts.reasons.get(name) ?? 'not needed',
      queries: [],
      readGain: share(withIt.readMs - after.readMs, baseline.readMs),
      writeChange: share(after.writeMs - withIt.writeMs, baseline.writeMs),
      bytes: sizeOf(name),
      buildMs: null,
      withoutStat4: null,
    });
  }
  return found;
}

function usersOf(name: string, advised: Configuration, { planner, study }: Laboratory): string[] {
  return planner
    .plans(advised, study.queries)
    .flatMap((plans, index) =>
      plans.some((plan) => plan.indexes.has(name)) ? [study.queries[index]?.query.name ?? ''] : [],
    );
}

function effects(laboratory: Laboratory, before: Costs, after: Costs): QueryEffect[] {
  return laboratory.study.queries.map(({ query }) => ({
    name: query.name,
    beforeMs: before.perQuery.get(query.fingerprint) ?? null,
    afterMs: after.perQuery.get(query.fingerprint) ?? null,
  }));
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/** Whether an engine that was built without STAT4 uses each index for the same queries. */
function planWithoutStat4(
  advised: Configuration,
  { planner, study }: Laboratory,
): Map<string, 'same' | 'different' | 'unused'> {
  const uses = (plans: ReturnType<ConfigurationPlanner['plans']>, name: string): string =>
    JSON.stringify(plans.map((ofQuery) => ofQuery.map((plan) => plan.indexes.has(name))));
  const withHistograms = planner.plans(advised, study.queries);
  const without = (planner.plain ?? planner).plans(advised, study.queries);
  return new Map(
    advised.added.map((name) => {
      if (uses(without, name) === uses(withHistograms, name)) return [name, 'same'];
      return [name, uses(without, name).includes('true') ? 'different' : 'unused'];
    }),
  );
}

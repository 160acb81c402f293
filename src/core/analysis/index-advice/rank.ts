import type { Candidate } from '../candidates/candidate.ts';
import type { Objective } from '../cost/meter.ts';
import type { Configuration } from '../cost/studied-query.ts';
import { planCost } from '../query-plan/plan-cost.ts';
import type { SearchParts } from './search-parts.ts';

/** An index costs a write about this share of its present time; the measurement tells it exactly. */
const assumedWriteShare = 0.2;
const smallestBytes = 64 * 1024;
/** A plan that looks much worse counts as this many times as bad. */
const worstRatio = 3;

/**
 * Candidates by the planner's own estimate of what they save beside a configuration, per square root of their size. Only
 * those with a gain; the best are measured.
 */
export function rankCandidates(parts: SearchParts, configuration: Configuration, objective: Objective): Candidate[] {
  const now = parts.planner.plans(configuration, parts.queries);
  return parts.candidates
    .filter((candidate) => !candidate.indexes.every((index) => configuration.added.includes(index.name)))
    .map((candidate) => ({ candidate, score: scoreOf(candidate, now) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || (a.candidate.id < b.candidate.id ? -1 : 1))
    .map(({ candidate }) => candidate);

  function scoreOf(candidate: Candidate, before: ReturnType<SearchParts['planner']['plans']>): number {
    const tables = new Set(candidate.indexes.map((index) => index.table));
    const names = candidate.indexes.map((index) => index.name);
    const near = parts.queries.flatMap((studied, index) =>
      [...tables].some((table) => studied.use.tables.has(table)) ? [{ studied, plans: before[index] ?? [] }] : [],
    );
    const next = { ...configuration, added: [...new Set([...configuration.added, ...names])] };
    const after = parts.planner.plans(
      next,
      near.map(({ studied }) => studied),
    );
    let gain = 0;
    for (const [index, { studied, plans }] of near.entries()) {
      const ms = (objective.perQuery.get(studied.query.fingerprint) ?? 0) * studied.query.weight;
      const changed = after[index] ?? [];
      const saved = plans.map((plan, set) => {
        const cost = planCost(plan.steps);
        const newCost = planCost(changed[set]?.steps ?? plan.steps);
        return cost === 0 ? 0 : 1 - Math.min(worstRatio, newCost / cost);
      });
      if (saved.length > 0) gain += (ms * saved.reduce((sum, one) => sum + one, 0)) / saved.length;
      const maintained = changed[0]?.maintained.filter((name) => names.includes(name)).length ?? 0;
      gain -= ms * assumedWriteShare * maintained;
    }
    return gain / Math.sqrt(Math.max(smallestBytes, parts.bytesOf(candidate)));
  }
}

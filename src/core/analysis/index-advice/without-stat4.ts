import type { Objective } from '../cost/meter.ts';
import { type Configuration, currentIndexes, type StudiedQuery } from '../cost/studied-query.ts';
import type { Laboratory } from './laboratory.ts';
import type { QueryEffect } from './recommendation.ts';
import type { StepJudge } from './step-judge.ts';

/** What an engine that was built without STAT4, as most are, makes of the advice. */
export interface WithoutStat4 {
  /** The advice was chosen so that such an engine is not slower with it; false when the engine is known to have STAT4. */
  readonly held: boolean;
  /** Statements that such an engine would run more slowly than before. */
  readonly slower: readonly QueryEffect[];
}

/** Queries that break a limit in an engine without STAT4, where the engine may be such a one. */
export function brokenWithoutStat4(judge: StepJudge, before: Objective, after: Objective): StudiedQuery[] {
  if (before.plain === null || after.plain === null) return [];
  return judge.slowedPlain(after.plain, before.plain).map(({ studied }) => studied);
}

/** Looks at the advice once more when the engine is known to have STAT4: others may read the file too. */
export async function tellWithoutStat4(
  advised: Configuration,
  judge: StepJudge,
  { meter, planner, study, baseline, now }: Laboratory,
  deadline: number,
): Promise<WithoutStat4> {
  const held = planner.plain === null || baseline.plain !== null;
  if (held || advised.added.length + advised.dropped.length === 0 || now() > deadline) return { held, slower: [] };
  const before = await meter.measurePlain(currentIndexes, study.queries);
  const after = await meter.measurePlain(advised, study.queries);
  if (before === null || after === null) return { held: false, slower: [] };
  const slower = new Set(judge.slowedPlain(after, before).map(({ studied }) => studied.query));
  return {
    held: false,
    slower: [...slower].map(({ name, fingerprint }) => ({
      name,
      beforeMs: before.perQuery.get(fingerprint) ?? null,
      afterMs: after.perQuery.get(fingerprint) ?? null,
    })),
  };
}

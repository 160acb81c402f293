import type { Connection } from '../sqlite/connection.ts';
import { hasReferenceSchema } from '../trading/reference-schema.ts';
import { runRules } from '../trading/rule/run-rules.ts';

/** A critical rule of the trading schema that some rows break. */
export interface BrokenRule {
  readonly id: string;
  readonly sentence: string;
  readonly count: number;
  readonly sample: string;
}

export interface RuleCheck {
  readonly checked: number;
  readonly broken: readonly BrokenRule[];
}

const toleranceUs = 1_000_000;
const staleUs = 86_400_000_000;

/** Runs the business rules where the trading schema is there; nothing is checked in other databases. */
export function checkRules(connection: Connection): RuleCheck {
  if (!hasReferenceSchema(connection)) return { checked: 0, broken: [] };
  const results = runRules(connection, {
    nowUs: Math.round(connection.ports.clock.wallTime() * 1000),
    tolUs: toleranceUs,
    staleUs,
  });
  return {
    checked: results.filter((result) => result.status !== 'skipped' && result.status !== 'unknown').length,
    broken: results
      .filter((result) => result.severity === 'critical' && result.count > 0)
      .map(({ id, sentence, count, samples }) => ({ id, sentence, count, sample: samples[0] ?? '' })),
  };
}

/** What the load has broken: rules that held before, or that more rows break than before. */
export function newlyBroken(before: readonly BrokenRule[], after: readonly BrokenRule[]): BrokenRule[] {
  const counts = new Map(before.map((rule) => [rule.id, rule.count]));
  return after.filter((rule) => rule.count > (counts.get(rule.id) ?? 0));
}

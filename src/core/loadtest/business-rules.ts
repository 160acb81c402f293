import type { Connection } from '../sqlite/connection.ts';
import { detectProfile } from '../trading/profile/profiles.ts';
import { runProfileRules } from '../trading/profile/run-profile.ts';
import { hasReferenceSchema } from '../trading/reference-schema.ts';
import { runRules } from '../trading/rule/run-rules.ts';

/** A critical rule of the trading schema, or of the program whose file it is, that some rows break. */
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

/** Runs the business rules of the trading schema or of a known program; nothing is checked in other databases. */
export function checkRules(connection: Connection): RuleCheck {
  const options = { nowUs: Math.round(connection.ports.clock.wallTime() * 1000), tolUs: toleranceUs, staleUs };
  const isReference = hasReferenceSchema(connection);
  const profile = isReference ? undefined : detectProfile(tablesOf(connection));
  if (profile === undefined && !isReference) return { checked: 0, broken: [] };
  const results = profile === undefined ? runRules(connection, options) : runProfileRules(connection, profile, options);
  return {
    checked: results.filter((result) => result.status !== 'skipped' && result.status !== 'unknown').length,
    broken: results
      .filter((result) => result.severity === 'critical' && result.count > 0)
      .map(({ id, sentence, count, samples }) => ({ id, sentence, count, sample: samples[0] ?? '' })),
  };
}

function tablesOf(connection: Connection): ReadonlySet<string> {
  const rows = connection.all<{ name: string }>("SELECT lower(name) AS name FROM sqlite_schema WHERE type = 'table'");
  return new Set(rows.map(({ name }) => name));
}

/** What the load has broken: rules that held before, or that more rows break than before. */
export function newlyBroken(before: readonly BrokenRule[], after: readonly BrokenRule[]): BrokenRule[] {
  const counts = new Map(before.map((rule) => [rule.id, rule.count]));
  return after.filter((rule) => rule.count > (counts.get(rule.id) ?? 0));
}

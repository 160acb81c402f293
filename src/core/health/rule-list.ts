import type { CheckRow } from './check.ts';
import { fileChecks, sqliteJobs } from './registry.ts';
import type { RunState } from './run-state.ts';
import type { SqlJob } from './sql/sql-job.ts';
import { type ThresholdId, type ThresholdSet, thresholdIds } from './threshold.ts';
import type { Tier } from './tier.ts';

/** One check or rule as `health rules` shows it. */
export interface RuleRow {
  readonly id: string;
  /** `file`: reads bytes; `sqlite`: a check of SQLite itself; `rule`: a business rule. */
  readonly kind: 'file' | 'sqlite' | 'rule';
  readonly tier: Tier;
  readonly cost: 'cheap' | 'expensive';
  readonly source: 'built-in' | 'trading' | 'configuration';
  readonly sentence: string;
  readonly runbook: string;
  /** The SELECT whose rows are the offenders; null for checks that are no SQL. */
  readonly sql: string | null;
  /** Limits in the unit of the check: bytes, milliseconds or a fraction. */
  readonly warning: number | null;
  readonly critical: number | null;
  readonly unit: 'bytes' | 'ms' | 'share' | 'count' | null;
  /** Result of the last run on this database; null when it never ran. */
  readonly lastStatus: CheckRow['status'] | null;
  /** ISO 8601, UTC. */
  readonly lastRunAt: string | null;
  readonly lastDurationMs: number | null;
  readonly lastSummary: string | null;
}

/** Every check and rule, in the order in which they run. `state` is what the last runs on a database left. */
export function listRules(
  rules: readonly SqlJob[],
  thresholds: ThresholdSet,
  state: RunState | undefined,
): readonly RuleRow[] {
  const files = fileChecks.map(({ check, tier, runbook }): RuleRow => {
    const limits = thresholdIds.includes(check.id as ThresholdId) ? thresholds[check.id as ThresholdId] : undefined;
    return {
      id: check.id,
      kind: 'file',
      tier,
      cost: check.cost,
      source: 'built-in',
      sentence: check.sentence,
      runbook,
      sql: null,
      warning: limits?.warning ?? null,
      critical: limits?.critical ?? null,
      unit: limits?.unit ?? null,
      ...lastRun(check.id, state),
    };
  });
  const jobs = [...sqliteJobs, ...rules].map((job): RuleRow => {
    const { id, tier, cost, source, sentence, runbook } = job;
    const kind = source === 'built-in' ? 'sqlite' : 'rule';
    const sql = job.sql === undefined || job.sql.trim() === '' ? null : withoutIndent(job.sql);
    const none = { warning: null, critical: null, unit: null };
    return { id, kind, tier, cost, source, sentence, runbook, sql, ...none, ...lastRun(id, state) };
  });
  return [...files, ...jobs];
}

function lastRun(
  id: string,
  state: RunState | undefined,
): Pick<RuleRow, 'lastStatus' | 'lastRunAt' | 'lastDurationMs' | 'lastSummary'> {
  const memory = state?.checks[id];
  return {
    lastStatus: memory?.status ?? null,
    lastRunAt: memory === undefined ? null : new Date(memory.at).toISOString(),
    lastDurationMs: memory?.durationMs ?? null,
    lastSummary: memory?.summary ?? null,
  };
}

/** SQL is written indented in the sources. */
function withoutIndent(sql: string): string {
  const lines = sql.replace(/^\s*\n|\s+$/g, '').split('\n');
  const widths = lines.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length);
  const indent = Math.min(...widths);
  return lines.map((line) => line.slice(indent)).join('\n');
}

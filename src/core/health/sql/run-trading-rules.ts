import type { Finding } from '../../report.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { profileOfMapping } from '../../trading/mapping/view-compiler.ts';
import { profileNamed } from '../../trading/profile/profiles.ts';
import { runProfileRules } from '../../trading/profile/run-profile.ts';
import { tradingRules } from '../../trading/rule/rules.ts';
import { type RuleResult, runRules } from '../../trading/rule/run-rules.ts';
import type { SqlJob, SqlJobResult, SqlWork } from './sql-job.ts';

/** Evaluates rules of the trading schema in one snapshot; results in the order of `jobs`, which are all of that kind. */
export function runTradingRules(connection: Connection, jobs: readonly SqlJob[]): SqlJobResult[] {
  const wanted = new Set(jobs.map((job) => ruleOf(job).ruleId));
  if (jobs[0] === undefined) return [];
  const { options, profile } = ruleOf(jobs[0]);
  const known = typeof profile === 'object' ? profileOfMapping(profile) : profileNamed(profile ?? '');
  const rules = tradingRules.filter((rule) => wanted.has(rule.id));
  const found =
    known === undefined
      ? runRules(connection, { ...options, rules })
      : runProfileRules(connection, known, { ...options, ids: wanted });
  const results = new Map(found.map((result) => [result.id, result]));
  return jobs.map((job) => toJobResult(job, results.get(ruleOf(job).ruleId)));
}

function ruleOf(job: SqlJob): Extract<SqlWork, { kind: 'trading' }> {
  if (job.work.kind !== 'trading') throw new Error(`${job.id} is no rule of the trading schema`);
  return job.work;
}

function toJobResult(job: SqlJob, result: RuleResult | undefined): SqlJobResult {
  if (result === undefined) return { summary: 'unknown rule', findings: [], unknown: 'unknown rule', durationMs: 0 };
  const { durationMs, count, samples, explainedBy, reason, status } = result;
  if (status === 'skipped') return { summary: reason ?? '', findings: [], skipped: reason ?? 'skipped', durationMs };
  if (status === 'unknown') return { summary: reason ?? '', findings: [], unknown: reason ?? 'unknown', durationMs };
  if (status === 'ok') return { summary: job.sentence, findings: [], value: 0, durationMs };
  const rows = `${count} ${count === 1 ? 'row breaks' : 'rows break'} it`;
  const message = `not so: ${job.sentence}; ${rows}: ${samples.join(', ')}`;
  if (status === 'explained') {
    const causes = explainedBy.map((id) => `rule.${id}`).join(', ');
    return {
      summary: `${rows}, explained by ${causes}`,
      findings: [info(job, `${message}; explained by ${causes}`)],
      value: count,
      durationMs,
    };
  }
  const finding: Finding = { id: job.id, severity: job.severity, message, hint: job.runbook, values: { count } };
  return { summary: `${rows}: ${samples.slice(0, 3).join(', ')}`, findings: [finding], value: count, durationMs };
}

function info(job: SqlJob, message: string): Finding {
  return { id: job.id, severity: 'info', message };
}

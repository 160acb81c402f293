import type { AdviceData } from '../../core/analysis/index-advice/advice-data.ts';
import type { Finding } from '../../core/report.ts';

/** The advice as findings: each recommendation, foreign keys without an index, statements that took no part. */
export function adviceFindings(data: AdviceData): Finding[] {
  return [
    ...data.recommendations.map(
      (one): Finding => ({
        id: `index.${one.action}`,
        severity: 'warning',
        ...(one.name === null ? {} : { subject: one.name }),
        message: one.reason,
        hint: one.sql,
      }),
    ),
    ...(data.withoutStat4?.slower ?? []).map(
      ({ name, beforeMs, afterMs }): Finding => ({
        id: 'index.without-stat4',
        severity: 'warning',
        subject: name,
        message: `an engine without STAT4 would run it in ${latency(afterMs)} with this advice, in ${latency(beforeMs)} now`,
        hint: '--engine-stat4 no gives advice for such an engine, both for either kind',
      }),
    ),
    ...data.foreignKeys.map(
      (key): Finding => ({
        id: 'index.foreign-key',
        severity: 'info',
        subject: key.table,
        message: `no index on (${key.columns.join(', ')}), which refers to ${key.parent}: deleting or changing a key there reads all of ${key.table}`,
        hint: key.sql,
      }),
    ),
    ...data.strict.map(
      ({ table, sql }): Finding => ({
        id: 'schema.strict',
        severity: 'info',
        subject: table,
        message: 'every value has its declared type already; as a STRICT table it would stay so',
        hint: `-- migrate:table, then: ${sql.replace(/\s+/g, ' ')}`,
      }),
    ),
    ...data.estimated.map(
      (name): Finding => ({
        id: 'index.estimated',
        severity: 'info',
        subject: name,
        message: 'did not end in the time for one statement: its present time is an estimate',
      }),
    ),
    ...data.left.map(
      ({ name, reason }): Finding => ({
        id: 'index.left',
        severity: 'info',
        subject: name,
        message: `took no part: ${reason}`,
      }),
    ),
  ];
}

function latency(ms: number | null): string {
  return ms === null ? 'an unknown time' : `${ms >= 1 ? ms.toFixed(1) : ms.toFixed(3)} ms`;
}

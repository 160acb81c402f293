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
    ...data.foreignKeys.map(
      (key): Finding => ({
        id: 'index.foreign-key',
        severity: 'info',
        subject: key.table,
        message: `no index on (${key.columns.join(', ')}), which refers to ${key.parent}: deleting or changing a key there reads all of ${key.table}`,
        hint: key.sql,
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

import type { Report } from '../../../core/report.ts';

/** The schema alone, so that it can be written to a file and used. */
export function render(report: Report<{ schema: unknown }>): string {
  return JSON.stringify(report.data.schema, null, 2);
}

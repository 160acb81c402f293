import type { Report } from '../../../core/report.ts';

/** The script alone: the shell evaluates this output. */
export function render(report: Report<{ script: string }>): string {
  return report.data.script;
}

import type { Report } from '../../core/report.ts';
import type { ExitCode } from '../definition.ts';

export const exitCodeOption = { type: 'flag', summary: 'exit with 4 when there is advice or a finding' } as const;

/**
 * Advice is no failure: 0, whether there is any or not; 3 when the analysis could not be completed; 4 only for those who
 * asked for it.
 */
export function adviceExitCode(
  report: Report<object>,
  input: { readonly options: { readonly exitCode: boolean } },
): ExitCode {
  const advised = report.findings.some((finding) => finding.severity !== 'info');
  if (input.options.exitCode && advised) return 4;
  return 'complete' in report.data && report.data.complete === false ? 3 : 0;
}

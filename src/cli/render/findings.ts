import type { Finding } from '../../core/report.ts';
import { printable } from './format.ts';
import { paintStatus, type Style } from './style.ts';

/** Findings as lines: severity, subject and message, with the hint below. */
export function renderFindings(findings: readonly Finding[], style: Style): string {
  return findings
    .map((finding) => {
      const subject = finding.subject === undefined ? '' : `${style.bold(printable(finding.subject))}: `;
      const line = `  ${paintStatus(finding.severity, style)}  ${subject}${printable(finding.message)}`;
      return finding.hint === undefined ? line : `${line}\n           ${style.dim(`try: ${printable(finding.hint)}`)}`;
    })
    .join('\n');
}

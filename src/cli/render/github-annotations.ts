import type { Finding, Report } from '../../core/report.ts';

const levels: Readonly<Record<Finding['severity'], string>> = { critical: 'error', warning: 'warning', info: 'notice' };

/** Findings as workflow commands, which GitHub shows beside the change. One line each. */
export function renderGithubAnnotations(report: Report): string {
  return report.findings
    .map((finding) => {
      const subject = finding.subject === undefined ? '' : `${finding.subject}: `;
      const hint = finding.hint === undefined ? '' : `\ntry: ${finding.hint}`;
      const title = property(`tradedb ${report.command}`);
      return `::${levels[finding.severity]} title=${title}::${escaped(`${subject}${finding.message}${hint}`)}\n`;
    })
    .join('');
}

/** The runner decodes these three; anything else goes through as it is. */
function escaped(text: string): string {
  return text.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
}

function property(text: string): string {
  return escaped(text).replace(/:/g, '%3A').replace(/,/g, '%2C');
}

import { formatDuration } from '../../core/config/duration.ts';
import type { Report } from '../../core/report.ts';
import { printable } from './format.ts';

const signs: Readonly<Record<string, string>> = {
  ok: '✅',
  warning: '⚠️',
  critical: '❌',
  failed: '❌',
  skipped: '➖',
  unknown: '❔',
  info: 'ℹ️',
};

/** A comment for a pull request: status, checks, findings, and the plain text of the report folded away. */
export function renderMarkdown(report: Report, text: string): string {
  const parts = [`### ${signs[report.status]} tradedb ${report.command}: ${report.status}`];
  if (report.checks !== undefined && report.checks.length > 0) {
    parts.push(
      [
        '| | check | result |',
        '| --- | --- | --- |',
        ...report.checks.map((check) => `| ${signs[check.status]} | ${cell(check.id)} | ${cell(check.message)} |`),
      ].join('\n'),
    );
  }
  if (report.findings.length > 0) {
    parts.push(
      report.findings
        .map((finding) => {
          const hint = finding.hint === undefined ? '' : `<br>try: \`${cell(finding.hint)}\``;
          const subject = finding.subject === undefined ? '' : `**${cell(finding.subject)}**: `;
          return `- ${signs[finding.severity]} ${subject}${cell(finding.message)}${hint}`;
        })
        .join('\n'),
    );
  }
  const fence = '`'.repeat(Math.max(3, ...(text.match(/`+/g) ?? []).map((run) => run.length + 1)));
  parts.push(
    `<details><summary>report, ${formatDuration(report.durationMs)}</summary>\n\n${fence}text\n${text.trimEnd()}\n${fence}\n\n</details>`,
  );
  return `${parts.join('\n\n')}\n`;
}

function cell(text: string): string {
  return printable(text).replace(/[|\\<>*_`]/g, (character) => `\\${character}`);
}

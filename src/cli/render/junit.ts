import type { CheckResult, Report } from '../../core/report.ts';

/** JUnit XML: a suite per group, a case per check. Critical is a failure, unknown an error, skipped is skipped. */
export function renderJunit(report: Report): string {
  const checks = report.checks ?? checksOfFindings(report);
  const groups = [...new Set(checks.map((check) => check.group))];
  const suites = groups.map((group) =>
    suite(
      report,
      group,
      checks.filter((check) => check.group === group),
    ),
  );
  const total = counts(checks);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="tradedb ${xml(report.command)}" ${total} time="${seconds(report.durationMs)}">\n${suites.join('')}</testsuites>\n`;
}

function checksOfFindings(report: Report): readonly CheckResult[] {
  const group = report.command;
  const found = report.findings
    .filter((finding) => finding.severity !== 'info')
    .map((finding): CheckResult => {
      const name = finding.subject === undefined ? finding.id : `${finding.id} ${finding.subject}`;
      return {
        id: name,
        group,
        status: finding.severity === 'critical' ? 'critical' : 'warning',
        message: finding.message,
        durationMs: 0,
      };
    });
  if (found.length > 0) return found;
  return [
    {
      id: report.command,
      group,
      status: report.status === 'failed' ? 'critical' : 'ok',
      message: report.status,
      durationMs: report.durationMs,
    },
  ];
}

function suite(report: Report, group: string, checks: readonly CheckResult[]): string {
  const time = checks.reduce((sum, check) => sum + check.durationMs, 0);
  return `  <testsuite name="${xml(group)}" ${counts(checks)} time="${seconds(time)}" timestamp="${report.startedAt.slice(0, 19)}">\n${checks.map(testCase).join('')}  </testsuite>\n`;
}

function counts(checks: readonly CheckResult[]): string {
  const count = (status: CheckResult['status']): number => checks.filter((check) => check.status === status).length;
  return `tests="${checks.length}" failures="${count('critical')}" errors="${count('unknown')}" skipped="${count('skipped')}"`;
}

function testCase(check: CheckResult): string {
  const open = `    <testcase classname="${xml(check.group)}" name="${xml(check.id)}" time="${seconds(check.durationMs)}"`;
  const message = xml(check.message);
  switch (check.status) {
    case 'critical':
      return `${open}><failure message="${message}"/></testcase>\n`;
    case 'unknown':
      return `${open}><error message="${message}"/></testcase>\n`;
    case 'skipped':
      return `${open}><skipped message="${message}"/></testcase>\n`;
    case 'warning':
      return `${open}><system-out>warning: ${message}</system-out></testcase>\n`;
    default:
      return `${open}/>\n`;
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** Escapes for attributes and text; characters that XML 1.0 cannot hold become U+FFFD. */
function xml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/[\n\r\t]/g, (character) => `&#${character.charCodeAt(0)};`);
}

import type { Finding } from '../../report.ts';
import { isKeyword, isTrivia, tokenize } from '../../schema/sql-lexer.ts';
import type { QueryReport, ScannedTable } from './query-report.ts';

/** A scan of fewer rows is not worth an index. */
const smallScanRows = 1000;

/** What an operator should know about one query. */
export function queryFindings(report: QueryReport, sql: string): Finding[] {
  const findings: Finding[] = [];
  const add = (id: string, severity: Finding['severity'], message: string, hint?: string): void => {
    findings.push({
      id: `query.${id}`,
      severity,
      subject: report.name,
      message,
      ...(hint === undefined ? {} : { hint }),
    });
  };
  if (report.error !== null) {
    add('error', 'warning', `cannot be planned: ${report.error}`);
    return findings;
  }
  for (const scan of report.fullScans) {
    if ((scan.rows ?? 0) < smallScanRows) continue;
    const severity = hasCondition(sql) ? 'warning' : 'info';
    add('full-scan', severity, scanText(scan), severity === 'warning' ? 'tradedb analyze indexes' : undefined);
  }
  for (const table of report.automaticIndexes) {
    add(
      'automatic-index',
      'warning',
      `SQLite builds an index on ${table} during each execution`,
      'tradedb analyze indexes',
    );
  }
  for (const purpose of report.tempBtrees) add('temp-b-tree', 'info', `sorts into a temporary b-tree for ${purpose}`);
  for (const index of report.skipScans) {
    add('skip-scan', 'info', `skip-scan: ${index} is used without a condition on its first column`);
  }
  if (report.correlatedSubqueries > 0) add('correlated', 'info', 'a subquery runs once for each row');
  if (report.planVariesByParameter) add('plan-varies', 'info', `${report.plans} plans, depending on the values`);
  if (report.planVariesWithoutStat4) add('stat4', 'info', 'an engine built without STAT4 plans it otherwise');
  if (report.notTimed !== null) add('not-timed', 'info', `not timed: ${report.notTimed}`);
  return findings;
}

function scanText(scan: ScannedTable): string {
  const rows = (scan.rows ?? 0).toLocaleString('en-US');
  const what =
    scan.index === null ? `all ${rows} rows of ${scan.table}` : `all ${rows} entries of ${scan.index} (${scan.table})`;
  return `reads ${what}`;
}

/** A statement without any condition has to read everything. */
function hasCondition(sql: string): boolean {
  return tokenize(sql).some((token) => !isTrivia(token) && (isKeyword(token, 'WHERE') || isKeyword(token, 'ON')));
}

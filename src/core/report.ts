/**
 * The one result type of every command. Core fills it with plain data; the renderers turn it into text, JSON, JUnit
 * and the other forms.
 */

export type ReportStatus = 'ok' | 'warning' | 'critical' | 'failed';

export type Severity = 'info' | 'warning' | 'critical';

/** Something the operator should know, with what to try. */
export interface Finding {
  /** Stable dotted name, such as `wal.backlog`. */
  readonly id: string;
  readonly severity: Severity;
  readonly message: string;
  /** The object it is about: a table, a file, a migration. */
  readonly subject?: string;
  readonly hint?: string;
  readonly values?: Readonly<Record<string, number | string>>;
}

/** One test that was made, for JUnit, Nagios and check lists. */
export interface CheckResult {
  readonly id: string;
  /** Suite in JUnit, section in text. */
  readonly group: string;
  readonly status: 'ok' | 'warning' | 'critical' | 'skipped' | 'unknown';
  readonly message: string;
  readonly durationMs: number;
}

/** One sample of one series; names follow the Prometheus conventions, without the `tradedb_` prefix. */
export interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Report<T = unknown> {
  readonly schemaVersion: 1;
  /** Words of the command, such as `backup create`. */
  readonly command: string;
  readonly status: ReportStatus;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly findings: readonly Finding[];
  readonly data: T;
  readonly checks?: readonly CheckResult[];
  readonly metrics?: readonly Metric[];
}

/** The status that follows from findings alone. */
export function worstStatus(findings: readonly Finding[]): 'ok' | 'warning' | 'critical' {
  if (findings.some((finding) => finding.severity === 'critical')) return 'critical';
  if (findings.some((finding) => finding.severity === 'warning')) return 'warning';
  return 'ok';
}

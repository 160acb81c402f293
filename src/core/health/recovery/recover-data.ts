import type { Finding } from '../../report.ts';
import type { FrozenFile } from './freeze.ts';
import type { Damage, Inspection } from './inspection.ts';
import type { Method, PlannedWay } from './plan.ts';
import type { TableDifference } from './row-diff.ts';
import type { SalvageResult } from './salvage.ts';
import type { ReadableTable } from './tree-damage.ts';
import type { Verification } from './verify-result.ts';

/** What a way left behind. */
export interface Outcome {
  readonly tables: SalvageResult['tables'];
  readonly failedObjects: SalvageResult['failedObjects'];
  readonly quarantine: {
    readonly rows: number;
    readonly deletedRows: number;
    /** Rows that only a WAL has which the result was made without. */
    readonly unprovenRows: number;
    readonly path: string;
  } | null;
  /** Pages taken from a backup or from the archived WAL. */
  readonly replacedPages: readonly number[];
  /** Indexes that were built again, and how many rows they disagreed with. */
  readonly reindexed: readonly { readonly name: string; readonly rows: number }[];
  readonly verification: Verification;
}

export interface RecoverData {
  readonly database: string;
  readonly damage: readonly Damage[];
  readonly wal: {
    readonly frames: number;
    readonly commits: number;
    /** Commits behind a broken frame that verify from its checksum. */
    readonly reanchoredCommits: number;
    readonly ignored: string | null;
  };
  readonly schemaOrigin: Inspection['schema']['origin'];
  readonly readable: readonly ReadableTable[];
  readonly plan: readonly PlannedWay[];
  /** Null in a dry run. */
  readonly chosen: Method | null;
  /** Ways that were tried before and did not lead to a sound result. */
  readonly attempts: readonly { readonly method: Method; readonly reason: string }[];
  readonly caseFolder: string | null;
  readonly frozen: readonly FrozenFile[];
  readonly result: { readonly path: string; readonly sizeBytes: number } | null;
  readonly tables: Outcome['tables'];
  readonly failedObjects: Outcome['failedObjects'];
  readonly quarantine: Outcome['quarantine'];
  readonly replacedPages: readonly number[];
  readonly reindexed: Outcome['reindexed'];
  readonly verification: Verification | null;
  /** Row by row against the newest known state; null without a backup. */
  readonly comparison: {
    readonly backupId: string;
    readonly at: string;
    readonly tables: readonly TableDifference[];
    /** Missing rows, one JSON line each; null when none is missing. */
    readonly rowsFile: string | null;
  } | null;
  /** Where the damaged files lie, once the result has taken their place. */
  readonly swapped: { readonly oldDatabase: string } | null;
}

export type DescribedPart = Pick<RecoverData, 'damage' | 'wal' | 'schemaOrigin' | 'readable' | 'plan'>;

export function describeInspection(inspection: Inspection, plan: readonly PlannedWay[]): DescribedPart {
  const { source, salvageSource, schema, byTree, damage } = inspection;
  const { committedFrames, commits } = source.target.wal;
  return {
    damage,
    wal: {
      frames: committedFrames,
      commits,
      reanchoredCommits: salvageSource.reanchored?.commits ?? 0,
      ignored: source.walIgnored ?? null,
    },
    schemaOrigin: schema.origin,
    readable: byTree.readable,
    plan,
  };
}

export const nothingDone = {
  chosen: null,
  attempts: [],
  caseFolder: null,
  frozen: [],
  result: null,
  tables: [],
  failedObjects: [],
  quarantine: null,
  replacedPages: [],
  reindexed: [],
  verification: null,
  comparison: null,
  swapped: null,
} satisfies Partial<RecoverData>;

export function damageFindings(damage: readonly Damage[]): Finding[] {
  return damage.map(({ class: kind, count, message }) => ({
    id: `damage.${kind}`,
    severity: 'warning',
    message: count > 1 && kind !== 'changed' ? `${message} (and ${count - 1} more)` : message,
  }));
}

export function resultFindings(data: RecoverData): Finding[] {
  const warn = (id: string, message: string, extra: Omit<Finding, 'id' | 'severity' | 'message'> = {}): Finding => ({
    id,
    severity: 'warning',
    message,
    ...extra,
  });
  const { quarantine, verification, failedObjects, result, comparison } = data;
  const findings: Finding[] = [];
  if (quarantine !== null && quarantine.rows > 0) {
    const hint = 'look at table quarantined; --include-freed admits rows that may be deleted ones';
    const message = `${quarantine.rows} rows have no place in the result: ${quarantine.path}`;
    findings.push(warn('recover.quarantine', message, { hint, values: { rows: quarantine.rows } }));
  }
  if (quarantine !== null && quarantine.unprovenRows > 0) {
    const { unprovenRows, path } = quarantine;
    const hint =
      data.wal.ignored === null
        ? '--method salvage takes the commits behind the break that verify'
        : 'look at table unproven; --include-wal takes the WAL as it is, when you know that it belongs here';
    const message = `${unprovenRows} rows stand only in commits of the WAL that nothing proves to be current: ${path}`;
    findings.push(warn('recover.unproven', message, { hint, values: { rows: unprovenRows } }));
  }
  for (const { name, missingKeyRanges } of data.tables.filter((table) => table.missingKeyRanges.length > 0)) {
    findings.push(
      warn('recover.missing', `rows are missing: ${missingKeyRanges.slice(0, 5).join(', ')}`, { subject: name }),
    );
  }
  for (const { name, outdatedPages } of data.tables.filter((table) => table.outdatedPages > 0)) {
    const message = `the newest version of ${outdatedPages} pages was in a broken frame of the WAL: rows of the older one are in quarantine`;
    findings.push(warn('recover.outdated', message, { subject: name }));
  }
  for (const { method, reason } of data.attempts.filter((one) => one.reason.startsWith('REINDEX is refused'))) {
    const hint = 'compare these rows with a backup or with the venue: nobody here can tell which value is right';
    findings.push(warn('recover.conflict', `${method} did not help: ${reason}`, { hint }));
  }
  for (const { type, name, reason } of failedObjects) {
    findings.push(warn('recover.object', reason, { subject: `${type} ${name}` }));
  }
  for (const message of verification?.integrity ?? []) {
    findings.push({ id: 'recover.verify', severity: 'critical', message });
  }
  if ((verification?.foreignKeyViolations ?? 0) > 0) {
    const message = `${verification?.foreignKeyViolations} rows point to rows that were lost`;
    findings.push(warn('recover.references', message, { hint: `tradedb health -d ${result?.path} --tier daily` }));
  }
  for (const { id, summary } of verification?.rules ?? [])
    findings.push(warn('recover.rule', summary, { subject: id }));
  for (const table of comparison?.tables.filter(({ missing, changed }) => missing + changed > 0) ?? []) {
    const message = `${table.missing} rows of backup ${comparison?.backupId} are not in the result, ${table.changed} differ: lost, or deleted and changed after ${comparison?.at}`;
    findings.push({ id: 'recover.compared', severity: 'info', subject: table.name, message });
  }
  return findings;
}

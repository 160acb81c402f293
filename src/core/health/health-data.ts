import type { CheckResult, Metric } from '../report.ts';
import type { CheckRow } from './check.ts';
import type { RunState } from './run-state.ts';
import type { StructureScan } from './structure/scan.ts';
import type { HealthTarget } from './target.ts';
import { nextDue, type Tier, type TierSchedule } from './tier.ts';

/** `data` of `health check`. */
export interface HealthData {
  readonly database: {
    readonly path: string;
    readonly sizeBytes: number;
    readonly pageSizeBytes: number | null;
    readonly pageCount: number | null;
    readonly journalMode: 'wal' | 'rollback' | null;
    /** Null where the system has no lock table. */
    readonly connectedProcesses: number | null;
    readonly holdersVisible: boolean;
    readonly freeBytes: number;
  };
  readonly tier: Tier;
  readonly checks: readonly CheckRow[];
  /** Null when no check asked for it. */
  readonly scan: { readonly pagesScanned: number; readonly pagesTotal: number; readonly complete: boolean } | null;
  /** ISO 8601, UTC. */
  readonly nextDue: { readonly daily: string; readonly deep: string };
  /** Checks whose status is another than in the run before; empty in the first run. */
  readonly changes: readonly CheckChange[];
  /** ISO 8601, UTC; null in the first run. */
  readonly previousRunAt: string | null;
  /** With --since-last: text shows the changes alone. */
  readonly sinceLast?: true;
  /** A finding proves that the file is damaged or no database. */
  readonly damaged: boolean;
  /** SQL checks could not be made, because the database stayed locked. */
  readonly locked: boolean;
  /** With --notify: alerts that people were told of, that wait for their time, and notifications that wait to be sent. */
  readonly alerts?: { readonly firing: number; readonly pending: number; readonly queued: number };
  /** With --heal: what was done, would be done, or was refused. */
  readonly healing?: readonly { readonly action: string; readonly decision: string; readonly reason: string }[];
  /** Asked for as a plugin: one line, with this much performance data. */
  readonly nagios?: { readonly perfdata: 'summary' | 'all' | 'none' };
}

export interface CheckChange {
  readonly id: string;
  readonly before: CheckRow['status'];
  readonly after: CheckRow['status'];
  readonly summary: string;
}

/** What another run found otherwise. A check that is skipped now says nothing. */
function changesOf(rows: readonly CheckRow[], previous: RunState): CheckChange[] {
  return rows.flatMap(({ id, status, summary }) => {
    const before = previous.checks[id]?.status;
    if (before === undefined || before === status || status === 'skipped' || before === 'skipped') return [];
    return [{ id, before, after: status, summary }];
  });
}

export function buildData(run: {
  readonly target: HealthTarget;
  readonly tier: Tier;
  readonly rows: readonly CheckRow[];
  readonly scan: StructureScan | undefined;
  readonly state: RunState;
  readonly previous: RunState;
  readonly schedule: TierSchedule;
  readonly now: number;
  readonly damage: boolean;
  readonly locked: boolean;
}): HealthData {
  const { target, scan } = run;
  const due = nextDue(run.state.tierRuns, run.schedule, run.now);
  const iso = (at: number): string => new Date(at).toISOString();
  return {
    database: {
      path: target.path,
      sizeBytes: target.sizeBytes,
      pageSizeBytes: target.header?.pageSizeBytes ?? null,
      pageCount: target.header === undefined ? null : target.pageCount,
      journalMode: target.header === undefined ? null : target.header.readVersion === 2 ? 'wal' : 'rollback',
      connectedProcesses: target.holders?.length ?? null,
      holdersVisible: target.holders !== undefined,
      freeBytes: target.fileSystem.freeBytes,
    },
    tier: run.tier,
    checks: run.rows,
    scan:
      scan === undefined
        ? null
        : { pagesScanned: scan.pagesScanned, pagesTotal: scan.pagesTotal, complete: scan.complete },
    nextDue: { daily: iso(due.daily), deep: iso(due.deep) },
    changes: changesOf(run.rows, run.previous),
    previousRunAt: run.previous.lastRunAt === undefined ? null : iso(run.previous.lastRunAt),
    damaged: run.damage,
    locked: run.locked,
  };
}

/** The same rows for JUnit: a suite per tier, a case per check. */
export function toChecks(rows: readonly CheckRow[]): CheckResult[] {
  return rows.map(({ id, tier, status, summary, reason, durationMs }) => ({
    id,
    group: tier,
    status,
    message: reason ?? summary,
    durationMs,
  }));
}

const codes: Readonly<Record<CheckRow['status'], number>> = { ok: 0, warning: 1, critical: 2, unknown: 3, skipped: 3 };

/** Series for Prometheus; skipped checks have none. */
export function toMetrics(data: HealthData): Metric[] {
  const database = data.database.path;
  const made = data.checks.filter(({ status }) => status !== 'skipped');
  const gauge = (name: string, help: string, value: number, labels: Record<string, string> = {}): Metric => ({
    name,
    type: 'gauge',
    help,
    value,
    labels: { database, ...labels },
  });
  const value = (id: string): number => data.checks.find((row) => row.id === id)?.value ?? 0;
  return [
    ...made.map(({ id, status }) =>
      gauge('health_status', 'Status of a check: 0 ok, 1 warning, 2 critical, 3 unknown', codes[status], { check: id }),
    ),
    ...made.map(({ id, durationMs }) =>
      gauge('health_check_duration_seconds', 'Time that a check took', durationMs / 1000, { check: id }),
    ),
    gauge('database_size_bytes', 'Size of the database file', data.database.sizeBytes),
    gauge('database_free_space_bytes', 'Free space on the file system of the database', data.database.freeBytes),
    gauge('wal_backlog_bytes', 'Frames of the WAL that are not checkpointed yet', value('wal.backlog')),
    gauge('pages_damaged', 'Pages that the structural scan found damaged', value('structure.page')),
  ];
}

import type { OperationContext } from '../context.ts';
import type { CheckResult, Finding } from '../report.ts';
import type { EvidenceSource } from './evidence/page-evidence.ts';
import type { RunState } from './run-state.ts';
import type { SchemaEntry } from './schema-pages.ts';
import type { ConfirmedScan } from './structure/confirm.ts';
import type { HealthTarget } from './target.ts';
import type { Threshold, ThresholdSet } from './threshold.ts';
import type { Tier } from './tier.ts';

/** What the command knows and a check may need. */
export interface HealthFacts {
  /** Our own command that works on the database now; its readers are no stranger's. */
  ownWork?(): Promise<{ readonly pid: number; readonly purpose: string } | undefined>;
  /** Newest backup of this database; undefined when there is no repository to look in. */
  newestBackup?(): Promise<BackupFacts | undefined>;
  /** What the repository knows about every page; undefined when there is no repository to look in. */
  readonly pageEvidence?: EvidenceSource | undefined;
  /** The last run of a job that proves backups. */
  lastRun?(job: 'verify' | 'drill'): ProofOfBackups | undefined;
  /** How the schema differs from the one that the last migration recorded; undefined when none did. */
  schemaDrift?(objects: readonly SchemaEntry[], history: MigrationHistoryReader): Promise<DriftFacts | undefined>;
  /** State of the migrations folder against the history rows of the database; undefined when there is no folder. */
  migrations?(history: MigrationHistoryReader): Promise<MigrationFacts | undefined>;
}

export interface ProofOfBackups {
  /** Milliseconds since 1970 UTC. */
  readonly at: number;
  readonly passed: boolean;
  /** In one line: what was proven, or what failed. */
  readonly summary: string;
}

export interface BackupFacts {
  /** Milliseconds since 1970 UTC; undefined when there is no backup yet. */
  readonly newestAt: number | undefined;
  readonly id: string | undefined;
  readonly count: number;
  /** Where was looked, for messages. */
  readonly place: string;
  /** What the repository knows of verifications of this database that read every byte; undefined when there was none. */
  readonly verified?: ProofOfBackups | undefined;
}

/** Rows of a table read without SQL, as objects by column name; undefined when the table does not exist. */
export type MigrationHistoryReader = (table: string) => readonly Readonly<Record<string, unknown>>[] | undefined;

export interface MigrationFacts {
  readonly applied: number;
  readonly pending: readonly string[];
  /** Sentences about edited, missing, late or interrupted migrations. */
  readonly conflicts: readonly string[];
}

export interface DriftFacts {
  readonly objectsCompared: number;
  readonly differences: readonly { readonly subject: string; readonly message: string }[];
}

export interface CheckInput {
  readonly target: HealthTarget;
  /** The page scan, made once for all checks that need it. */
  scan(): Promise<ConfirmedScan>;
  /** What earlier runs saw. */
  readonly previous: RunState;
  readonly thresholds: ThresholdSet;
  readonly facts: HealthFacts;
  readonly context: OperationContext;
}

export interface CheckOutcome {
  /** One line: what was found, also when all is well. */
  readonly summary: string;
  readonly findings?: readonly Finding[];
  readonly value?: number;
  readonly unit?: 'bytes' | 'ms' | 'share' | 'pages' | 'count';
  /** The check could not be made, for a reason that is no fault of the database. */
  readonly skipped?: string;
  /** The check could not tell. */
  readonly unknown?: string;
  /** A critical finding proves that the file is damaged, so SQLite must not open it. */
  readonly damage?: boolean;
}

export interface HealthCheck {
  readonly id: string;
  /** What it makes sure of, for `health rules`. */
  readonly sentence: string;
  readonly cost: 'cheap' | 'expensive';
  run(input: CheckInput): CheckOutcome | Promise<CheckOutcome>;
}

export interface Registration {
  readonly check: HealthCheck;
  readonly tier: Tier;
  /** What to do when it fails. */
  readonly runbook: string;
}

/** One line of the report. */
export interface CheckRow {
  readonly id: string;
  readonly tier: Tier;
  readonly cost: 'cheap' | 'expensive';
  readonly status: CheckResult['status'];
  readonly summary: string;
  readonly value?: number;
  readonly unit?: CheckOutcome['unit'];
  readonly warning?: number;
  readonly critical?: number;
  /** Given as ranges: these decide, and there are no limits. */
  readonly ranges?: Threshold['ranges'];
  readonly durationMs: number;
  /** `file`: the bytes of the live files; `live`: SQL on the live database; `copy`: SQL on a private copy, `backup`: SQL on the restored backup. */
  readonly ranOn: 'file' | 'live' | 'copy' | 'backup' | 'none';
  /** Why it was skipped or is unknown. */
  readonly reason?: string;
}

/** A finding of a check, with the check's id. */
export function finding(
  id: string,
  severity: Finding['severity'],
  message: string,
  extra: Omit<Finding, 'id' | 'severity' | 'message'> = {},
): Finding {
  return { id, severity, message, ...extra };
}

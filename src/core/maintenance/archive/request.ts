import type { DiskProbe } from '../disk-guard.ts';
import type { RetentionPolicy } from '../retention/policy.ts';
import type { Counts } from './chunk.ts';
import type { ArchiveFormat, ParquetCodec } from './format.ts';
import type { ArchiveRetention } from './manifest.ts';

export interface ArchiveRequest {
  /** Absolute path. */
  readonly database: string;
  /** Absolute path of the folder of the archives. */
  readonly folder: string;
  readonly policies: readonly RetentionPolicy[];
  /** Milliseconds since 1970. */
  readonly before: number | undefined;
  /** Overrides the format of the policies. */
  readonly format: ArchiveFormat | undefined;
  readonly defaultFormat: ArchiveFormat;
  readonly strictTypes: boolean;
  readonly chunkRows: number;
  readonly rowGroupRows: number;
  /** Of Parquet files. */
  readonly codec: ParquetCodec;
  /** Wall time (ms since 1970) at which a maintenance window ends. */
  readonly windowEnd?: number | undefined;
  readonly restoreHoldMs: number;
  readonly allowSlow: boolean;
  /** Archive without deleting. */
  readonly keepRows: boolean;
  readonly maxDurationMs: number;
  readonly latencyBudgetMs: number;
  readonly walBudgetBytes: number;
  readonly duty: number;
  readonly readerWaitMs: number;
  readonly reserveBytes: number;
  /** Deletes only while others commit less often than this per second. */
  readonly idleRate: number | undefined;
  readonly busyTimeoutMs: number;
  readonly dryRun: boolean;
}

export interface ArchivePorts {
  readonly probeDisk: DiskProbe;
  /** Asks before rows are deleted; throws when the answer is no. */
  readonly confirm: (question: string) => Promise<void>;
}

export type ArchiveStop = 'done' | 'duration' | 'disk' | 'reader' | 'busy' | 'mismatch';

/** A chunk in a report. */
export interface ChunkResult extends Counts {
  readonly id: string;
  readonly table: string;
  readonly state: string;
  /** Rows of all its tables. */
  readonly rows: number;
  readonly bytes: number;
  readonly format: ArchiveFormat;
  readonly sha256: string;
  /** Archived only, with --keep-rows. */
  readonly kept: boolean;
  readonly archivedAt: string;
  readonly database: string;
  readonly restoredAt: string | null;
  /** Until when its retention class wants it kept; null without a class. */
  readonly retention: ArchiveRetention | null;
}

export interface PolicyResult {
  readonly table: string;
  readonly children: readonly string[];
  readonly cutoff: string;
  readonly keepMs: number;
  /** Rows of the table itself. */
  readonly rowsDue: number;
  readonly oldest: string | null;
  readonly newest: string | null;
  readonly estimatedBytes: number;
  readonly triggers: readonly string[];
  /** Table that is kept true while rows leave. */
  readonly adjusts: string | null;
  readonly timezone: string | null;
  /** Name of the retention class. */
  readonly class: string | null;
  /** Rows were put back into the table not long ago; until then nothing of it is due. */
  readonly heldUntil: string | null;
  /** For a policy without an archive: rows deleted without a copy, and rows of the table that had to stay. */
  readonly deletedOnly: { readonly deleted: number; readonly kept: number } | null;
  /** Rows that the summary of the policy wrote; null without one. */
  readonly summaryRows: number | null;
  readonly archive: 'none' | ArchiveFormat | null;
  readonly chunks: readonly ChunkResult[];
  readonly ledger: { readonly path: string; readonly entries: number } | null;
}

export interface RestoreResult {
  readonly id: string;
  /** The new database; null when the rows went back into the table. */
  readonly to: string | null;
  readonly tables: readonly { readonly name: string; readonly rows: number; readonly skipped: number }[];
  readonly staleLeftOut: number;
}

export interface QueryAnswer {
  readonly columns: readonly string[];
  /** Integers beyond 2^53 as text, blobs as `x'...'`. */
  readonly rows: readonly (readonly (string | number | null)[])[];
  /** There were more. */
  readonly truncated: boolean;
}

/** The data of the report of `vacuum archive`. */
export interface ArchiveResult {
  readonly database: string;
  readonly folder: string;
  readonly mode: 'archive' | 'resume' | 'list' | 'verify' | 'restore' | 'query';
  readonly dryRun: boolean;
  readonly policies: readonly PolicyResult[];
  /** Chunks that were listed, verified or resumed. */
  readonly archives: readonly ChunkResult[];
  readonly restored: RestoreResult | null;
  /** Of --query. */
  readonly answer?: QueryAnswer;
  readonly stoppedBy: ArchiveStop;
  /** Time spent waiting for others to be idle. */
  readonly idleWaitMs: number;
  /** Chunks of this database that only --resume may finish. */
  readonly pending: readonly string[];
}

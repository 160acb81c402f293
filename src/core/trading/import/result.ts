import type { Reconciled } from './reconcile.ts';
import type { ColumnFate } from './source.ts';
import type { PlannedInstrument } from './target-catalog.ts';

/** What the report of an import says. */

export interface ImportedSource {
  readonly path: string;
  readonly name: string;
  readonly system: string;
  readonly generation: string;
  readonly label: string;
  readonly evidence: readonly string[];
  readonly sizeBytes: number;
  readonly journalMode: string | null;
  readonly connectedProcesses: number;
  /** `place`: while the bot runs; `copy`: a private copy of a file that nobody has open. */
  readonly readFrom: 'place' | 'copy';
}

export interface StreamResult {
  readonly name: string;
  readonly table: string;
  readonly rowsRead: number;
  readonly rowsNew: number;
  readonly rowsUnchanged: number;
  readonly rowsUpdated: number;
  readonly rowsQuarantined: number;
  readonly duplicatesSkipped: number;
  readonly rowsPerSecond: number;
}

export interface HeldSample {
  readonly stream: string;
  readonly externalId: string;
  readonly detail: string | null;
}

export interface HeldReason {
  readonly reason: string;
  readonly count: number;
  readonly samples: readonly HeldSample[];
}

export interface RuleOutcome {
  readonly id: string;
  readonly severity: 'warning' | 'critical';
  readonly status: 'broken' | 'explained' | 'unknown';
  readonly sentence: string;
  readonly count: number;
  readonly samples: readonly string[];
  readonly explainedBy: readonly string[];
}

export interface ImportResult {
  readonly plan: {
    readonly instruments: readonly PlannedInstrument[];
    readonly assets: readonly { readonly code: string; readonly scale: number }[];
    readonly columns: readonly ColumnFate[];
  };
  readonly streams: readonly StreamResult[];
  readonly numbers: { readonly exact: number; readonly noise: number };
  readonly notes: readonly { readonly note: string; readonly count: number }[];
  readonly quarantine: readonly HeldReason[];
  readonly reconciliation: readonly Reconciled[];
  /** False when the bot wrote while the figures were taken: they were not compared against one state. */
  readonly comparedAtOnce: boolean;
  readonly rules: readonly RuleOutcome[];
  readonly fillsBooked: number;
  readonly runId: number;
  readonly resumedFrom: number | null;
  /** Why it ended before its end; the same command goes on. */
  readonly stopped: string | null;
  readonly complete: boolean;
}

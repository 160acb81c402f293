import { hash } from 'node:crypto';
import type { LeaseHolder, ProcessIdentity } from '../../lease.ts';
import type { Section } from '../migration.ts';
import type { KeyBound } from './key-value.ts';

/** Who runs a step that outlives a transaction. The token tells two takers in one process apart. */
export type StepOwner = ProcessIdentity & Pick<LeaseHolder, 'expiresAt' | 'token'>;

/** Where a data migration stands. Changed in the transaction of each batch. */
export interface DataWork {
  readonly kind: 'data';
  /** Last key that is done; null before the first batch. */
  readonly after: KeyBound | null;
  /** Last key there was at the start; null when the table was empty. */
  readonly end: KeyBound | null;
  readonly rowsDone: number;
  readonly rowsTotal: number;
  /** Rows that the statement itself changed. */
  readonly rowsChanged: number;
  /** Time spent on the rows so far, pauses included. */
  readonly elapsedMs: number;
}

export type OnlinePhase = 'copy' | 'index' | 'drain' | 'compare' | 'cleanup' | 'abort';

/** Where an online change stands. Changed in the transaction of each batch. */
export interface OnlineWork {
  readonly kind: 'online';
  readonly table: string;
  readonly phase: OnlinePhase;
  /** Last key that was copied. */
  readonly after: readonly KeyBound[] | null;
  readonly end: readonly KeyBound[] | null;
  readonly rowsDone: number;
  readonly rowsTotal: number;
  readonly rowsChanged: number;
  readonly elapsedMs: number;
  /** Indexes that are built. */
  readonly indexesDone: number;
  /** How long the writers waited for the exchange of the tables; null before it. */
  readonly swapMs: number | null;
  /** Digest of the table and what stands on it, as it was at the start. */
  readonly objects: string;
}

export type StepWork = DataWork | OnlineWork;

/** What the open `started` row says; JSON in its column `progress`. */
export interface StepProgress {
  readonly direction: 'up' | 'down';
  /** Null when it was given up in good order. */
  readonly owner: StepOwner | null;
  /** Statements that are done. */
  readonly next: number;
  /** Checksum of the text of those statements; of the whole section while `work` is not null. */
  readonly text: string;
  /** Rows that finished statements changed. */
  readonly rowsChanged: number;
  readonly work: StepWork | null;
  /** The hook before the file has run. */
  readonly hooked?: boolean;
  /** Of a finished online change. */
  readonly swapMs?: number | null;
}

export function readProgress(json: string | null): StepProgress | undefined {
  return json === null ? undefined : (JSON.parse(json) as StepProgress);
}

export function directionOf(json: string | null): StepProgress['direction'] {
  return readProgress(json)?.direction ?? 'up';
}

/** Checksum of the first `count` statements. */
export function textOf(section: Section, count: number): string {
  const texts = section.statements.slice(0, count).map((statement) => statement.text);
  return hash('sha256', JSON.stringify(texts), 'hex');
}

/** A file without a transaction, statements outside one, batches, or an online change: more than one transaction. */
export function takesManyTransactions(section: Section): boolean {
  return (
    !section.options.transaction ||
    section.statements.some((one) => one.data !== undefined || one.directive?.online === true)
  );
}

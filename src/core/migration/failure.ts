import { type ErrorCode, TradedbError } from '../error.ts';

/** Where and why a file could not be run. */
export interface MigrationFailure {
  readonly version: string;
  readonly file: string;
  readonly line: number | null;
  readonly column: number | null;
  readonly statement: string | null;
  readonly reason: string;
  readonly hint: string | null;
  readonly code: ErrorCode;
}

export interface Place {
  readonly version: string;
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  readonly statement?: string;
}

/** Codes that say more than `migration_failed` and decide the exit status. */
const kept: readonly ErrorCode[] = [
  'database_locked',
  'database_corrupt',
  'database_replaced',
  'not_a_database',
  'disk_full',
  'io_error',
  'read_only',
  'permission_denied',
  'migration_invalid',
  'migration_irreversible',
];

/** An error about a place in a migration file. */
export function failureAt(place: Place, reason: string, parts: { hint?: string; cause?: unknown } = {}): TradedbError {
  const cause = parts.cause;
  const hint = parts.hint ?? (cause instanceof TradedbError ? cause.hint : undefined);
  const code = cause instanceof TradedbError && kept.includes(cause.code) ? cause.code : 'migration_failed';
  const where = place.line === undefined ? place.file : `${place.file}:${place.line}:${place.column ?? 1}`;
  return new TradedbError(code, `${where} ${reason}`, {
    ...(hint === undefined ? {} : { hint }),
    details: { ...place, reason },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Cancelling and defects of the program are no failure of a file. */
export function describeFailure(error: unknown, place: Place): MigrationFailure {
  if (!(error instanceof TradedbError) || error.code === 'cancelled' || error.code === 'internal') throw error;
  const details = (error.details ?? {}) as Partial<Place> & { reason?: string };
  return {
    version: place.version,
    // A hook that runs with the file has a name of its own.
    file: details.file ?? place.file,
    line: details.line ?? null,
    column: details.column ?? null,
    statement: details.statement ?? null,
    reason: details.reason ?? error.message,
    hint: error.hint ?? null,
    code: error.code,
  };
}

/**
 * The closed set of failures. Expected outcomes (unhealthy, pending migrations, a crossed threshold) are Reports with a
 * status; an error means that the operation could not do what was asked.
 */
export type ErrorCode =
  | 'usage'
  | 'config_invalid'
  | 'config_not_found'
  | 'database_not_found'
  | 'database_exists'
  | 'database_empty'
  | 'database_locked'
  | 'database_corrupt'
  | 'database_replaced'
  | 'not_a_database'
  | 'file_not_found'
  | 'permission_denied'
  | 'read_only'
  | 'disk_full'
  | 'io_error'
  | 'storage_refused'
  | 'storage_unavailable'
  | 'key_required'
  | 'key_rejected'
  | 'unsupported'
  | 'sql_error'
  | 'constraint_violation'
  | 'async_transaction'
  | 'statement_busy'
  | 'queue_full'
  | 'pool_exhausted'
  | 'deadline_exceeded'
  | 'database_closed'
  | 'backup_not_found'
  | 'backup_failed'
  | 'repository_invalid'
  | 'checksum_mismatch'
  | 'restore_target_in_use'
  | 'restore_pending'
  | 'lease_held'
  | 'lease_lost'
  | 'migration_edited'
  | 'migration_missing'
  | 'migration_late'
  | 'migration_duplicate'
  | 'migration_interrupted'
  | 'migration_invalid'
  | 'migration_failed'
  | 'migration_irreversible'
  | 'schema_missing'
  | 'unknown_instrument'
  | 'insufficient_balance'
  | 'duplicate_order'
  | 'order_not_found'
  | 'overfill'
  | 'illegal_transition'
  | 'value_not_representable'
  | 'scenario_invalid'
  | 'child_failed'
  | 'cancelled'
  | 'internal';

export interface ErrorOptions {
  /** What the operator can try. */
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export class TradedbError extends Error {
  override readonly name = 'TradedbError';
  readonly code: ErrorCode;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    if (options.hint !== undefined) this.hint = options.hint;
    if (options.details !== undefined) this.details = options.details;
  }
}

/** Throws `cancelled` once the signal is aborted; long loops call it between pages, batches and statements. */
export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new TradedbError('cancelled', 'cancelled', { cause: signal.reason });
}

/** Translates an error of node:fs about `path`; anything else is returned unchanged. */
export function fromFileSystem(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  const about = JSON.stringify(path);
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new TradedbError('file_not_found', `${about} does not exist`, { cause: error });
    case 'EACCES':
    case 'EPERM':
      return new TradedbError('permission_denied', `no permission for ${about}`, { cause: error });
    case 'EROFS':
      return new TradedbError('read_only', `${about} is on a read-only file system`, { cause: error });
    case 'ENOSPC':
    case 'EDQUOT':
      return new TradedbError('disk_full', `no space left on the device of ${about}`, { cause: error });
    case 'EIO':
      return new TradedbError('io_error', `input/output error on ${about}`, { cause: error });
    default:
      return error;
  }
}

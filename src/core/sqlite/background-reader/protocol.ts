import type { ErrorCode } from '../../error.ts';
import { TradedbError } from '../../error.ts';
import type { SqlParameters, SqlValue } from '../statement.ts';

/** Rows per message, and messages that may be on their way before the reader waits for an acknowledgement. */
export const batchRows = 1000;
export const maxUnacknowledged = 2;

/** How a reader opens its connection; plain data, because it crosses a thread or process border. */
export interface ReaderSettings {
  readonly path: string;
  readonly busyTimeoutMs: number;
  readonly statementCacheSize: number;
  readonly cacheSizeBytes: number;
  readonly mmapSizeBytes: number;
}

export type ToReader =
  | {
      readonly type: 'run';
      readonly sql: string;
      readonly parameters: SqlParameters | null;
      readonly deadlineMs: number;
    }
  | { readonly type: 'acknowledge' }
  | { readonly type: 'cancel' }
  | { readonly type: 'close' };

/** One row in column order. */
export type RawRow = readonly SqlValue[];

export type FromReader =
  | { readonly type: 'batch'; readonly columns: readonly string[]; readonly rows: readonly RawRow[] }
  | { readonly type: 'done'; readonly columns: readonly string[] }
  | { readonly type: 'stopped' }
  | { readonly type: 'failed'; readonly error: PlainError };

interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** An error as plain data. */
export function packError(error: unknown): PlainError {
  if (error instanceof TradedbError) {
    const { code, message, hint = null, details = {} } = error;
    return { code, message, hint, details };
  }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error), hint: null, details: {} };
}

export function unpackError({ code, message, hint, details }: PlainError): TradedbError {
  return new TradedbError(code, message, { ...(hint === null ? {} : { hint }), details });
}

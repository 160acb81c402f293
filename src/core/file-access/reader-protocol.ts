import { type ErrorCode, fromFileSystem, TradedbError } from '../error.ts';

/** Messages between a process and its reader child; sent with the advanced serialisation, so that bytes stay bytes. */

export interface ReaderRequest {
  readonly id: number;
  readonly operation: string;
  readonly input: unknown;
}

export interface ErrorData {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export type ReaderReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: ErrorData }
  | { readonly event: unknown };

/** An error as plain data; `path` names the file when the error itself does not. */
export function toErrorData(error: unknown, path: string): ErrorData {
  const translated = fromFileSystem(error, path);
  if (translated instanceof TradedbError) {
    return {
      code: translated.code,
      message: translated.message,
      ...(translated.hint === undefined ? {} : { hint: translated.hint }),
      ...(translated.details === undefined ? {} : { details: translated.details }),
    };
  }
  const message = translated instanceof Error ? (translated.stack ?? translated.message) : String(translated);
  return { code: 'internal', message };
}

export function fromErrorData(data: ErrorData): TradedbError {
  return new TradedbError(data.code, data.message, {
    ...(data.hint === undefined ? {} : { hint: data.hint }),
    ...(data.details === undefined ? {} : { details: data.details }),
  });
}

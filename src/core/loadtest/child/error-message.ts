import { TradedbError } from '../../error.ts';
import { sqliteCode } from '../../sqlite/translate-error.ts';
import type { ErrorMessage } from './protocol.ts';

/** An error of a child as a message that the parent turns back into the same error. */
export function errorMessage(error: unknown): ErrorMessage {
  const code = sqliteCode(error);
  const extended = code === undefined ? {} : { sqliteCode: code };
  if (error instanceof TradedbError) {
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    return { type: 'error', code: error.code, message: error.message, ...hint, ...extended };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { type: 'error', code: 'internal', message, ...extended };
}

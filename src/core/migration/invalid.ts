import { TradedbError } from '../error.ts';

/** A migration file that cannot be read; told before anything runs. */
export function invalid(message: string, hint: string): TradedbError {
  return new TradedbError('migration_invalid', message, { hint });
}

import { TradedbError } from '../../error.ts';

/** Why a change cannot be made online; nothing has been touched then. */
export function refuse(
  message: string,
  hint = 'take the word online away: the change then runs in one transaction',
): TradedbError {
  return new TradedbError('migration_failed', message, { hint });
}

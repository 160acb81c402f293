import type { Statement } from '../../sqlite/statement.ts';
import { flat, type PositionUnits } from './position.ts';
import type { StoreSession } from './session.ts';

const readers = new WeakMap<StoreSession, Statement>();

/** Positions may pass 2^53, so they are read as BigInt. */
export function readPosition(session: StoreSession, accountId: number, instrumentId: number): PositionUnits {
  let statement = readers.get(session);
  if (statement === undefined) {
    statement = session.connection
      .prepare('SELECT qty, cost, realized FROM positions WHERE account_id = ? AND instrument_id = ?')
      .withBigIntegers();
    readers.set(session, statement);
  }
  return statement.get<PositionUnits>([accountId, instrumentId]) ?? flat;
}

export function writePosition(
  session: StoreSession,
  key: { readonly account_id: number; readonly instrument_id: number },
  position: PositionUnits,
  lastFillId: number | null,
): void {
  session.connection.run(
    `INSERT INTO positions (account_id, instrument_id, qty, cost, realized, last_fill_id, updated_us)
     VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (account_id, instrument_id) DO UPDATE SET qty = excluded.qty, cost = excluded.cost,
       realized = excluded.realized, last_fill_id = coalesce(excluded.last_fill_id, last_fill_id),
       updated_us = excluded.updated_us`,
    [key.account_id, key.instrument_id, position.qty, position.cost, position.realized, lastFillId, session.nowUs()],
  );
}

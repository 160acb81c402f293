import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import type { Kind, Settlement } from '../instrument.ts';

/** Rows that must be there before the first order. Each function gives the id of the row, new or known. */

export function ensureAsset(connection: Connection, code: string, scale: number): number {
  return connection.tx(() => {
    const known = connection.get<{ id: number; scale: number }>(
      'SELECT asset_id AS id, scale FROM assets WHERE code = ?',
      [code],
    );
    if (known === undefined) return insert(connection, 'INSERT INTO assets (code, scale) VALUES (?, ?)', [code, scale]);
    if (known.scale === scale) return known.id;
    throw new TradedbError('constraint_violation', `asset ${code} has scale ${known.scale}, not ${scale}`);
  });
}

export function ensureVenue(connection: Connection, code: string, isContinuous: boolean): number {
  return ensure(connection, 'SELECT venue_id FROM venues WHERE code = ?', [code], () =>
    insert(connection, 'INSERT INTO venues (code, continuous) VALUES (?, ?)', [code, isContinuous ? 1 : 0]),
  );
}

export function ensureAccount(
  connection: Connection,
  account: { venueId: number; name: string; mode: 'live' | 'paper' },
): number {
  const key = [account.venueId, account.name, account.mode];
  return ensure(connection, 'SELECT account_id FROM accounts WHERE venue_id = ? AND name = ? AND mode = ?', key, () =>
    insert(connection, 'INSERT INTO accounts (venue_id, name, mode) VALUES (?, ?, ?)', key),
  );
}

export function ensureStrategy(connection: Connection, name: string, version: string): number {
  return ensure(connection, 'SELECT strategy_id FROM strategies WHERE name = ? AND version = ?', [name, version], () =>
    insert(connection, 'INSERT INTO strategies (name, version) VALUES (?, ?)', [name, version]),
  );
}

export interface NewInstrument {
  readonly venueId: number;
  readonly symbol: string;
  readonly kind: Kind;
  readonly baseAssetId: number;
  readonly quoteAssetId: number;
  readonly priceScale: number;
  readonly qtyScale: number;
  /** In units of the price scale; 1 by default. */
  readonly tickSize?: number;
  /** In units of the quantity scale; 1 by default. */
  readonly lotSize?: number;
  readonly contractSize?: number;
  readonly contractScale?: number;
}

export const settlementOf: Readonly<Record<Kind, Settlement>> = {
  spot: 'delivery',
  equity: 'delivery',
  perp: 'margin',
  future: 'margin',
  option: 'premium',
};

export function ensureInstrument(connection: Connection, instrument: NewInstrument): number {
  const key = [instrument.venueId, instrument.symbol, instrument.kind];
  const find = 'SELECT instrument_id FROM instruments WHERE venue_id = ? AND symbol = ? AND kind = ?';
  return ensure(connection, find, key, () =>
    insert(
      connection,
      `INSERT INTO instruments (venue_id, symbol, kind, settlement, base_asset_id, quote_asset_id, price_scale, qty_scale,
                                tick_size, lot_size, contract_size, contract_scale)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        ...key,
        settlementOf[instrument.kind],
        instrument.baseAssetId,
        instrument.quoteAssetId,
        instrument.priceScale,
        instrument.qtyScale,
        instrument.tickSize ?? 1,
        instrument.lotSize ?? 1,
        instrument.contractSize ?? 1,
        instrument.contractScale ?? 0,
      ],
    ),
  );
}

type Values = readonly (string | number)[];

function ensure(connection: Connection, find: string, key: Values, make: () => number): number {
  return connection.tx(() => {
    const known = connection.value(find, key);
    return known === undefined ? make() : Number(known);
  });
}

function insert(connection: Connection, sql: string, values: Values): number {
  return Number(connection.run(sql, values).lastInsertRowid);
}

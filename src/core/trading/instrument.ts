import { TradedbError } from '../error.ts';
import type { Connection } from '../sqlite/connection.ts';
import { bound } from './bound.ts';
import { formatDecimal, parseDecimal, safeInteger } from './decimal.ts';
import type { Price, Quantity, Scales } from './units.ts';

export type Kind = 'spot' | 'equity' | 'perp' | 'future' | 'option';
export type Settlement = 'delivery' | 'margin' | 'premium';

export interface InstrumentData extends Scales {
  readonly instrumentId: number;
  readonly venueId: number;
  readonly symbol: string;
  readonly kind: Kind;
  readonly settlement: Settlement;
  readonly baseAssetId: number;
  readonly quoteAssetId: number;
  readonly tickSize: number;
  readonly lotSize: number;
  readonly status: 'active' | 'halted' | 'delisted';
}

/** An instrument with its number formats. */
export class Instrument {
  readonly data: InstrumentData;

  constructor(data: InstrumentData) {
    this.data = data;
  }

  get id(): number {
    return this.data.instrumentId;
  }

  /** Throws `value_not_representable` unless `text` is a positive multiple of the tick size. */
  price(text: string): Price {
    return this.requirePrice(safeInteger(parseDecimal(text, this.data.priceScale), 'price'));
  }

  /** Throws `value_not_representable` unless `text` is a positive multiple of the lot size. */
  quantity(text: string): Quantity {
    return this.requireQuantity(safeInteger(parseDecimal(text, this.data.qtyScale), 'quantity'));
  }

  /** Checks an integer that is a price already. */
  requirePrice(units: number): Price {
    requireMultiple(units, this.data.tickSize, `price ${this.formatPrice(units)} of ${this.data.symbol}`, 'tick');
    return units as Price;
  }

  requireQuantity(units: number): Quantity {
    requireMultiple(units, this.data.lotSize, `quantity ${this.formatQuantity(units)} of ${this.data.symbol}`, 'lot');
    return units as Quantity;
  }

  formatPrice(value: number): string {
    return Number.isSafeInteger(value) ? formatDecimal(value, this.data.priceScale) : String(value);
  }

  formatQuantity(value: number): string {
    return Number.isSafeInteger(value) ? formatDecimal(value, this.data.qtyScale) : String(value);
  }
}

function requireMultiple(units: number, step: number, what: string, stepName: string): void {
  if (Number.isSafeInteger(units) && units > 0 && units % step === 0) return;
  throw new TradedbError('value_not_representable', `${what} is not a positive multiple of its ${stepName} size`, {
    details: { units, step },
  });
}

const columns = `
  i.instrument_id AS instrumentId, i.venue_id AS venueId, i.symbol, i.kind, i.settlement,
  i.base_asset_id AS baseAssetId, i.quote_asset_id AS quoteAssetId, i.price_scale AS priceScale, i.qty_scale AS qtyScale,
  i.tick_size AS tickSize, i.lot_size AS lotSize, i.contract_size AS contractSize, i.contract_scale AS contractScale,
  i.status, b.scale AS baseScale, q.scale AS quoteScale
  FROM instruments i JOIN assets b ON b.asset_id = i.base_asset_id JOIN assets q ON q.asset_id = i.quote_asset_id`;

/** Throws `unknown_instrument`. */
export function instrumentById(connection: Connection, instrumentId: number): Instrument {
  const data = connection.get<InstrumentData>(`SELECT ${columns} WHERE i.instrument_id = ${bound}`, [instrumentId]);
  if (data === undefined) throw new TradedbError('unknown_instrument', `there is no instrument ${instrumentId}`);
  return new Instrument(data);
}

/** Throws `unknown_instrument`. */
export function instrumentBySymbol(connection: Connection, venue: string, symbol: string, kind: Kind): Instrument {
  const data = connection.get<InstrumentData>(
    `SELECT ${columns} JOIN venues v ON v.venue_id = i.venue_id WHERE v.code = ? AND i.symbol = ? AND i.kind = ?`,
    [venue, symbol, kind],
  );
  if (data === undefined) {
    throw new TradedbError('unknown_instrument', `there is no ${kind} instrument ${symbol} on venue ${venue}`);
  }
  return new Instrument(data);
}

/** All instruments, by id. */
export function allInstruments(connection: Connection): Instrument[] {
  return connection.all<InstrumentData>(`SELECT ${columns} ORDER BY 1`).map((data) => new Instrument(data));
}

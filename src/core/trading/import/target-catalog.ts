import type { Connection } from '../../sqlite/connection.ts';
import { type InstrumentData, instrumentById } from '../instrument.ts';
import { SourceNumber } from '../mapping/source-number.ts';
import { ensureAccount, ensureInstrument, ensureStrategy, ensureVenue } from '../store/reference-data.ts';
import type { SourceAccount, SourceInstrument, SourceStrategy } from './catalog.ts';
import type { Facts } from './facts.ts';
import { assetScale, instrumentScales } from './scales.ts';

export interface TargetAsset {
  readonly assetId: number;
  readonly code: string;
  readonly scale: number;
}

/** What an instrument of the plan got, for the report. */
export interface PlannedInstrument {
  readonly venue: string;
  readonly symbol: string;
  readonly kind: string;
  readonly priceScale: number;
  readonly quantityScale: number;
  readonly evidence: string;
}

const numbers = new SourceNumber();

/** Instruments, accounts, strategies and assets of the target, found or made when a row first names them. */
export class TargetCatalog {
  readonly #connection: Connection;
  readonly #facts: Facts;
  readonly #instruments: (InstrumentData | undefined)[] = [];
  readonly #accounts: (number | undefined)[] = [];
  readonly #strategies: (number | undefined)[] = [];
  readonly #venues = new Map<string, number>();
  readonly #assets = new Map<string, TargetAsset>();
  readonly planned: PlannedInstrument[] = [];

  constructor(connection: Connection, facts: Facts) {
    this.#connection = connection;
    this.#facts = facts;
  }

  instrument(source: SourceInstrument): InstrumentData {
    const known = this.#instruments[source.index];
    if (known !== undefined) return known;
    const data = this.#instrumentRow(source);
    this.#instruments[source.index] = data;
    return data;
  }

  accountId(account: SourceAccount): number {
    const known = this.#accounts[account.index];
    if (known !== undefined) return known;
    const { name, mode } = account;
    const id = ensureAccount(this.#connection, { venueId: this.#venue(account.venue, true), name, mode });
    this.#accounts[account.index] = id;
    return id;
  }

  strategyId(strategy: SourceStrategy | undefined): number | null {
    if (strategy === undefined) return null;
    const known = this.#strategies[strategy.index];
    if (known !== undefined) return known;
    const id = ensureStrategy(this.#connection, strategy.name, strategy.version);
    this.#strategies[strategy.index] = id;
    return id;
  }

  /** A new asset gets its scale from the largest amount that the scan saw. */
  asset(code: string): TargetAsset {
    const known = this.#assets.get(code);
    if (known !== undefined) return known;
    const find = 'SELECT asset_id AS assetId, code, scale FROM assets WHERE code = ?';
    let asset = this.#connection.get<TargetAsset>(find, [code]);
    if (asset === undefined) {
      const scale = assetScale(this.#facts.ofAsset(code));
      const { lastInsertRowid } = this.#connection.run('INSERT INTO assets (code, scale) VALUES (?, ?)', [code, scale]);
      asset = { assetId: Number(lastInsertRowid), code, scale };
    }
    this.#assets.set(code, asset);
    return asset;
  }

  get assets(): readonly TargetAsset[] {
    return [...this.#assets.values()];
  }

  #venue(code: string, isContinuous: boolean): number {
    const known = this.#venues.get(code);
    if (known !== undefined) return known;
    const id = ensureVenue(this.#connection, code, isContinuous);
    this.#venues.set(code, id);
    return id;
  }

  #instrumentRow(source: SourceInstrument): InstrumentData {
    const venueId = this.#venue(source.venue, source.continuous);
    const { symbol, kind } = source;
    const found = this.#connection.value(
      'SELECT instrument_id FROM instruments WHERE venue_id = ? AND symbol = ? AND kind = ?',
      [venueId, symbol, kind],
    );
    const made = found === undefined ? this.#newInstrument(source, venueId) : undefined;
    const { data } = instrumentById(this.#connection, made?.id ?? Number(found));
    this.planned.push({
      venue: source.venue,
      symbol,
      kind,
      priceScale: data.priceScale,
      quantityScale: data.qtyScale,
      evidence: made?.evidence ?? 'the target has it',
    });
    return data;
  }

  #newInstrument(source: SourceInstrument, venueId: number): { id: number; evidence: string } {
    const facts = this.#facts.of(source);
    const { priceScale, qtyScale, evidence } = instrumentScales(facts);
    const id = ensureInstrument(this.#connection, {
      venueId,
      symbol: source.symbol,
      kind: source.kind,
      baseAssetId: this.asset(source.base).assetId,
      quoteAssetId: this.asset(source.quote).assetId,
      priceScale,
      qtyScale,
      tickSize: facts.keepsTick ? stepUnits(source.tickSize, priceScale) : 1,
      lotSize: facts.keepsLot ? stepUnits(source.lotSize, qtyScale) : 1,
    });
    return { id, evidence };
  }
}

/** A step at a scale; 1 when it is none, or finer than the scale. */
function stepUnits(step: SourceInstrument['tickSize'], scale: number): number {
  const units = step === undefined ? Number.NaN : numbers.read(step, scale);
  return Number.isNaN(units) ? 1 : Math.max(units, 1);
}

import { TradedbError } from '../../error.ts';
import type { InstrumentData } from '../instrument.ts';
import { baseUnitsOf, type Sign } from '../units.ts';

export type LedgerKind = 'cash' | 'position' | 'trading' | 'fee' | 'funding' | 'external';

/** One posting: an amount in units of one asset on one kind of ledger account. */
export interface Line {
  readonly assetId: number;
  readonly kind: LedgerKind;
  readonly amount: bigint;
}

export interface Fee {
  readonly assetId: number;
  /** Above zero paid, below zero a rebate. */
  readonly amount: bigint;
}

const line = (assetId: number, kind: LedgerKind, amount: bigint): Line => ({ assetId, kind, amount });

/** A pair that sums to zero; none when nothing moves. */
function pair(assetId: number, amount: bigint, to: LedgerKind, from: LedgerKind): Line[] {
  return amount === 0n ? [] : [line(assetId, to, amount), line(assetId, from, -amount)];
}

/** The entry of a fill with its fee, by the settlement of the instrument. Each asset sums to zero. */
export function fillLines(
  instrument: InstrumentData,
  fill: { side: Sign; qty: number; notional: number; realized: bigint; fee: Fee | undefined },
): Line[] {
  const base = BigInt(fill.side) * baseUnitsOf(fill.qty, instrument);
  const quote = BigInt(fill.side) * BigInt(fill.notional);
  const lines = tradeLines(instrument, base, quote, fill.realized);
  if (fill.fee !== undefined) lines.push(...pair(fill.fee.assetId, fill.fee.amount, 'fee', 'cash'));
  if (lines.length < 2) {
    throw new TradedbError('value_not_representable', `a fill of ${instrument.symbol} is too small to be booked`, {
      hint: 'the scales of its assets are too small for its lot size',
    });
  }
  return lines;
}

function tradeLines(instrument: InstrumentData, base: bigint, quote: bigint, realized: bigint): Line[] {
  const { baseAssetId, quoteAssetId } = instrument;
  switch (instrument.settlement) {
    case 'delivery':
      return [...pair(baseAssetId, base, 'cash', 'trading'), ...pair(quoteAssetId, -quote, 'cash', 'trading')];
    case 'premium':
      return [...pair(quoteAssetId, -quote, 'cash', 'trading'), ...pair(baseAssetId, base, 'position', 'trading')];
    case 'margin':
      return [
        ...pair(baseAssetId, base, 'position', 'trading'),
        ...[
          line(quoteAssetId, 'position', -quote - realized),
          line(quoteAssetId, 'trading', quote),
          line(quoteAssetId, 'cash', realized),
        ].filter((posting) => posting.amount !== 0n),
      ];
  }
}

/** Money that enters or leaves: deposit, withdrawal, opening. */
export function transferLines(assetId: number, amount: bigint): Line[] {
  return pair(assetId, amount, 'cash', 'external');
}

export function fundingLines(assetId: number, amount: bigint): Line[] {
  return pair(assetId, amount, 'cash', 'funding');
}

/** What a split gives to, or takes from, those who hold the instrument. */
export function holdingLines(instrument: InstrumentData, base: bigint): Line[] {
  return pair(instrument.baseAssetId, base, instrument.settlement === 'delivery' ? 'cash' : 'position', 'external');
}

/** What a bust changed in the realized profit of later margin fills. */
export function realizedLines(assetId: number, change: bigint): Line[] {
  return pair(assetId, change, 'cash', 'position');
}

export function negated(lines: readonly Line[]): Line[] {
  return lines.map((posting) => ({ ...posting, amount: -posting.amount }));
}

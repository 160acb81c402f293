import type { Connection } from '../../sqlite/connection.ts';
import { allInstruments, type InstrumentData } from '../instrument.ts';
import { ensureAccount, ensureAsset, ensureInstrument, ensureStrategy, ensureVenue } from '../store/reference-data.ts';
import type { DailyBar } from './sample-prices.ts';
import { SeededRandom } from './seeded-random.ts';

/** An instrument of the sample market with its days. The first is real, the others are synthetic. */
export interface SampleInstrument {
  readonly data: InstrumentData;
  readonly days: readonly DailyBar[];
}

export interface Universe {
  readonly venueId: number;
  readonly instruments: readonly SampleInstrument[];
  readonly accounts: readonly number[];
  readonly strategies: readonly number[];
}

export const accountCount = 20;
const strategyNames = ['opening-range', 'mean-reversion', 'pairs', 'market-making', 'index-arbitrage'];

/** Makes the reference rows of the sample market. Every fifth instrument is a perpetual, so that funding occurs. */
export function makeUniverse(
  connection: Connection,
  wanted: { readonly instruments: number; readonly days: readonly DailyBar[]; readonly seed: number },
): Universe {
  return connection.tx(() => {
    const venueId = ensureVenue(connection, 'SAMPLE', false);
    const usd = ensureAsset(connection, 'USD', 2);
    const width = String(wanted.instruments).length;
    for (let number = 0; number < wanted.instruments; number++) {
      const symbol = number === 0 ? 'SP500' : `SYN${String(number).padStart(width, '0')}`;
      const base = ensureAsset(connection, symbol, 1);
      const pair = { venueId, symbol, baseAssetId: base, quoteAssetId: usd, priceScale: 2, qtyScale: 0 };
      if (number % 5 === 4) ensureInstrument(connection, { ...pair, kind: 'perp', contractSize: 1, contractScale: 1 });
      else ensureInstrument(connection, { ...pair, kind: 'equity' });
    }
    return {
      venueId,
      instruments: allInstruments(connection).map(({ data }, index) => ({
        data,
        days: index === 0 ? wanted.days : deriveDays(wanted.days, index, wanted.seed),
      })),
      accounts: Array.from({ length: accountCount }, (_, index) =>
        ensureAccount(connection, { venueId, name: `desk-${String(index + 1).padStart(2, '0')}`, mode: 'paper' }),
      ),
      strategies: strategyNames.map((name) => ensureStrategy(connection, name, '1')),
    };
  });
}

/** Follows the real series with a sensitivity and noise of its own: the market moves together, but not as one. */
function deriveDays(real: readonly DailyBar[], index: number, seed: number): DailyBar[] {
  const random = new SeededRandom(seed * 1000 + index);
  const sensitivity = 0.4 + 1.2 * random.uniform();
  const noise = 0.004 + 0.012 * random.uniform();
  const share = 0.02 + 0.3 * random.uniform();
  let close = Math.round(500 + 30_000 * random.uniform() ** 2);
  let realClose = real[0]?.open ?? 1;
  return real.map((bar) => {
    const scaled = (price: number): number => close * (price / realClose) ** sensitivity;
    const jitter = Math.exp(noise * random.normal());
    const cents = (price: number): number => Math.max(2, Math.round(price));
    const open = cents(scaled(bar.open));
    const next = cents(scaled(bar.close) * jitter);
    const day = {
      dayUs: bar.dayUs,
      open,
      high: Math.max(open, next, cents(scaled(bar.high))) + 1 + random.integer(3),
      low: Math.max(1, Math.min(open, next, cents(scaled(bar.low))) - 1 - random.integer(3)),
      close: next,
      volume: Math.round((bar.volume / 1000) * share),
    };
    close = next;
    realClose = bar.close;
    return day;
  });
}

import type { Connection } from '../../sqlite/connection.ts';
import { allInstruments, type Instrument } from '../instrument.ts';
import { createOrderStore } from '../store/order-store.ts';
import { ensureAccount, ensureAsset, ensureInstrument, ensureVenue } from '../store/reference-data.ts';
import { microseconds } from '../time.ts';

/** Accounts that a load works with, apart from those of the database. */
const accountCount = 20;
const newInstruments = 50;

export interface MixMarket {
  /** Most wanted first. */
  readonly instruments: readonly MixInstrument[];
  /** Own accounts, with money enough for any load. */
  readonly accounts: readonly number[];
  /** All accounts of the venue, for readers. */
  readonly readAccounts: readonly number[];
  readonly strategies: readonly number[];
}

export interface MixInstrument {
  readonly instrument: Instrument;
  /** Around which orders are priced, a multiple of the tick size. */
  readonly referencePrice: number;
  /** Newest one-minute candle, and what it holds. */
  readonly lastCandleUs: number;
}

/**
 * Makes what a load needs and is not there: instruments when there are none, and accounts of its own with money. Called
 * on a copy; calling it again finds everything in place.
 */
export function prepareMixMarket(connection: Connection): void {
  connection.tx(() => {
    if (connection.value("SELECT 1 FROM instruments WHERE status = 'active'") === undefined) addInstruments(connection);
    const venueId = busiestVenue(connection);
    for (let number = 1; number <= accountCount; number++) {
      const accountId = ensureAccount(connection, { venueId, name: `loadtest-${number}`, mode: 'paper' });
      endow(connection, accountId, venueId);
    }
  });
}

function addInstruments(connection: Connection): void {
  const venueId = ensureVenue(connection, 'LOADTEST', true);
  const usd = ensureAsset(connection, 'USD', 2);
  for (let number = 1; number <= newInstruments; number++) {
    const code = `LT${number}`;
    const base = ensureAsset(connection, code, 4);
    const pair = { venueId, baseAssetId: base, quoteAssetId: usd, priceScale: 2, qtyScale: 2 };
    ensureInstrument(connection, { ...pair, symbol: `${code}-USD`, kind: number % 5 === 0 ? 'perp' : 'spot' });
  }
}

function busiestVenue(connection: Connection): number {
  return Number(
    connection.value(
      "SELECT venue_id FROM instruments WHERE status = 'active' GROUP BY venue_id ORDER BY count(*) DESC, venue_id LIMIT 1",
    ),
  );
}

/** A thousandth of the largest number that the ledger holds, of each asset of the venue. */
const endowment = 2n ** 53n;

function endow(connection: Connection, accountId: number, venueId: number): void {
  const poor = connection.all<{ code: string }>(
    `SELECT a.code FROM assets a
     WHERE a.asset_id IN (SELECT base_asset_id FROM instruments WHERE venue_id = @venueId
                          UNION SELECT quote_asset_id FROM instruments WHERE venue_id = @venueId)
       AND NOT EXISTS (SELECT 1 FROM ledger_accounts l WHERE l.account_id = @accountId AND l.asset_id = a.asset_id AND l.kind = 'cash')`,
    { venueId, accountId },
  );
  if (poor.length === 0) return;
  const store = createOrderStore(connection, { actor: 'loadtest' });
  for (const { code } of poor) store.deposit({ accountId, asset: code, amount: endowment, note: 'load test' });
}

/** Reads the market that `prepareMixMarket` has prepared. */
export function readMixMarket(connection: Connection): MixMarket {
  const venueId = busiestVenue(connection);
  const numbers = (sql: string): number[] => connection.all<{ id: number }>(sql, [venueId]).map((row) => row.id);
  return {
    instruments: allInstruments(connection)
      .filter(({ data }) => data.venueId === venueId && data.status === 'active')
      .map((instrument) => describe(connection, instrument)),
    accounts: numbers(
      "SELECT account_id AS id FROM accounts WHERE venue_id = ? AND name LIKE 'loadtest-%' ORDER BY account_id",
    ),
    readAccounts: numbers('SELECT account_id AS id FROM accounts WHERE venue_id = ? ORDER BY account_id'),
    strategies: connection.all<{ id: number }>('SELECT strategy_id AS id FROM strategies').map((row) => row.id),
  };
}

function describe(connection: Connection, instrument: Instrument): MixInstrument {
  const { instrumentId, tickSize, priceScale } = instrument.data;
  const known = connection.value(
    `SELECT coalesce(
       (SELECT bid_px FROM quotes WHERE instrument_id = @id AND bid_px IS NOT NULL ORDER BY ts_us DESC, seq DESC LIMIT 1),
       (SELECT price FROM ticks WHERE instrument_id = @id ORDER BY ts_us DESC, seq DESC LIMIT 1),
       (SELECT close FROM candles WHERE instrument_id = @id ORDER BY interval_s, open_us DESC LIMIT 1))`,
    { id: instrumentId },
  );
  const price = Number(known ?? 100 * 10 ** priceScale);
  const lastUs = connection.value('SELECT max(open_us) FROM candles WHERE instrument_id = ? AND interval_s = 60', [
    instrumentId,
  ]);
  const nowUs = microseconds(connection.ports.clock.wallTime());
  return {
    instrument,
    referencePrice: Math.max(200 * tickSize, Math.round(price / tickSize) * tickSize),
    lastCandleUs: typeof lastUs === 'number' ? lastUs : Math.floor(nowUs / 60_000_000) * 60_000_000,
  };
}

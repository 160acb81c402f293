import type { Connection } from '../../../sqlite/connection.ts';
import { quoteIdentifier } from '../../../sqlite/quote-identifier.ts';
import type { Kind } from '../../instrument.ts';
import { SourceTime } from '../../mapping/source-time.ts';
import type { SourceAccount, SourceInstrument } from '../catalog.ts';
import type { RawValue } from '../raw-value.ts';
import type { ReaderPorts, RowRange } from '../source.ts';
import type { SourceSchema } from '../source-schema.ts';

/** What streams of freqtrade share: the trade of a row, instruments by pair, accounts, times. */
export class FreqtradePorts {
  readonly schema: SourceSchema;
  readonly ports: ReaderPorts;
  readonly #trades: TradeReader;
  readonly #time: SourceTime;
  readonly #instruments = new Map<string, SourceInstrument | undefined>();
  readonly #venue: string;
  readonly #isPaper: boolean;

  constructor(ports: ReaderPorts) {
    this.ports = ports;
    this.schema = ports.schema;
    this.#trades = new TradeReader(ports.schema);
    this.#time = new SourceTime(ports.options.timezone ?? 'UTC');
    const { connection } = ports.schema;
    this.#venue = venueOf(ports, connection.value('SELECT exchange FROM trades ORDER BY id LIMIT 1'));
    this.#isPaper = connection.value("SELECT 1 FROM orders WHERE order_id LIKE 'dry%' LIMIT 1") !== undefined;
  }

  /** UTC microseconds; NaN when it is no time, and `timeFault` then says which reason. */
  timeOf(value: RawValue): number {
    return this.#time.read(value);
  }

  get timeFault(): 'bad_time' | 'time_out_of_range' {
    return this.#time.outcome === 'time_out_of_range' ? 'time_out_of_range' : 'bad_time';
  }

  trade(id: RawValue): Trade | undefined {
    return this.#trades.find(id);
  }

  /** Rows behind one read transaction may have changed: what was remembered of trades is forgotten. */
  afresh(rows: RowRange): RowRange {
    return {
      count: () => rows.count(),
      keyOf: (row) => rows.keyOf?.(row) ?? [],
      read: (after, limits, visit) => {
        this.#trades.forget();
        return rows.read(after, limits, visit);
      },
    };
  }

  /** Orders of trials carry an id of freqtrade's own. */
  accountOf(trade: Trade, orderId: RawValue): SourceAccount {
    const isPaper = typeof orderId === 'string' && orderId.startsWith('dry');
    return this.#accountAt(venueOf(this.ports, trade.exchange), isPaper);
  }

  /** The account of what belongs to no order, such as locks. */
  get account(): SourceAccount {
    return this.#accountAt(this.#venue, this.#isPaper);
  }

  #accountAt(venue: string, isPaper: boolean): SourceAccount {
    const { options, catalog } = this.ports;
    const mode = options.mode === 'auto' ? (isPaper ? 'paper' : 'live') : options.mode;
    return catalog.account({ venue, name: options.account, mode });
  }

  /** The instrument of a trade; a text when it cannot be one. */
  instrumentOf(trade: Trade): SourceInstrument | 'bad_text' | 'inverse_contract' {
    const kind = this.ports.options.kind ?? kindOf(trade);
    const parts = partsOf(trade.pair);
    if (parts === undefined) return 'bad_text';
    if (parts.settle !== undefined && parts.settle !== parts.quote) return 'inverse_contract';
    return this.ports.catalog.instrument({
      venue: venueOf(this.ports, trade.exchange),
      symbol: String(trade.pair),
      kind,
      base: parts.base,
      quote: parts.quote,
      tickSize: stepOf(trade.price_precision, trade.precision_mode_price ?? trade.precision_mode),
      lotSize: stepOf(trade.amount_precision, trade.precision_mode),
    });
  }

  /** The instrument that a lock names: that of a trade of the pair, or a new one. */
  instrumentByPair(pair: string): SourceInstrument | undefined {
    if (this.#instruments.has(pair)) return this.#instruments.get(pair);
    const trade = this.#trades.ofPair(pair);
    const found = trade === undefined ? this.#pairAlone(pair) : this.instrumentOf(trade);
    const instrument = typeof found === 'string' ? undefined : found;
    this.#instruments.set(pair, instrument);
    return instrument;
  }

  #pairAlone(pair: string): SourceInstrument | 'bad_text' {
    const parts = partsOf(pair);
    if (parts === undefined || (parts.settle !== undefined && parts.settle !== parts.quote)) return 'bad_text';
    const kind: Kind = parts.settle === undefined ? 'spot' : parts.expiry === undefined ? 'perp' : 'future';
    return this.ports.catalog.instrument({
      venue: this.#venue,
      symbol: pair,
      kind,
      base: parts.base,
      quote: parts.quote,
    });
  }
}

function venueOf({ options }: ReaderPorts, exchange: unknown): string {
  return options.venue ?? (typeof exchange === 'string' && exchange !== '' ? exchange.toLowerCase() : 'unknown');
}

/** Columns of a trade that decide what its orders become. A change of any other does not change an order. */
export const tradeColumns = [
  'id',
  'exchange',
  'pair',
  'trading_mode',
  'is_short',
  'strategy',
  'fee_open',
  'fee_open_cost',
  'fee_open_currency',
  'fee_close',
  'fee_close_cost',
  'fee_close_currency',
  'amount_precision',
  'price_precision',
  'precision_mode',
  'precision_mode_price',
] as const;

export type Trade = Readonly<Record<(typeof tradeColumns)[number], RawValue>> & {
  /** The same values, in order. */
  readonly values: readonly RawValue[];
};

export const isShort = (trade: Trade): boolean => Number(trade.is_short ?? 0) === 1;

const mostRecent = 1000;

class TradeReader {
  readonly #recent = new Map<RawValue, Trade>();
  readonly #byId;
  readonly #byPair;

  constructor(schema: SourceSchema) {
    const list = tradeColumns
      .map((column) => (schema.has('trades', column) ? quoteIdentifier(column) : 'NULL'))
      .join(', ');
    const prepare = (connection: Connection, where: string) =>
      connection.prepare(`SELECT ${list} FROM trades WHERE ${where} LIMIT 1`).asArrays().withBigIntegers();
    this.#byId = prepare(schema.connection, 'id = ?');
    this.#byPair = prepare(schema.connection, 'pair = ?');
  }

  /** Orders of one trade stand together: the last trades are remembered until `forget`. */
  find(id: RawValue): Trade | undefined {
    const known = this.#recent.get(id);
    if (known !== undefined) return known;
    const trade = tradeOf(this.#byId.get<readonly RawValue[]>([id]));
    if (trade === undefined) return undefined;
    if (this.#recent.size >= mostRecent) this.#recent.clear();
    this.#recent.set(id, trade);
    return trade;
  }

  forget(): void {
    this.#recent.clear();
  }

  ofPair(pair: string): Trade | undefined {
    return tradeOf(this.#byPair.get<readonly RawValue[]>([pair]));
  }
}

function tradeOf(values: readonly RawValue[] | undefined): Trade | undefined {
  if (values === undefined) return undefined;
  const trade: Record<string, unknown> = { values };
  for (let at = 0; at < tradeColumns.length; at += 1) trade[tradeColumns[at] as string] = values[at] ?? null;
  return trade as unknown as Trade;
}

interface PairParts {
  readonly base: string;
  readonly quote: string;
  readonly settle: string | undefined;
  readonly expiry: string | undefined;
}

/** `BASE/QUOTE`, of a contract `BASE/QUOTE:SETTLE` or `BASE/QUOTE:SETTLE-yymmdd`. */
function partsOf(pair: RawValue): PairParts | undefined {
  if (typeof pair !== 'string') return undefined;
  const match = /^([^/:\s]+)\/([^/:\s]+?)(?::([^-:\s]+)(?:-(.+))?)?$/.exec(pair);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { base: match[1], quote: match[2], settle: match[3], expiry: match[4] };
}

/** trading_mode holds the name of the enum; older files have none and are spot. */
function kindOf(trade: Trade): Kind {
  if (String(trade.trading_mode ?? '').toUpperCase() !== 'FUTURES') return 'spot';
  return partsOf(trade.pair)?.expiry === undefined ? 'perp' : 'future';
}

/** Precision mode 2 counts decimals, 4 is a step; 3 counts digits and says nothing about steps. */
function stepOf(precision: RawValue, mode: RawValue): string | number | undefined {
  const value = Number(precision);
  if (precision === null || !Number.isFinite(value)) return undefined;
  if (Number(mode) === 4) return value > 0 ? value : undefined;
  if (Number(mode) !== 2 || !Number.isInteger(value) || value < 0 || value > 12) return undefined;
  return value === 0 ? '1' : `0.${'1'.padStart(value, '0')}`;
}

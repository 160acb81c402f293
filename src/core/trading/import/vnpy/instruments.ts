import { TradedbError } from '../../../error.ts';
import type { Kind } from '../../instrument.ts';
import type { SourceCatalog, SourceInstrument } from '../catalog.ts';
import { MarketFacts } from '../market-facts.ts';
import type { RawValue } from '../raw-value.ts';
import type { ReaderOptions } from '../source.ts';
import type { SourceSchema } from '../source-schema.ts';

/** Exchanges whose contracts are of one kind, all of them in yuan and on the clock of Shanghai. */
const kindOfExchange: Readonly<Record<string, Kind>> = {
  CFFEX: 'future',
  SHFE: 'future',
  CZCE: 'future',
  DCE: 'future',
  INE: 'future',
  GFEX: 'future',
  SSE: 'equity',
  SZSE: 'equity',
  BSE: 'equity',
};

export const isChinese = (exchange: string): boolean => kindOfExchange[exchange] !== undefined;

/** One instrument with what its rows have shown. */
export interface KnownInstrument {
  readonly instrument: SourceInstrument;
  readonly facts: MarketFacts;
}

/** Instruments of a vn.py file by symbol and exchange. */
export class VnpyInstruments {
  readonly #catalog: SourceCatalog;
  readonly #options: ReaderOptions;
  readonly #known = new Map<string, Map<string, KnownInstrument>>();

  /** Throws `usage` when the file has an exchange of which neither the file nor the options say what it trades. */
  constructor(schema: SourceSchema, catalog: SourceCatalog, options: ReaderOptions) {
    this.#catalog = catalog;
    this.#options = options;
    for (const table of ['dbbardata', 'dbtickdata'] as const) {
      if (!schema.has(table, 'symbol', 'exchange')) continue;
      for (const [symbol, exchange] of namesIn(schema, table)) {
        const isNamed = typeof symbol === 'string' && symbol !== '' && typeof exchange === 'string';
        if (isNamed && this.find(symbol, exchange) === undefined) throw unknownExchange(exchange);
      }
    }
  }

  /** Undefined when the names are no text, or the exchange is unknown and the options do not say what it trades. */
  find(symbol: RawValue, exchange: RawValue): KnownInstrument | undefined {
    if (typeof symbol !== 'string' || typeof exchange !== 'string') return undefined;
    let ofExchange = this.#known.get(exchange);
    if (ofExchange === undefined) {
      ofExchange = new Map();
      this.#known.set(exchange, ofExchange);
    }
    const known = ofExchange.get(symbol) ?? this.#make(symbol, exchange);
    if (known !== undefined) ofExchange.set(symbol, known);
    return known;
  }

  #make(symbol: string, exchange: string): KnownInstrument | undefined {
    const kind = this.#options.kind ?? kindOfExchange[exchange];
    const quote = this.#options.quote ?? (isChinese(exchange) ? 'CNY' : undefined);
    if (kind === undefined || quote === undefined || symbol === '') return undefined;
    // One code stands for different things on two exchanges, so the exchange is part of what is owned.
    const base = `${symbol}.${exchange}`;
    const instrument = this.#catalog.instrument({ venue: exchange, symbol, kind, base, quote, continuous: false });
    return { instrument, facts: new MarketFacts(instrument) };
  }
}

/** Pairs of symbol and exchange, each by one look into the index that begins with them. */
function* namesIn(schema: SourceSchema, table: 'dbbardata' | 'dbtickdata'): Generator<[RawValue, RawValue]> {
  const { connection } = schema;
  const next = connection
    .prepare(
      `SELECT symbol, exchange FROM main.${table} WHERE (symbol, exchange) > (?, ?) AND exchange IS NOT NULL
       ORDER BY symbol, exchange LIMIT 1`,
    )
    .asArrays();
  for (let pair = next.get<[RawValue, RawValue]>(['', '']); pair !== undefined; pair = next.get(pair)) yield pair;
}

function unknownExchange(exchange: string): TradedbError {
  return new TradedbError('usage', `the file does not say what ${JSON.stringify(exchange)} trades`, {
    hint: 'say it with --kind spot|equity|perp|future|option and --quote <asset>',
  });
}

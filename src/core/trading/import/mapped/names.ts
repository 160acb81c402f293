import { TradedbError } from '../../../error.ts';
import type { SourceAccount, SourceCatalog, SourceInstrument, SourceStrategy } from '../catalog.ts';
import { MarketFacts } from '../market-facts.ts';
import type { RawValue } from '../raw-value.ts';
import type { ReaderOptions, SourceRow } from '../source.ts';
import { type Field, textOf } from './field.ts';
import { kindOf } from './words.ts';

/** Fields by the name of the column that they fill. */
export type Fields = Readonly<Record<string, Field>>;

const separators = /[-/_:]/;
const isPaper = /paper|dry|demo|test|sim/i;

/** Instruments, accounts and strategies that the rows of a stream name, each once. */
export class MappedNames {
  readonly #catalog: SourceCatalog;
  readonly #options: ReaderOptions;
  readonly #instruments = new Map<string, KnownInstrument>();
  /** Why the last row had no instrument. */
  problem = '';
  #last: LastInstrument | undefined;

  constructor(catalog: SourceCatalog, options: ReaderOptions) {
    this.#catalog = catalog;
    this.#options = options;
  }

  /** Throws `usage` when neither the stream nor the options name a venue. */
  requireVenue(fields: Fields, stream: string): void {
    if (fields.venue !== undefined || this.#options.venue !== undefined) return;
    throw new TradedbError('usage', `nothing says at which venue the ${stream} were`, {
      hint: 'give --venue, or fill the column "venue" in the mapping file',
    });
  }

  /** Undefined when the row names none; `problem` tells why. */
  instrument(fields: Fields, row: SourceRow): KnownInstrument | undefined {
    const symbol = valueIn(fields.symbol, row);
    const venue = valueIn(fields.venue, row) ?? this.#options.venue ?? null;
    if (symbol === null || venue === null || symbol === '') {
      this.problem = venue === null ? 'no venue' : 'no symbol';
      return undefined;
    }
    const [kind, base, quote] = [valueIn(fields.kind, row), valueIn(fields.base, row), valueIn(fields.quote, row)];
    const last = this.#last;
    // Rows of one instrument stand together in most files: no key is made for them.
    if (
      last?.symbol === symbol &&
      last.venue === venue &&
      last.kind === kind &&
      last.base === base &&
      last.quote === quote
    ) {
      return last.known;
    }
    const key = [symbol, venue, kind, base, quote];
    const text = JSON.stringify(key.map((part) => (part === null ? null : textOf(part))));
    const known = this.#instruments.get(text) ?? this.#make(key);
    if (known === undefined) return undefined;
    this.#instruments.set(text, known);
    this.#last = { symbol, venue, kind, base, quote, known };
    return known;
  }

  account(fields: Fields, row: SourceRow, venue: string): SourceAccount {
    const name = valueIn(fields.account, row);
    const mode = valueIn(fields.mode, row);
    const told = this.#options.mode === 'auto' ? 'live' : this.#options.mode;
    return this.#catalog.account({
      venue,
      name: name === null ? this.#options.account : textOf(name),
      mode: mode === null ? told : isPaper.test(textOf(mode)) ? 'paper' : 'live',
    });
  }

  /** The account of a row that may have no instrument, such as a lock on everything. */
  accountAt(fields: Fields, row: SourceRow): SourceAccount | undefined {
    const venue = valueIn(fields.venue, row) ?? this.#options.venue ?? null;
    return venue === null ? undefined : this.account(fields, row, textOf(venue));
  }

  strategy(fields: Fields, row: SourceRow): SourceStrategy | undefined {
    const name = valueIn(fields.strategy, row);
    return name === null ? undefined : this.#catalog.strategy(textOf(name), 'imported');
  }

  #make([symbol = null, venue = null, kind = null, base = null, quote = null]: readonly RawValue[]):
    | KnownInstrument
    | undefined {
    const name = textOf(symbol);
    const pair = this.#pairOf(name);
    const quoted = quote === null ? pair.quote : textOf(quote);
    if (quoted === undefined) {
      this.problem = `nothing says in what ${name} is quoted: give --quote, or map the columns base and quote`;
      return undefined;
    }
    const instrument = this.#catalog.instrument({
      venue: textOf(venue),
      symbol: name,
      kind: this.#options.kind ?? kindOf(kind) ?? 'spot',
      base: base === null ? pair.base : textOf(base),
      quote: quoted,
    });
    return { instrument, facts: new MarketFacts(instrument) };
  }

  /** `BTC/USDT`, `BTC-USDT`, `BTC_USDT`, and `BTCUSDT` when the quote is told; otherwise the symbol itself is owned. */
  #pairOf(symbol: string): { base: string; quote: string | undefined } {
    const told = this.#options.quote;
    const [base = '', quote = ''] = symbol.split(separators);
    if (base !== '' && quote !== '') return { base, quote: told ?? quote };
    const isSuffix = told !== undefined && symbol.length > told.length && symbol.endsWith(told);
    return { base: isSuffix ? symbol.slice(0, -told.length) : symbol, quote: told };
  }
}

interface LastInstrument {
  readonly symbol: RawValue;
  readonly venue: RawValue;
  readonly kind: RawValue;
  readonly base: RawValue;
  readonly quote: RawValue;
  readonly known: KnownInstrument;
}

/** One instrument with what its rows have shown. */
export interface KnownInstrument {
  readonly instrument: SourceInstrument;
  readonly facts: MarketFacts;
}

function valueIn(field: Field | undefined, row: SourceRow): RawValue {
  return field === undefined ? null : field.value(row);
}

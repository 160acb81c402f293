import type { Kind } from '../../instrument.ts';
import { scaledText } from '../../mapping/scaled-text.ts';
import type { SourceTime } from '../../mapping/source-time.ts';
import type { SourceAccount, SourceCatalog, SourceInstrument } from '../catalog.ts';
import type { RawValue } from '../raw-value.ts';
import type { Notes, ReaderOptions, ReaderPorts } from '../source.ts';
import type { SourceSchema } from '../source-schema.ts';
import { isScaled } from './detect.ts';

const scale = 6;
/** Fewer units have fewer than four digits left of what the venue said. */
const fewUnits = 1000;
const paperMarket = /_?paper_?trade$/i;

/** What the streams of a Hummingbot file share. */
export class HummingbotFile {
  readonly schema: SourceSchema;
  readonly catalog: SourceCatalog;
  readonly options: ReaderOptions;
  readonly notes: Notes;
  readonly time: SourceTime;
  readonly #isScaled: boolean;

  constructor({ schema, catalog, options, notes }: ReaderPorts, time: SourceTime) {
    this.schema = schema;
    this.catalog = catalog;
    this.options = options;
    this.notes = notes;
    this.time = time;
    this.#isScaled = isScaled(schema);
  }

  /** Undefined when the names are no text. Spot and perpetual of one pair are apart by their market. */
  instrument(market: RawValue, symbol: RawValue, assets?: readonly [RawValue, RawValue]): SourceInstrument | undefined {
    if (typeof market !== 'string' || typeof symbol !== 'string' || market === '' || symbol === '') return undefined;
    const [base = symbol, quote] = symbol.split('-');
    const named = assets?.map((asset) => (typeof asset === 'string' && asset !== '' ? asset : undefined)) ?? [];
    const quoted = named[1] ?? quote ?? this.options.quote;
    if (quoted === undefined) return undefined;
    return this.catalog.instrument({
      venue: venueOf(market),
      symbol,
      kind: this.#kindOf(market),
      base: named[0] ?? base,
      quote: quoted,
    });
  }

  /** `id` of an order: paper orders of gateways have slashes in theirs. */
  account(market: RawValue, id: RawValue): SourceAccount {
    const name = String(market);
    const isPaper = paperMarket.test(name) || (typeof id === 'string' && id.includes('//'));
    const mode = this.options.mode === 'auto' ? (isPaper ? 'paper' : 'live') : this.options.mode;
    return this.catalog.account({ venue: venueOf(name), name: this.options.account, mode });
  }

  /** A price or amount in whole units. What breaks the scale comes back as text that is no number. */
  number(value: RawValue): RawValue {
    if (!this.#isScaled || value === null) return value;
    return scaledText(value, scale) ?? `${String(value)} is not whole`;
  }

  /** The same, and counts values of which millionths have kept few digits. */
  precise(value: RawValue, instrument: SourceInstrument): RawValue {
    const size = typeof value === 'bigint' || typeof value === 'number' ? Math.abs(Number(value)) : Number.NaN;
    if (this.#isScaled && size > 0 && size < fewUnits) {
      this.notes.add(`${instrument.symbol}: values under 1,000 millionths, of which the source has cut digits`);
    }
    return this.number(value);
  }

  #kindOf(market: string): Kind {
    return this.options.kind ?? (/perpetual/i.test(market) ? 'perp' : 'spot');
  }
}

const venueOf = (market: string): string => market.replace(paperMarket, '');

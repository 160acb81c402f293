import type { Kind } from '../instrument.ts';
import type { RawNumber } from './raw-value.ts';

/** An instrument as the source names it. One object for each, so that rows refer to it without a look-up by text. */
export interface SourceInstrument {
  /** Position in the catalogue, from 0. */
  readonly index: number;
  readonly venue: string;
  readonly symbol: string;
  readonly kind: Kind;
  readonly base: string;
  readonly quote: string;
  /** False for a venue with sessions. */
  readonly continuous: boolean;
  /** In whole units, where the source knows them; they take part in the choice of scales. */
  readonly tickSize: RawNumber | undefined;
  readonly lotSize: RawNumber | undefined;
}

export interface SourceAccount {
  readonly index: number;
  readonly venue: string;
  readonly name: string;
  readonly mode: 'live' | 'paper';
}

export interface SourceStrategy {
  readonly index: number;
  readonly name: string;
  readonly version: string;
}

export type NewInstrument = Omit<SourceInstrument, 'index' | 'tickSize' | 'lotSize' | 'continuous'> &
  Partial<Pick<SourceInstrument, 'tickSize' | 'lotSize' | 'continuous'>>;

/** All instruments, accounts and strategies that rows of the source have named so far. */
export class SourceCatalog {
  readonly instruments: SourceInstrument[] = [];
  readonly accounts: SourceAccount[] = [];
  readonly strategies: SourceStrategy[] = [];
  readonly #byKey = new Map<string, SourceInstrument | SourceAccount | SourceStrategy>();

  /** The first naming decides about sizes and sessions. A reader keeps a map of its own from its text to the result. */
  instrument(named: NewInstrument): SourceInstrument {
    const { venue, symbol, kind } = named;
    return this.#known(['i', venue, symbol, kind], this.instruments, {
      index: this.instruments.length,
      venue,
      symbol,
      kind,
      base: named.base,
      quote: named.quote,
      continuous: named.continuous ?? true,
      tickSize: named.tickSize,
      lotSize: named.lotSize,
    });
  }

  account(named: Omit<SourceAccount, 'index'>): SourceAccount {
    const { venue, name, mode } = named;
    return this.#known(['a', venue, name, mode], this.accounts, { index: this.accounts.length, venue, name, mode });
  }

  strategy(name: string, version: string): SourceStrategy {
    return this.#known(['s', name, version], this.strategies, { index: this.strategies.length, name, version });
  }

  #known<T extends SourceInstrument | SourceAccount | SourceStrategy>(parts: string[], list: T[], made: T): T {
    const key = JSON.stringify(parts);
    const known = this.#byKey.get(key) as T | undefined;
    if (known !== undefined) return known;
    this.#byKey.set(key, made);
    list.push(made);
    return made;
  }
}

import type { ConnectionPorts } from '../../sqlite/connection-settings.ts';
import type { Kind } from '../instrument.ts';
import type { Mapping } from '../mapping/mapping.ts';
import type { Sign } from '../units.ts';
import type { SourceAccount, SourceCatalog, SourceInstrument } from './catalog.ts';
import type { RawValue } from './raw-value.ts';
import type { SourceSchema } from './source-schema.ts';
import type { Mapped } from './unit.ts';

/** Columns of a row in the order in which the stream names them. INTEGER comes as bigint, REAL as number. */
export type SourceRow = readonly RawValue[];

/** Values of the key columns of a row. */
export type SourceKey = readonly (number | string | bigint)[];

export interface SliceLimits {
  readonly rows: number;
  /** Milliseconds that one read transaction may last. */
  readonly ms: number;
}

export interface Slice {
  readonly rows: number;
  /** Of the last row; undefined when there was none. */
  readonly last: SourceKey | undefined;
  /** No row follows at this moment. */
  readonly done: boolean;
}

/** Where the rows of a stream come from, in key order. A table of an SQLite file is `tableRows` of table-rows.ts. */
export interface RowRange {
  /** Brings into memory what the next `read` gives: only a file that can be read no other way needs it. */
  prepare?(after: SourceKey | undefined, limits: SliceLimits): Promise<void>;
  /** Visits rows behind `after` within one read transaction: queries that `visit` makes on the source see the same state. */
  read(after: SourceKey | undefined, limits: SliceLimits, visit: (row: SourceRow) => void): Slice;
  /** Key of a row, for streams that are mutable. */
  keyOf?(row: SourceRow): SourceKey;
  /** For progress; undefined when nobody knows. */
  count(): number | undefined;
}

export interface SourceStream {
  /** As the report shows it: orders, fills, candles, ... */
  readonly name: string;
  /** Table or file; rows in quarantine name their columns as below. */
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: RowRange;
  /** Rows change after they are written, so every run reads all of them and compares hashes. */
  readonly mutable: boolean;
  /**
   * What a row becomes. It throws only for a defect of the program: whatever a row holds leads to a unit or to `held`.
   * Called in key order; twice for each row when the stream has no `facts`.
   */
  map(row: SourceRow): Mapped;
  /** External id for quarantine when the frame itself holds the row (a number that does not fit). */
  externalId(row: SourceRow): string;
  /**
   * Finds what scales need without `map`, for streams of millions of rows: the frame reads these rows in slices and gives
   * each to `take`. Otherwise it maps every row and looks at its numbers.
   */
  readonly facts?: { readonly rows: RowRange; take(row: SourceRow, facts: FactsRecorder): void };
}

/** Collects what the choice of scales needs. Ratios such as averages are not given. */
export interface FactsRecorder {
  price(instrument: SourceInstrument, value: RawValue): void;
  quantity(instrument: SourceInstrument, value: RawValue): void;
  /** Money of an asset: notional, fee, funding. Only its size counts. */
  money(asset: string, value: RawValue): void;
}

/** What became of each column of each table. */
export interface ColumnFate {
  readonly table: string;
  /** `*` for a whole table. */
  readonly column: string;
  readonly fate: 'mapped' | 'derived' | 'attribute' | 'dropped' | 'unknown';
  readonly target: string | null;
  readonly reason: string | null;
}

export type CountCheck = 'orders' | 'fills' | 'funding payments' | 'locks' | 'state' | 'candles' | 'ticks' | 'quotes';
export type SumCheck = 'bought' | 'sold' | 'open quantity' | 'notional' | 'fees' | 'funding' | 'realized profit';

/**
 * Takes what the source itself says, for the reconciliation. Values are in whole units and are summed exactly at the scale
 * of the instrument (bought, sold, open quantity) or of the asset (the others).
 */
export interface TotalsRecorder {
  count(check: CountCheck, of: { account?: SourceAccount; instrument?: SourceInstrument }, rows: number): void;
  /** `units` of tolerance are added for each call: none unless given. */
  quantity(
    check: SumCheck,
    of: { account: SourceAccount; instrument: SourceInstrument },
    value: RawValue,
    units?: number,
  ): void;
  /** `units` of tolerance are added for each call: 1 unless given. */
  money(
    check: SumCheck,
    of: { account: SourceAccount; instrument?: SourceInstrument; asset: string },
    value: RawValue,
    units?: number,
  ): void;
}

/** An order of this source as it stands in the target, for figures that only the formulas of the source can give. */
export interface ImportedOrder {
  readonly externalId: string;
  readonly parent: string | undefined;
  readonly account: SourceAccount;
  readonly instrument: SourceInstrument;
  readonly side: Sign;
  /** Decimal text in whole units, of all fills together. */
  readonly filled: string;
  readonly notional: string;
  readonly fees: readonly { readonly asset: string; readonly amount: string }[];
}

/** Rows that are held, so that the totals of the source can leave them out. */
export interface HeldRows {
  has(stream: string, externalId: string): boolean;
  count(stream: string): number;
  ids(stream: string): Iterable<string>;
}

export interface SourceReader {
  /** In the order in which they are imported: parents before children. */
  readonly streams: readonly SourceStream[];
  readonly columns: readonly ColumnFate[];
  /** Of the rows that are not held. In one read transaction of the source. */
  totals(record: TotalsRecorder, held: HeldRows): void;
  /**
   * Figures that the frame cannot compute from the target by itself (realized profit by the bot's own formula), from the
   * orders as imported, in the order of their ids. A parent comes before its children.
   */
  recompute?(imported: Iterable<ImportedOrder>, record: TotalsRecorder): void;
  /** Gives back what reading needed, such as an open file. */
  close?(): void;
}

export interface ReaderOptions {
  /** IANA name for naive times; undefined: the system's own. */
  readonly timezone: string | undefined;
  readonly venue: string | undefined;
  /** Name of the account; the name of the source unless told otherwise. */
  readonly account: string;
  readonly mode: 'live' | 'paper' | 'auto';
  readonly kind: Kind | undefined;
  readonly quote: string | undefined;
  /** Keep columns without a place for market data too. */
  readonly attributes: boolean;
}

/** Something worth telling that is no defect of a row, counted by its text. */
export interface Notes {
  add(note: string, times?: number): void;
}

/** What a reader of an SQLite source is given. */
export interface ReaderPorts {
  readonly schema: SourceSchema;
  readonly detection: Detection;
  readonly catalog: SourceCatalog;
  readonly options: ReaderOptions;
  readonly notes: Notes;
}

export interface Detection {
  readonly system: string;
  /** Such as `F9`. */
  readonly generation: string;
  /** For people: `2024.8: precision_mode_price`. */
  readonly label: string;
  /** Tables and columns that say so. */
  readonly evidence: readonly string[];
  /** Why this generation cannot be imported; the command ends with exit 2. */
  readonly refused: { readonly reason: string; readonly hint: string } | undefined;
}

/** A bot whose SQLite file is known by its tables. */
export interface SourceSystem {
  readonly name: string;
  /** Undefined when the tables are of somebody else. Looks at nothing but names. */
  detect(schema: SourceSchema): Detection | undefined;
  /** Throws `usage` for an option that is missing, such as the time zone of vn.py. */
  open(ports: ReaderPorts): SourceReader;
}

/** What a reader of a file that is no database is given. */
export interface FilePorts extends ConnectionPorts {
  readonly path: string;
  readonly mapping: Mapping | undefined;
  readonly catalog: SourceCatalog;
  readonly options: ReaderOptions;
  readonly notes: Notes;
}

/** A format of files whose rows are read through a mapping. */
export interface FileSource {
  readonly name: string;
  /** Throws `usage` for a file that cannot be read without a mapping, `config_invalid` for one that does not fit. */
  open(ports: FilePorts): Promise<SourceReader>;
}

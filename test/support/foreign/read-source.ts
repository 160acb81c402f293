import { onTestFinished } from 'vitest';
import type { Connection } from '../../../src/core/sqlite/connection.ts';
import { SourceCatalog } from '../../../src/core/trading/import/catalog.ts';
import type {
  FileSource,
  HeldRows,
  ReaderOptions,
  SliceLimits,
  SourceKey,
  SourceReader,
  SourceStream,
  SourceSystem,
} from '../../../src/core/trading/import/source.ts';
import { SourceSchema } from '../../../src/core/trading/import/source-schema.ts';
import type { Held, Mapped } from '../../../src/core/trading/import/unit.ts';
import { parseMapping } from '../../../src/core/trading/mapping/mapping.ts';
import { testPorts } from '../context.ts';

/** Drives a reader as the import does, for tests that look at what it makes of rows. */

export const defaultOptions: ReaderOptions = {
  timezone: undefined,
  venue: undefined,
  account: 'main',
  mode: 'auto',
  kind: undefined,
  quote: undefined,
  attributes: false,
};

export interface OpenedSource {
  readonly reader: SourceReader;
  readonly catalog: SourceCatalog;
  readonly notes: Map<string, number>;
}

/** Takes notes into a map from the note to how often it was made. */
export function noteBook(): { notes: Map<string, number>; port: { add(note: string, times?: number): void } } {
  const notes = new Map<string, number>();
  return { notes, port: { add: (note, times = 1) => void notes.set(note, (notes.get(note) ?? 0) + times) } };
}

export function openSource(
  system: SourceSystem,
  connection: Connection,
  options: Partial<ReaderOptions> = {},
): OpenedSource {
  const schema = new SourceSchema(connection);
  const detection = system.detect(schema);
  if (detection === undefined) throw new Error(`${system.name} does not know this file`);
  const catalog = new SourceCatalog();
  const { notes, port } = noteBook();
  const reader = system.open({ schema, detection, catalog, options: { ...defaultOptions, ...options }, notes: port });
  return { reader, catalog, notes };
}

export function streamOf(reader: SourceReader, name: string): SourceStream {
  const stream = reader.streams.find((candidate) => candidate.name === name);
  if (stream === undefined)
    throw new Error(`no stream ${name} among ${reader.streams.map((each) => each.name).join(', ')}`);
  return stream;
}

export interface ReadStream {
  readonly units: readonly Mapped[];
  readonly held: readonly Held[];
  readonly rows: number;
  readonly last: SourceKey | undefined;
}

/** Everything a stream gives behind `after`; units are copied, because a reader may use one object again. */
export async function readStream(
  stream: SourceStream,
  after?: SourceKey,
  limits: SliceLimits = { rows: 3, ms: 60_000 },
): Promise<ReadStream> {
  const units: Mapped[] = [];
  let last = after;
  let rows = 0;
  for (;;) {
    await stream.rows.prepare?.(last, limits);
    const slice = stream.rows.read(last, limits, (row) => units.push(structuredClone(stream.map(row))));
    rows += slice.rows;
    last = slice.last === undefined ? last : (JSON.parse(JSON.stringify(slice.last, bigAsNumber)) as SourceKey);
    if (slice.done) break;
  }
  return { units, held: units.filter((unit): unit is Held => unit.kind === 'held'), rows, last };
}

const bigAsNumber = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value);

/** What a scan of the facts of a stream records, as text, each once. */
export function factsOf(stream: SourceStream): Set<string> {
  const seen = new Set<string>();
  const recorder = {
    price: (instrument: { symbol: string }, value: unknown) => void seen.add(`price ${instrument.symbol} ${value}`),
    quantity: (instrument: { symbol: string }, value: unknown) => void seen.add(`qty ${instrument.symbol} ${value}`),
    money: (asset: string, value: unknown) => void seen.add(`money ${asset} ${value}`),
  };
  let after: SourceKey | undefined;
  for (;;) {
    const slice = stream.facts?.rows.read(after, { rows: 5, ms: 60_000 }, (row) => stream.facts?.take(row, recorder));
    if (slice === undefined || slice.done) return seen;
    after = slice.last;
  }
}

/** The totals of a reader as text lines `check of: value`; `held` by stream. */
export function totalsOf(reader: SourceReader, held: Readonly<Record<string, readonly string[]>> = {}): string[] {
  const rows: HeldRows = {
    has: (stream, id) => held[stream]?.includes(id) === true,
    count: (stream) => held[stream]?.length ?? 0,
    ids: (stream) => held[stream] ?? [],
  };
  const lines: string[] = [];
  reader.totals(
    {
      count: (check, of, count) =>
        void lines.push(`${check} ${of.instrument?.symbol ?? of.account?.name ?? 'all'}: ${count}`),
      quantity: (check, of, value) => void lines.push(`${check} ${of.instrument.symbol}: ${value}`),
      money: (check, of, value) => void lines.push(`${check} ${of.instrument?.symbol ?? ''} ${of.asset}: ${value}`),
    },
    rows,
  );
  return lines.sort();
}

/** Opens a file that is no database. */
export async function openFile(
  source: FileSource,
  path: string,
  options: Partial<ReaderOptions> = {},
  mapping?: object,
): Promise<OpenedSource> {
  const catalog = new SourceCatalog();
  const { notes, port } = noteBook();
  const reader = await source.open({
    ...testPorts,
    path,
    mapping: mapping === undefined ? undefined : parseMapping(JSON.stringify(mapping), 'mapping.json'),
    catalog,
    options: { ...defaultOptions, ...options },
    notes: port,
  });
  onTestFinished(() => reader.close?.());
  return { reader, catalog, notes };
}

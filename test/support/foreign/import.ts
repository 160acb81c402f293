import { createHash } from 'node:crypto';
import { type Connection, openMemory, openReadOnly } from '../../../src/core/sqlite/connection.ts';
import { quoteIdentifier } from '../../../src/core/sqlite/quote-identifier.ts';
import { detectSource, requireImportable } from '../../../src/core/trading/import/detect-source.ts';
import type { ImportResult } from '../../../src/core/trading/import/result.ts';
import { type ImportRequest, runImport } from '../../../src/core/trading/import/run-import.ts';
import type { ReaderOptions } from '../../../src/core/trading/import/source.ts';
import { SourceSchema } from '../../../src/core/trading/import/source-schema.ts';
import { fileSources } from '../../../src/core/trading/import/systems.ts';
import { parseMapping } from '../../../src/core/trading/mapping/mapping.ts';
import { applyReferenceSchema } from '../../../src/core/trading/reference-schema.ts';
import { testContext, testPorts } from '../context.ts';

/** An empty target in memory. */
export function importTarget(): Connection {
  const target = openMemory(testPorts);
  target.pragma('foreign_keys = 1');
  applyReferenceSchema(target);
  return target;
}

export const readerOptions: ReaderOptions = {
  timezone: undefined,
  venue: undefined,
  account: 'bot',
  mode: 'auto',
  kind: undefined,
  quote: undefined,
  attributes: false,
};

const second = 1_000_000;

type Changes = Partial<ImportRequest> & {
  readonly options?: Partial<ReaderOptions>;
  /** Mapping file, parsed; for an own schema or a file that is no database. */
  readonly map?: object;
};

/** What a run needs beside its source. */
const usual = {
  name: 'bot.sqlite',
  mapping: '',
  isLive: false,
  streams: undefined,
  batchRows: 1000,
  readSliceMs: 60_000,
  settleLimitMs: 60_000,
  openings: [],
  retry: false,
  maxQuarantine: { rows: 1_000_000 },
  ruleTimes: { tolUs: second, fillTolUs: second, staleUs: 1e15 },
  onBatch: () => {},
  onBooked: () => {},
} as const;

const mappingOf = (map: object | undefined) =>
  map === undefined ? undefined : parseMapping(JSON.stringify(map), 'mapping.json');

/** Imports an SQLite file within this process, as the command does. */
export async function importFile(path: string, target: Connection, changes: Changes = {}): Promise<ImportResult> {
  const source = openReadOnly(path, testPorts);
  try {
    const schema = new SourceSchema(source);
    const detected = await detectSource(schema, 'auto', mappingOf(changes.map));
    requireImportable(detected);
    const { detection, system } = detected;
    const options = { ...readerOptions, ...changes.options };
    const open: ImportRequest['open'] = async (catalog, notes) =>
      system.open({ schema, detection, catalog, options, notes });
    return await runImport({ ...usual, target, detection, open, source, ...changes }, testContext());
  } finally {
    source.close();
  }
}

/** The same for a file that is no database. */
export async function importRows(
  from: 'csv' | 'ndjson' | 'parquet',
  path: string,
  target: Connection,
  changes: Changes = {},
): Promise<ImportResult> {
  const reader = await fileSources[from]?.();
  if (reader === undefined) throw new Error(`no reader of ${from}`);
  const detection = { system: from, generation: from, label: from, evidence: [], refused: undefined };
  const options = { ...readerOptions, ...changes.options };
  const ports = { path, mapping: mappingOf(changes.map), options, ...testPorts };
  const open: ImportRequest['open'] = (catalog, notes) => reader.open({ ...ports, catalog, notes });
  return await runImport({ ...usual, target, detection, open, source: undefined, ...changes }, testContext());
}

/** Tables whose rows tell of the runs, not of the data. */
const aboutRuns: ReadonlySet<string> = new Set(['import_runs', 'audit_log', 'tradedb_migrations']);

/** Hash of everything that an import has written; equal states have equal hashes. Columns that name a run are left out. */
export function targetHash(target: Connection): string {
  const hash = createHash('sha256');
  const tables = target.all<{ name: string }>(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
  );
  for (const { name } of tables) {
    if (aboutRuns.has(name)) continue;
    const columns = target
      .all<{ name: string }>('SELECT name FROM pragma_table_xinfo(?)', [name])
      .filter((column) => column.name !== 'run_id' && column.name !== 'resolved_us')
      .map((column) => quoteIdentifier(column.name));
    const list = columns.join(', ');
    const rows = target
      .prepare(`SELECT ${list} FROM ${quoteIdentifier(name)} ORDER BY ${columns.map((_, at) => at + 1).join(', ')}`)
      .asArrays()
      .withBigIntegers();
    hash.update(`table ${name}\n`);
    for (const row of rows.iterate<readonly unknown[]>()) {
      hash.update(JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? `${value}n` : value)));
    }
  }
  return hash.digest('hex');
}

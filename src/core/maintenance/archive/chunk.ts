import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { TradedbError } from '../../error.ts';
import { Ledger, type LedgerEntry, type LedgerState } from './ledger.ts';
import type { ArchiveRetention } from './manifest.ts';

/** Rows of a chunk by what became of them in the live table. */
export interface Counts {
  readonly deleted: number;
  /** Changed, held or pointed to since they were archived: they stayed. */
  readonly stale: number;
  /** Somebody else had deleted them. */
  readonly alreadyGone: number;
}

export const noCounts: Counts = { deleted: 0, stale: 0, alreadyGone: 0 };

/** Numbers of the first and the last unit of a run of units. */
export type UnitRange = readonly [first: number, last: number];

/** What the ledger knows of one chunk. */
export interface Chunk {
  readonly id: string;
  readonly table: string;
  readonly database: string;
  readonly state: Exclude<LedgerState, 'restored'>;
  readonly plannedAt: string;
  /** Rows of all its tables; 0 before it was written. */
  readonly rows: number;
  readonly bytes: number;
  readonly format: 'sqlite' | 'parquet';
  /** Of the file of its first table. */
  readonly sha256: string;
  /** Of the manifest, which holds the hashes of all files. */
  readonly manifestSha256: string;
  readonly counts: Counts;
  /** Units up to this one are dealt with. */
  readonly throughUnit: number;
  readonly staleUnits: readonly UnitRange[];
  /** Archived only: its rows are to stay. */
  readonly kept: boolean;
  /** Until when its class wants it kept. */
  readonly retention: ArchiveRetention | undefined;
  /** When its rows were last put back into their table. */
  readonly restoredAt: string | undefined;
}

export interface TableFolder {
  readonly table: string;
  readonly path: string;
  readonly ledger: Ledger;
}

/** Name of a table as the name of a folder, on any file system. */
function folderName(table: string): string {
  return encodeURIComponent(table).replace(/[.*'()!~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

export function openTableFolder(archiveFolder: string, table: string): TableFolder {
  const path = join(archiveFolder, folderName(table));
  return { table, path, ledger: new Ledger(join(path, 'ledger.ndjson')) };
}

/** Folders of every table that was ever archived there. */
export function openTableFolders(archiveFolder: string): TableFolder[] {
  if (!existsSync(archiveFolder)) return [];
  return readdirSync(archiveFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(archiveFolder, entry.name, 'ledger.ndjson')))
    .map((entry) => openTableFolder(archiveFolder, decodeURIComponent(entry.name)))
    .sort((a, b) => (a.table < b.table ? -1 : 1));
}

/** Names of the files of an archive: one for SQLite, one per table for Parquet. */
export function archiveNames(id: string, format: 'sqlite' | 'parquet', tables: readonly string[]): string[] {
  if (format === 'sqlite') return [`${id}.db`];
  return tables.map((table, index) => (index === 0 ? `${id}.parquet` : `${id}.${folderName(table)}.parquet`));
}

export const manifestPath = (folder: TableFolder, id: string): string => join(folder.path, `${id}.json`);

/** The chunks of a ledger, oldest first. */
export function chunksOf(folder: TableFolder): Chunk[] {
  const chunks = new Map<string, Chunk>();
  for (const entry of folder.ledger.entries) {
    const known = chunks.get(entry.archiveId);
    chunks.set(entry.archiveId, known === undefined ? first(entry, folder.table) : next(known, entry));
  }
  return [...chunks.values()];
}

function first(entry: LedgerEntry, table: string): Chunk {
  return {
    id: entry.archiveId,
    table,
    database: String(entry.values.database ?? ''),
    state: 'planned',
    plannedAt: entry.at,
    rows: 0,
    bytes: 0,
    format: 'sqlite',
    sha256: '',
    manifestSha256: '',
    counts: noCounts,
    throughUnit: 0,
    staleUnits: [],
    kept: entry.values.kept === true,
    retention: undefined,
    restoredAt: undefined,
  };
}

function next(chunk: Chunk, { state, values, at }: LedgerEntry): Chunk {
  const known = values as Partial<Chunk>;
  switch (state) {
    case 'written': {
      const { rows = 0, bytes = 0, format = 'sqlite', sha256 = '', manifestSha256 = '', retention } = known;
      return { ...chunk, state, rows, bytes, format, sha256, manifestSha256, retention };
    }
    case 'deleting':
      return {
        ...chunk,
        state,
        counts: known.counts ?? chunk.counts,
        throughUnit: known.throughUnit ?? chunk.throughUnit,
        staleUnits: [...chunk.staleUnits, ...(known.staleUnits ?? [])],
      };
    case 'done':
      return { ...chunk, state, counts: known.counts ?? chunk.counts };
    case 'restored':
      return values.intoTable === true ? { ...chunk, restoredAt: at } : chunk;
    default:
      return { ...chunk, state };
  }
}

/** True while rows of the chunk may be archived and not yet deleted, or half written. */
export function isPending(chunk: Chunk): boolean {
  return chunk.state !== 'done' && chunk.state !== 'dropped';
}

export function findChunk(folders: readonly TableFolder[], id: string): { folder: TableFolder; chunk: Chunk } {
  for (const folder of folders) {
    const chunk = chunksOf(folder).find((one) => one.id === id);
    if (chunk !== undefined) return { folder, chunk };
  }
  throw new TradedbError('file_not_found', `there is no archive ${JSON.stringify(id)}`, {
    hint: 'list them: tradedb vacuum archive --list',
  });
}

import type { IdleBudget, WriteStop } from '../retention/budgeted-writes.ts';
import type { Chunk, TableFolder } from './chunk.ts';
import type { ArchiveManifest } from './manifest.ts';
import type { ArchivePorts, ArchiveRequest, RestoreResult } from './request.ts';

export type OnConflict = 'fail' | 'skip' | 'replace';

export interface RestoreRequest extends ArchiveRequest {
  readonly archiveId: string;
  /** Absolute path of a new database; undefined: back into the tables of `database`. */
  readonly to: string | undefined;
  readonly onConflict: OnConflict;
  /** Also the versions of rows that have changed since and stayed in their table. */
  readonly includeStale: boolean;
}

/** An archive that was verified, and what is wanted of it. */
export interface RestoreParts {
  readonly request: RestoreRequest;
  readonly ports: ArchivePorts;
  readonly folder: TableFolder;
  readonly chunk: Chunk;
  readonly manifest: ArchiveManifest;
  readonly idle: IdleBudget | undefined;
  readonly skipUnit: (unit: number) => boolean;
}

export interface Restored {
  readonly restored: RestoreResult;
  readonly stoppedBy: WriteStop;
}

/** Rows given back, by table of the archive. */
export class RestoreCounts {
  readonly tables: { name: string; rows: number; skipped: number }[];
  staleLeftOut = 0;

  constructor(manifest: ArchiveManifest) {
    this.tables = manifest.tables.map(({ name }) => ({ name, rows: 0, skipped: 0 }));
  }

  add(table: number, rows: number, skipped: number): void {
    const entry = this.tables[table];
    if (entry === undefined) return;
    entry.rows += rows;
    entry.skipped += skipped;
  }

  result({ archiveId }: ArchiveManifest, to: string | null): RestoreResult {
    return { id: archiveId, to, tables: this.tables, staleLeftOut: this.staleLeftOut };
  }
}

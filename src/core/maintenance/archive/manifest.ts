import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { fromFileSystem, TradedbError } from '../../error.ts';
import { syncFolder } from '../../sync-folder.ts';
import type { RetentionPolicy } from '../retention/policy.ts';
import type { TableSums } from './row-sums.ts';

export interface ArchivedColumn {
  readonly name: string;
  readonly type: string;
  readonly generated: boolean;
}

/** A file of an archive; its name has no folder. */
export interface ArchivedFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A table of an archive. In SQLite's format its columns have no type, so that every value stays as it was stored. */
export interface ArchivedTable {
  readonly name: string;
  /** CREATE TABLE of the live table when it was archived. */
  readonly sql: string;
  readonly columns: readonly ArchivedColumn[];
  /** Column that numbers the units: a row of the first table, and the rows that left with it. */
  readonly unitColumn: string;
  /** Column with the row id, for a table whose row id is no column. */
  readonly rowIdColumn: string | null;
  /** Positions of the key among the columns; empty with a rowIdColumn. */
  readonly keyColumns: readonly number[];
  readonly sums: TableSums;
}

/** Until when (ISO 8601, UTC) a retention class wants an archive kept; null: for ever. */
export interface ArchiveRetention {
  readonly class: string;
  readonly until: string | null;
}

/** Says what an archive holds; written last, so that an archive with a manifest is whole. */
export interface ArchiveManifest {
  readonly version: 1;
  readonly archiveId: string;
  readonly format: 'sqlite' | 'parquet';
  /** Why it is not in the format that was asked for. */
  readonly formatReason?: string;
  readonly database: string;
  readonly createdAt: string;
  /** Rows of the first table were older than this. */
  readonly cutoff: string;
  /** All rows of the first table are of this month, YYYY-MM in UTC. */
  readonly month: string;
  readonly policy: RetentionPolicy;
  /** Only where the policy names a class. */
  readonly retention?: ArchiveRetention;
  /** Text encoding of the database, and of a file in SQLite's format. */
  readonly encoding: string;
  /** Text may hold bytes that are no characters: it is read as bytes. */
  readonly exactText: boolean;
  readonly units: number;
  /** One for SQLite, one per table for Parquet. */
  readonly files: readonly ArchivedFile[];
  readonly tables: readonly ArchivedTable[];
}

/** Writes it whole and durable; returns its SHA-256. */
export function writeManifest(path: string, manifest: ArchiveManifest): string {
  const bytes = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
  try {
    const file = openSync(`${path}.partial`, 'w', 0o600);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(`${path}.partial`, path);
  } catch (error) {
    throw fromFileSystem(error, path);
  }
  syncFolder(dirname(path));
  return createHash('sha256').update(bytes).digest('hex');
}

export function readManifest(path: string): { manifest: ArchiveManifest; sha256: string } {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw fromFileSystem(error, path);
  }
  try {
    const manifest = JSON.parse(bytes.toString('utf8')) as ArchiveManifest;
    return { manifest, sha256: createHash('sha256').update(bytes).digest('hex') };
  } catch (error) {
    throw new TradedbError('checksum_mismatch', `${JSON.stringify(path)} is no manifest`, {
      hint: 'the archive is damaged; nothing is deleted with it',
      cause: error,
    });
  }
}

/** SHA-256 of a file that nobody has open in SQLite. */
export async function hashFile(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const part of createReadStream(path, { signal, highWaterMark: 1024 * 1024 }))
      hash.update(part as Buffer);
  } catch (error) {
    throw fromFileSystem(error, path);
  }
  return hash.digest('hex');
}

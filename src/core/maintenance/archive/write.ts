import { renameSync, rmSync, statSync } from 'node:fs';
import type { OperationContext } from '../../context.ts';
import { fromFileSystem, TradedbError, throwIfCancelled } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import type { Condition } from '../retention/due.ts';
import type { RetentionPolicy } from '../retention/policy.ts';
import type { UnitTable } from '../retention/unit.ts';
import { syncFolder } from '../vacuum/swap-file.ts';
import { ArchiveFileWriter, layoutOf, pageBytes } from './archive-file.ts';
import { archivePath, manifestPath, type TableFolder } from './chunk.ts';
import { LiveUnit } from './live-unit.ts';
import { type ArchiveManifest, hashFile, writeManifest } from './manifest.ts';
import { type ExactRow, ExactStatements, RowSums } from './row.ts';

export interface WriteRequest {
  readonly archiveId: string;
  readonly folder: TableFolder;
  /** Outside a transaction; it reads the chunk in one snapshot. */
  readonly connection: Connection;
  /** Of the schema by which `tables` were read. */
  readonly schemaVersion: number;
  readonly tables: readonly UnitTable[];
  readonly policy: RetentionPolicy;
  readonly due: Condition;
  readonly cutoff: string;
  readonly after: ExactRow | undefined;
  readonly chunkRows: number;
  /** True when the disk has no more room; asked between pages. */
  readonly diskIsShort: () => boolean;
}

export interface WrittenArchive {
  readonly manifest: ArchiveManifest;
  readonly manifestSha256: string;
  readonly lastKey: ExactRow;
  readonly more: boolean;
}

/**
 * Copies one chunk of due rows, with the rows that leave with them, into a file of its own, durable and whole under its
 * name when this returns, with its manifest. Undefined when nothing is due any more. Leaves nothing when it fails.
 */
export async function writeArchive(
  request: WriteRequest,
  context: OperationContext,
): Promise<WrittenArchive | undefined> {
  const { folder, archiveId, connection } = request;
  const path = archivePath(folder, archiveId);
  const partial = `${path}.partial`;
  const encoding = String(connection.pragmaValue('encoding'));
  const layouts = request.tables.map(({ shape }) => layoutOf(shape));
  const sums = layouts.map((layout) => new RowSums(layout.columns.length));
  let written: Copied | undefined;
  try {
    const writer = new ArchiveFileWriter(partial, layouts, encoding, context);
    try {
      written = await copyChunk(request, writer, sums, context);
      if (written === undefined) return undefined;
      writer.finish();
    } finally {
      writer.close();
    }
    const sha256 = await hashFile(partial, context.signal);
    const bytes = statSync(partial).size;
    renameSync(partial, path);
    syncFolder(folder.path);
    const manifest: ArchiveManifest = {
      version: 1,
      archiveId,
      format: 'sqlite',
      database: connection.path,
      createdAt: new Date(context.clock.wallTime()).toISOString(),
      cutoff: request.cutoff,
      policy: request.policy,
      encoding,
      units: written.units,
      bytes,
      sha256,
      tables: layouts.map((layout, index) => ({ ...layout, sums: (sums[index] as RowSums).sums })),
    };
    const manifestSha256 = writeManifest(manifestPath(folder, archiveId), manifest);
    return { manifest, manifestSha256, lastKey: written.lastKey, more: written.more };
  } catch (error) {
    throw fromFileSystem(error, folder.path);
  } finally {
    rmSync(partial, { force: true });
  }
}

interface Copied {
  readonly units: number;
  readonly lastKey: ExactRow;
  readonly more: boolean;
}

async function copyChunk(
  request: WriteRequest,
  writer: ArchiveFileWriter,
  sums: readonly RowSums[],
  context: OperationContext,
): Promise<Copied | undefined> {
  const { connection, chunkRows } = request;
  const live = new LiveUnit(new ExactStatements(connection), request.tables);
  let rows = 0;
  let units = 0;
  let lastKey: ExactRow | undefined;
  connection.beginRead();
  try {
    requireSchema(connection, request.schemaVersion);
    while (rows < chunkRows) {
      const limits = { rows: Math.min(1000, chunkRows - rows), bytes: pageBytes };
      const page = live.duePage(request.due, lastKey ?? request.after, limits);
      if (page.length === 0) return lastKey === undefined ? undefined : { units, lastKey, more: false };
      for (const root of page) {
        units += 1;
        live.gather(root).forEach((members, table) => {
          for (const member of members) {
            writer.insert(table, units, member);
            sums[table]?.add(member.row);
            rows += 1;
          }
        });
        lastKey = root.key;
        if (rows >= chunkRows) break;
      }
      throwIfCancelled(context.signal);
      if (request.diskIsShort()) {
        throw new TradedbError(
          'disk_full',
          `the reserve of free disk space of ${JSON.stringify(request.folder.path)} is reached`,
          {
            hint: 'free some space; nothing of this chunk was deleted',
          },
        );
      }
      // Lets timers run: the lease is renewed by one.
      await context.clock.sleep(0, context.signal);
    }
    return lastKey === undefined ? undefined : { units, lastKey, more: true };
  } finally {
    if (connection.inTransaction) connection.commit();
  }
}

/** Inside a transaction: throws when the schema is not the one that the work was planned by. */
export function requireSchema(connection: Connection, schemaVersion: number): void {
  if (Number(connection.pragmaValue('schema_version')) === schemaVersion) return;
  throw new TradedbError('database_locked', `the schema of ${JSON.stringify(connection.path)} was changed meanwhile`, {
    hint: 'run it again; nothing was deleted after the change',
  });
}

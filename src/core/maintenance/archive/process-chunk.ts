import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { type Connection, openReadOnly } from '../../sqlite/connection.ts';
import { BudgetedWrites, type IdleBudget, writeBudget } from '../retention/budgeted-writes.ts';
import { holdCondition } from '../retention/due.ts';
import { hasOwnRowId } from '../retention/live-unit.ts';
import { requireTriggers } from '../retention/plan.ts';
import { refuseLedgerTables } from '../retention/policy.ts';
import { readUnit, type UnitTable } from '../retention/unit.ts';
import { type Chunk, chunksOf, manifestPath, type TableFolder } from './chunk.ts';
import { deleteArchived } from './delete.ts';
import type { LedgerState } from './ledger.ts';
import { type ArchiveManifest, readManifest } from './manifest.ts';
import type { ArchivePorts, ArchiveRequest, ArchiveStop, ChunkResult } from './request.ts';
import { archivePaths, verifyArchive } from './verify.ts';

/** Writes a step of a chunk into its ledger; durable when it returns. */
export function record(
  folder: TableFolder,
  archiveId: string,
  step: { readonly state: LedgerState; readonly values?: Readonly<Record<string, unknown>> },
  context: OperationContext,
): void {
  const at = new Date(context.clock.wallTime()).toISOString();
  folder.ledger.append({ archiveId, state: step.state, at, values: step.values ?? {} });
}

export function chunkNow(folder: TableFolder, id: string): Chunk {
  const chunk = chunksOf(folder).find((one) => one.id === id);
  if (chunk === undefined) throw new TradedbError('internal', `the ledger has lost archive ${id}`);
  return chunk;
}

export interface ChunkParts {
  readonly request: ArchiveRequest;
  readonly ports: ArchivePorts;
  /** Wall time, ms since 1970. */
  readonly deadline: number;
  readonly idle: IdleBudget | undefined;
}

/** From `planned`, `written`, `verified` or `deleting` to `done`, or as far as it may go now. */
export async function finishChunk(
  folder: TableFolder,
  id: string,
  parts: ChunkParts,
  context: OperationContext,
): Promise<ArchiveStop> {
  if (chunkNow(folder, id).state === 'planned' && !adopt(folder, id, context)) return 'done';
  const manifest = await verified(folder, id, context);
  const chunk = chunkNow(folder, id);
  if (chunk.kept) {
    record(folder, id, { state: 'done', values: { counts: chunk.counts } }, context);
    return 'done';
  }
  const stop = await deleteChunk({ folder, chunk, manifest }, parts, context);
  if (stop !== 'done') return stop;
  const { rows, counts } = chunkNow(folder, id);
  if (counts.deleted + counts.stale + counts.alreadyGone !== rows) return 'mismatch';
  record(folder, id, { state: 'done', values: { counts } }, context);
  return 'done';
}

/** A chunk whose files and manifest are whole although the ledger does not say so yet; otherwise it is dropped. */
function adopt(folder: TableFolder, id: string, context: OperationContext): boolean {
  const whole = existsSync(manifestPath(folder, id));
  // The manifest comes last: without it the files of this chunk are parts that nobody may use.
  for (const name of readdirSync(folder.path)) {
    if (name.startsWith(`${id}.`) && (!whole || name.endsWith('.partial'))) rmSync(join(folder.path, name));
  }
  if (!whole) {
    record(folder, id, { state: 'dropped', values: { reason: 'it was not written whole' } }, context);
    return false;
  }
  recordWritten(folder, id, readManifest(manifestPath(folder, id)), context);
  return true;
}

export function recordWritten(
  folder: TableFolder,
  id: string,
  written: { readonly manifest: ArchiveManifest; readonly sha256: string },
  context: OperationContext,
): void {
  const { manifest, sha256: manifestSha256 } = written;
  const rows = manifest.tables.reduce((sum, table) => sum + table.sums.rows, 0);
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  const { format, formatReason, retention } = manifest;
  const values = {
    rows,
    bytes,
    format,
    formatReason,
    retention,
    sha256: manifest.files[0]?.sha256 ?? '',
    manifestSha256,
  };
  record(folder, id, { state: 'written', values }, context);
}

/** Always reads the archive back, also when an earlier run has: the file may have been damaged since. */
async function verified(folder: TableFolder, id: string, context: OperationContext): Promise<ArchiveManifest> {
  const chunk = chunkNow(folder, id);
  try {
    const manifest = await verifyArchive(folder, chunk, context);
    if (chunk.state === 'written') record(folder, id, { state: 'verified' }, context);
    return manifest;
  } catch (error) {
    const failed = error instanceof TradedbError && error.code === 'checksum_mismatch';
    // Nothing was deleted yet, so the rows can be archived again.
    if (failed && chunk.state === 'written') {
      record(folder, id, { state: 'dropped', values: { reason: error.message } }, context);
    }
    throw error;
  }
}

async function deleteChunk(
  archive: { readonly folder: TableFolder; readonly chunk: Chunk; readonly manifest: ArchiveManifest },
  { request, ports, deadline, idle }: ChunkParts,
  context: OperationContext,
): Promise<ArchiveStop> {
  const { folder, chunk, manifest } = archive;
  const live = readLive(manifest, request, context);
  if (live === undefined) {
    recordAllStale(folder, chunk, manifest, context);
    return 'done';
  }
  const current = request.policies.find(({ table }) => table.toLowerCase() === manifest.policy.table.toLowerCase());
  const policy = current ?? manifest.policy;
  requireTriggers(
    policy,
    live.tables.flatMap(({ shape }) => shape.deleteTriggers),
  );
  const budget = writeBudget(request, ports.probeDisk, deadline, idle);
  const writes = new BudgetedWrites(request.database, budget, context);
  try {
    return await deleteArchived(
      {
        chunk,
        archivePaths: archivePaths(folder, manifest),
        manifest,
        tables: live.tables,
        schemaVersion: live.schemaVersion,
        hold: holdCondition(policy),
        policy,
        record: (progress) => record(folder, chunk.id, { state: 'deleting', values: { ...progress } }, context),
      },
      writes,
      context,
    );
  } finally {
    writes.close();
  }
}

/** The tables of an archive as they are now; undefined when they are no longer those that were archived. */
function readLive(
  manifest: ArchiveManifest,
  request: ArchiveRequest,
  context: OperationContext,
): { readonly tables: readonly UnitTable[]; readonly schemaVersion: number } | undefined {
  const names = manifest.tables.map(({ name }) => name);
  refuseLedgerTables(names);
  const connection: Connection = openReadOnly(request.database, { ...context, busyTimeoutMs: request.busyTimeoutMs });
  try {
    return connection.read(() => {
      const tables = readUnit(connection, names[0] ?? '', names.slice(1));
      const schemaVersion = Number(connection.pragmaValue('schema_version'));
      return tables.every((table, index) => isAsArchived(table, manifest, index))
        ? { tables, schemaVersion }
        : undefined;
    });
  } catch (error) {
    if (error instanceof TradedbError && error.code === 'usage') return undefined;
    throw error;
  } finally {
    connection.close();
  }
}

function isAsArchived({ shape }: UnitTable, { tables }: ArchiveManifest, index: number): boolean {
  const archived = tables[index];
  const columns = (list: readonly { name: string; generated: boolean }[]): string =>
    JSON.stringify(list.map(({ name, generated }) => [name, generated]));
  return (
    archived !== undefined &&
    columns(archived.columns) === columns(shape.columns) &&
    JSON.stringify(archived.keyColumns) === JSON.stringify(shape.keyColumns) &&
    hasOwnRowId(shape) === (archived.rowIdColumn !== null)
  );
}

function recordAllStale(folder: TableFolder, chunk: Chunk, manifest: ArchiveManifest, context: OperationContext): void {
  const { counts, rows, throughUnit, id } = chunk;
  const left = rows - counts.deleted - counts.stale - counts.alreadyGone;
  const values = {
    counts: { ...counts, stale: counts.stale + left },
    throughUnit: manifest.units,
    staleUnits: throughUnit < manifest.units ? [[throughUnit + 1, manifest.units]] : [],
    reason: 'the table is no longer the one that was archived',
  };
  record(folder, id, { state: 'deleting', values }, context);
}

export function chunkResult(chunk: Chunk): ChunkResult {
  return {
    id: chunk.id,
    table: chunk.table,
    state: chunk.state,
    rows: chunk.rows,
    bytes: chunk.bytes,
    format: chunk.format,
    sha256: chunk.sha256,
    kept: chunk.kept,
    archivedAt: chunk.plannedAt,
    database: chunk.database,
    restoredAt: chunk.restoredAt ?? null,
    retention: chunk.retention ?? null,
    ...chunk.counts,
  };
}

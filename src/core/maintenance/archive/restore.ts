import { existsSync, linkSync, realpathSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { fromFileSystem, TradedbError, throwIfCancelled } from '../../error.ts';
import { openReadOnly, openReadWrite } from '../../sqlite/connection.ts';
import { requireDatabaseFile } from '../../sqlite/database-file.ts';
import { normalProfile } from '../../sqlite/pragma-profile.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { readUnit, type UnitTable } from '../retention/unit.ts';
import { syncFolder } from '../vacuum/swap-file.ts';
import { BudgetedWrites, type WriteBudget, type WriteStop } from './budgeted-writes.ts';
import { type Chunk, findChunk, openTableFolders, type TableFolder } from './chunk.ts';
import { type ArchivedRow, openArchiveReader } from './format.ts';
import { LiveUnit } from './live-unit.ts';
import type { ArchivedTable, ArchiveManifest } from './manifest.ts';
import { chunkNow, chunkResult, record } from './process-chunk.ts';
import type { ArchivePorts, ArchiveRequest, ArchiveResult, RestoreResult } from './request.ts';
import { ExactStatements } from './row.ts';
import { columnMapping, insertStatement, type TableMapping } from './row-target.ts';
import { syncFile } from './sqlite-file.ts';
import { archivePaths, verifyArchive } from './verify.ts';

export type OnConflict = 'fail' | 'skip' | 'replace';

export interface RestoreRequest extends ArchiveRequest {
  readonly archiveId: string;
  /** Absolute path of a new database; undefined: back into the tables of `database`. */
  readonly to: string | undefined;
  readonly onConflict: OnConflict;
  /** Also the versions of rows that have changed since and stayed in their table. */
  readonly includeStale: boolean;
}

/** Gives archived rows back, after their archive was verified; the archive stays. */
export async function restoreArchive(
  request: RestoreRequest,
  ports: ArchivePorts,
  context: OperationContext,
): Promise<ArchiveResult> {
  const { folder, chunk } = findChunk(openTableFolders(request.folder), request.archiveId);
  if (chunk.state === 'planned' || chunk.state === 'dropped') {
    throw new TradedbError('usage', `archive ${chunk.id} is not finished: it is ${chunk.state}`, {
      hint: 'see what there is: tradedb vacuum archive --list',
    });
  }
  const manifest = await verifyArchive(folder, chunk, context);
  const parts: RestoreParts = { request, ports, folder, chunk, manifest, skipUnit: staleUnits(chunk, request) };
  const { restored, stoppedBy } =
    request.to === undefined ? await intoTables(parts, context) : await intoFile(parts, request.to, context);
  return {
    ...{ database: request.database, folder: request.folder, mode: 'restore', dryRun: request.dryRun },
    ...{ policies: [], archives: [chunkResult(chunkNow(folder, chunk.id))], pending: [] },
    restored,
    stoppedBy,
  };
}

interface RestoreParts {
  readonly request: RestoreRequest;
  readonly ports: ArchivePorts;
  readonly folder: TableFolder;
  readonly chunk: Chunk;
  readonly manifest: ArchiveManifest;
  readonly skipUnit: (unit: number) => boolean;
}

interface Restored {
  readonly restored: RestoreResult;
  readonly stoppedBy: WriteStop;
}

function staleUnits({ staleUnits: ranges }: Chunk, { includeStale }: RestoreRequest): (unit: number) => boolean {
  if (includeStale || ranges.length === 0) return () => false;
  return (unit) => ranges.some(([first, last]) => unit >= first && unit <= last);
}

class RestoreCounts {
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

async function intoFile(parts: RestoreParts, to: string, context: OperationContext): Promise<Restored> {
  const { request, manifest, folder, chunk } = parts;
  if (existsSync(to))
    throw new TradedbError('database_exists', `${JSON.stringify(to)} exists already`, { hint: 'name a new file' });
  const counts = new RestoreCounts(manifest);
  if (request.dryRun) return { restored: counts.result(manifest, to), stoppedBy: 'done' };
  const partial = `${to}.partial`;
  rmSync(partial, { force: true });
  const reader = await openArchiveReader(archivePaths(folder, manifest), manifest, context);
  try {
    const connection = openReadWrite(partial, { ...normalProfile, foreignKeys: false }, context);
    try {
      connection.pragma(`encoding = ${quoteIdentifier(manifest.encoding)}`);
      for (const { sql } of manifest.tables) connection.exec(sql);
      const mappings = manifest.tables.map((table) => columnMapping(table, tableOf(connection, table)));
      const statements = new ExactStatements(connection);
      for (const [index] of manifest.tables.entries()) {
        for await (const page of reader.rows(index)) {
          connection.begin();
          for (const row of page)
            insertRow(parts, { statements, mapping: mappings[index] as TableMapping, table: index, row, counts });
          connection.commit();
          throwIfCancelled(context.signal);
        }
      }
    } finally {
      if (connection.inTransaction) connection.rollback();
      connection.close();
    }
    syncFile(partial);
    // A link never replaces what somebody else has put there meanwhile.
    linkSync(partial, to);
    syncFolder(dirname(to));
  } catch (error) {
    throw fromFileSystem(error, to);
  } finally {
    reader.close();
    rmSync(partial, { force: true });
  }
  record(folder, chunk.id, { state: 'restored', values: { to, tables: counts.tables } }, context);
  return { restored: counts.result(manifest, to), stoppedBy: 'done' };
}

function tableOf(connection: Parameters<typeof readUnit>[0], table: ArchivedTable): UnitTable {
  return readUnit(connection, table.name, [])[0] as UnitTable;
}

function insertRow(
  { skipUnit }: RestoreParts,
  parts: { statements: ExactStatements; mapping: TableMapping; table: number; row: ArchivedRow; counts: RestoreCounts },
): void {
  const { statements, mapping, table, row, counts } = parts;
  if (skipUnit(row.unit)) {
    counts.staleLeftOut += 1;
    return;
  }
  const { sql, values } = insertStatement(mapping, row);
  counts.add(table, statements.run(sql, values), 0);
}

async function intoTables(parts: RestoreParts, context: OperationContext): Promise<Restored> {
  const { request, ports, manifest, folder, chunk } = parts;
  requireDatabaseFile(request.database);
  const database = realpathSync(request.database);
  const tables = liveTables(database, parts, context);
  const mappings = manifest.tables.map((table, index) => columnMapping(table, tables[index] as UnitTable));
  refuseTriggers(tables, request);
  if (request.onConflict === 'fail') await refuseConflicts(parts, { database, tables }, context);
  const counts = new RestoreCounts(manifest);
  if (request.dryRun) return { restored: counts.result(manifest, null), stoppedBy: 'done' };
  const rows = manifest.tables.reduce((sum, table) => sum + table.sums.rows, 0);
  await ports.confirm(
    `Put up to ${rows} archived rows back into ${manifest.tables.map(({ name }) => name).join(', ')}?`,
  );
  // First of all the hold: retention must not take the rows again while they come back.
  record(folder, chunk.id, { state: 'restored', values: { intoTable: true, database } }, context);
  const { latencyBudgetMs, walBudgetBytes, duty, readerWaitMs, reserveBytes, maxDurationMs } = request;
  const budget: WriteBudget = {
    ...{ latencyBudgetMs, walBudgetBytes, duty, readerWaitMs, reserveBytes, probeDisk: ports.probeDisk },
    deadline: context.clock.wallTime() + maxDurationMs,
  };
  const writes = new BudgetedWrites(database, budget, context);
  const reader = await openArchiveReader(archivePaths(folder, manifest), manifest, context);
  const statements = new ExactStatements(writes.connection);
  const live = new LiveUnit(statements, tables);
  let done = 0;
  const progress = context.progress.start({ id: 'restore', label: 'put rows back', unit: 'rows', total: rows });
  try {
    const stoppedBy = await writes.run(
      (size) => {
        const last = Math.min(done + size, manifest.units);
        const changes = manifest.tables.map((_, table) => {
          const change = { rows: 0, skipped: 0, stale: 0 };
          for (const row of reader.between(table, done + 1, last)) {
            if (parts.skipUnit(row.unit)) change.stale += 1;
            else if (
              putBack({ live, statements, mapping: mappings[table] as TableMapping, table }, row, request.onConflict)
            )
              change.rows += 1;
            else change.skipped += 1;
          }
          return change;
        });
        return { result: { last, changes }, finished: last >= manifest.units };
      },
      {
        prepare: (size) => reader.load(done + 1, done + size),
        committed: ({ last, changes }) => {
          changes.forEach((change, table) => {
            counts.add(table, change.rows, change.skipped);
            counts.staleLeftOut += change.stale;
            progress.advance(change.rows + change.skipped + change.stale);
          });
          done = last;
        },
        burst: () => {},
      },
    );
    record(
      folder,
      chunk.id,
      { state: 'restored', values: { intoTable: true, database, tables: counts.tables } },
      context,
    );
    return { restored: counts.result(manifest, null), stoppedBy };
  } finally {
    progress.done();
    reader.close();
    writes.close();
  }
}

/** True when the row was written, false when it was skipped. */
function putBack(
  target: { live: LiveUnit; statements: ExactStatements; mapping: TableMapping; table: number },
  row: ArchivedRow,
  onConflict: OnConflict,
): boolean {
  const { live, statements, mapping, table } = target;
  if (live.find(table, row.key) !== undefined) {
    if (onConflict === 'skip') return false;
    if (onConflict === 'fail') throw conflict(mapping.name, row);
    const { sql, values } = mapping.update(row);
    if (sql !== undefined) statements.run(sql, values);
    return true;
  }
  const { sql, values } = insertStatement(mapping, row);
  return statements.run(sql, values) === 1;
}

function liveTables(
  database: string,
  { manifest, request }: RestoreParts,
  context: OperationContext,
): readonly UnitTable[] {
  const connection = openReadOnly(database, { ...context, busyTimeoutMs: request.busyTimeoutMs });
  try {
    const names = manifest.tables.map(({ name }) => name);
    return connection.read(() => readUnit(connection, names[0] ?? '', names.slice(1)));
  } finally {
    connection.close();
  }
}

function refuseTriggers(tables: readonly UnitTable[], { policies }: RestoreRequest): void {
  const triggers = tables.flatMap(({ shape }) => shape.insertTriggers);
  const root = tables[0]?.shape.name.toLowerCase();
  const policy = policies.find(({ table }) => table.toLowerCase() === root);
  if (triggers.length === 0 || policy?.triggers === 'fire') return;
  throw new TradedbError(
    'usage',
    `putting the rows back would fire ${triggers.map((name) => JSON.stringify(name)).join(', ')}`,
    {
      hint: 'restore into a file with --to, or say "triggers": "fire" in the policy',
    },
  );
}

/** Looks before anything is written: a restore that must not meet a row should not begin. */
async function refuseConflicts(
  { request, manifest, folder, skipUnit }: RestoreParts,
  { database, tables }: { readonly database: string; readonly tables: readonly UnitTable[] },
  context: OperationContext,
): Promise<void> {
  const connection = openReadOnly(database, { ...context, busyTimeoutMs: request.busyTimeoutMs });
  const reader = await openArchiveReader(archivePaths(folder, manifest), manifest, context);
  try {
    const live = new LiveUnit(new ExactStatements(connection), tables);
    for (const [index, table] of manifest.tables.entries()) {
      for await (const page of reader.rows(index)) {
        const taken = page.find((row) => !skipUnit(row.unit) && live.find(index, row.key) !== undefined);
        if (taken !== undefined) throw conflict(table.name, taken);
      }
    }
  } finally {
    reader.close();
    connection.close();
  }
}

function conflict(table: string, { key }: ArchivedRow): TradedbError {
  const text = key.values.map((value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : String(value),
  );
  return new TradedbError('constraint_violation', `${JSON.stringify(table)} already has the row ${text.join(', ')}`, {
    hint: 'nothing was written; choose --on-conflict skip or replace, or restore into a file with --to',
  });
}

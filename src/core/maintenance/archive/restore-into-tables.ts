import { realpathSync } from 'node:fs';
import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { openReadOnly } from '../../sqlite/connection.ts';
import { requireDatabaseFile } from '../../sqlite/database-file.ts';
import { openWithoutTrace } from '../open-without-trace.ts';
import { Adjustment } from '../retention/adjust.ts';
import { BudgetedWrites, type WriteStop, writeBudget } from '../retention/budgeted-writes.ts';
import { LiveUnit } from '../retention/live-unit.ts';
import type { RetentionPolicy } from '../retention/policy.ts';
import { type ExactRow, ExactStatements, RawText } from '../retention/row.ts';
import { readUnit, type UnitTable } from '../retention/unit.ts';
import { type ArchivedRow, type ArchiveReader, openArchiveReader } from './format.ts';
import { record } from './process-chunk.ts';
import {
  type OnConflict,
  RestoreCounts,
  type Restored,
  type RestoreParts,
  type RestoreRequest,
} from './restore-parts.ts';
import { columnMapping, insertStatement, type TableMapping } from './row-target.ts';
import { archivePaths } from './verify.ts';

/** The rows back into the tables they came from, in small transactions beside running writers. */
export async function intoTables(parts: RestoreParts, context: OperationContext): Promise<Restored> {
  const { request, ports, manifest, folder, chunk, idle } = parts;
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
  const deadline = context.clock.wallTime() + request.maxDurationMs;
  const budget = writeBudget(request, ports.probeDisk, deadline, idle);
  const writes = new BudgetedWrites(database, budget, context);
  const reader = await openArchiveReader(archivePaths(folder, manifest), manifest, context);
  try {
    const stoppedBy = await writeBack(parts, { writes, reader, tables, mappings, counts }, context);
    const values = { intoTable: true, database, tables: counts.tables };
    record(folder, chunk.id, { state: 'restored', values }, context);
    return { restored: counts.result(manifest, null), stoppedBy };
  } finally {
    reader.close();
    writes.close();
  }
}

interface Target {
  readonly writes: BudgetedWrites;
  readonly reader: ArchiveReader;
  readonly tables: readonly UnitTable[];
  readonly mappings: readonly TableMapping[];
  readonly counts: RestoreCounts;
}

async function writeBack(
  { manifest, request, skipUnit }: RestoreParts,
  { writes, reader, tables, mappings, counts }: Target,
  context: OperationContext,
): Promise<WriteStop> {
  const statements = new ExactStatements(writes.connection);
  const live = new LiveUnit(statements, tables);
  const policy = policyOf(tables, request);
  const adjustment =
    policy === undefined ? undefined : Adjustment.of(writes.connection, policy, tables, manifest.tables[0]?.columns);
  const total = manifest.tables.reduce((sum, table) => sum + table.sums.rows, 0);
  const progress = context.progress.start({ id: 'restore', label: 'put rows back', unit: 'rows', total });
  let done = 0;
  const tableBatch = (table: number, last: number) => {
    const change = { rows: 0, skipped: 0, stale: 0 };
    const back: ExactRow[] = [];
    const target = { live, statements, mapping: mappings[table] as TableMapping, table };
    for (const row of reader.between(table, done + 1, last)) {
      const fate = skipUnit(row.unit) ? 'stale' : putBack(target, row, request.onConflict);
      if (fate === 'stale' || fate === 'skipped') change[fate] += 1;
      else change.rows += 1;
      if (fate === 'inserted') back.push(row.row);
    }
    if (table === 0) adjustment?.run(back, -1);
    return change;
  };
  try {
    return await writes.run(
      (size) => {
        const last = Math.min(done + size, manifest.units);
        const changes = manifest.tables.map((_, table) => tableBatch(table, last));
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
  } finally {
    progress.done();
  }
}

function putBack(
  target: { live: LiveUnit; statements: ExactStatements; mapping: TableMapping; table: number },
  row: ArchivedRow,
  onConflict: OnConflict,
): 'inserted' | 'replaced' | 'skipped' {
  const { live, statements, mapping, table } = target;
  if (live.find(table, row.key) !== undefined) {
    if (onConflict === 'skip') return 'skipped';
    if (onConflict === 'fail') throw conflict(mapping.name, row);
    const { sql, values } = mapping.update(row);
    if (sql !== undefined) statements.run(sql, values);
    return 'replaced';
  }
  const { sql, values } = insertStatement(mapping, row);
  return statements.run(sql, values) === 1 ? 'inserted' : 'skipped';
}

function liveTables(
  database: string,
  { manifest, request }: RestoreParts,
  context: OperationContext,
): readonly UnitTable[] {
  const connection = (request.dryRun ? openWithoutTrace : openReadOnly)(database, {
    ...context,
    busyTimeoutMs: request.busyTimeoutMs,
  });
  try {
    const names = manifest.tables.map(({ name }) => name);
    return connection.read(() => readUnit(connection, names[0] ?? '', names.slice(1)));
  } finally {
    connection.close();
  }
}

/** The policy that the rows would leave by today. */
function policyOf(tables: readonly UnitTable[], { policies }: RestoreRequest): RetentionPolicy | undefined {
  const root = tables[0]?.shape.name.toLowerCase();
  return policies.find(({ table }) => table.toLowerCase() === root);
}

function refuseTriggers(tables: readonly UnitTable[], request: RestoreRequest): void {
  const triggers = tables.flatMap(({ shape }) => shape.insertTriggers);
  if (triggers.length === 0 || policyOf(tables, request)?.triggers === 'fire') return;
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
  const connection = (request.dryRun ? openWithoutTrace : openReadOnly)(database, {
    ...context,
    busyTimeoutMs: request.busyTimeoutMs,
  });
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
  const text = key.map((value) =>
    value instanceof Uint8Array || value instanceof RawText ? 'some bytes' : String(value),
  );
  return new TradedbError('constraint_violation', `${JSON.stringify(table)} already has the row ${text.join(', ')}`, {
    hint: 'nothing was written; choose --on-conflict skip or replace, or restore into a file with --to',
  });
}

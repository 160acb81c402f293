import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { TradedbError, throwIfCancelled } from '../../error.ts';
import { acquireLease, databaseLeaseFolder, databaseLeaseName } from '../../lease.ts';
import { readReferences, sameName } from '../../schema/introspect.ts';
import { type Connection, openReadOnly, openReadWrite } from '../../sqlite/connection.ts';
import { fullProfile } from '../../sqlite/pragma-profile.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { fromStorage } from '../../storage/storage-error.ts';
import { type RestoredByRoute, type Routes, restoreByAnyRoute } from '../any-route.ts';
import type { RestoreRequest } from '../restore.ts';
import { copyTable, type TableCopied, type TableCopy, type TableMode } from './copy-table.ts';
import { differences, findTable, type TableDefinition } from './table-definition.ts';

export interface TableRequest
  extends Routes,
    Pick<RestoreRequest, 'workers' | 'check' | 'owner' | 'leases' | 'stateDirectory'> {
  /** Existing database that gets the rows. */
  readonly database: string;
  readonly tables: readonly string[];
  readonly mode: TableMode;
  /** Name of the new table (mode `new`, one table); undefined: `<table>_restored_<suffix>`. */
  readonly as: string | undefined;
  readonly suffix: string;
  /** Takes the columns that both definitions have, instead of refusing. */
  readonly columnsCommon: boolean;
  readonly fireTriggers: boolean;
  /** Existing folder in which the backup is restored to a private file. */
  readonly folder: string;
  readonly busyTimeoutMs: number;
}

export interface Violation {
  readonly table: string;
  readonly rowid: number | null;
  readonly parent: string;
}

export type TableOutcome =
  | { readonly outcome: 'copied'; readonly tables: readonly TableCopied[]; readonly violations: readonly Violation[] }
  /** Rows would point to nothing: everything was taken back. */
  | { readonly outcome: 'violated'; readonly tables: readonly TableCopied[]; readonly violations: readonly Violation[] }
  | { readonly outcome: 'different'; readonly differences: readonly { table: string; message: string }[] };

export interface BackupTable {
  readonly name: string;
  readonly kind: string;
  readonly rows: number | null;
}

/** Restores the backup to a private file, by the first way that is whole, and gives it to `work`; it is gone afterwards. */
export async function withPrivateCopy<T>(
  request: Omit<
    TableRequest,
    'tables' | 'mode' | 'as' | 'suffix' | 'columnsCommon' | 'fireTriggers' | 'database' | 'busyTimeoutMs'
  >,
  work: (file: string) => T,
  context: OperationContext,
): Promise<{ result: T } & Omit<RestoredByRoute, 'restored'>> {
  const scratch = await mkdtemp(join(request.folder, 'tradedb-table-')).catch((error: unknown) => {
    throw fromStorage(error, request.folder);
  });
  try {
    const target = join(scratch, 'restored.db');
    const whole = { replace: false, discardOld: false, checkpointOld: false, force: false };
    const made = await restoreByAnyRoute({ ...request, ...whole, target, takeLease: false }, context);
    throwIfCancelled(context.signal);
    return { result: work(target), used: made.used, failed: made.failed };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The tables of a restored file, with their rows. */
export function tablesOf(file: string, context: OperationContext): BackupTable[] {
  const connection = openReadOnly(file, context);
  try {
    const names = connection.all<{ name: string; type: string }>(
      `SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND type <> 'view' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name`,
    );
    return names.map(({ name, type }) => ({
      name,
      kind: type,
      rows: type === 'table' ? Number(connection.value(`SELECT count(*) FROM ${quoteIdentifier(name)}`)) : null,
    }));
  } finally {
    connection.close();
  }
}

/** Copies tables of a backup into an existing database: all of them in one transaction, or none. */
export async function restoreTables(
  request: TableRequest,
  context: OperationContext,
): Promise<{ result: TableOutcome } & Omit<RestoredByRoute, 'restored'>> {
  const lease = acquireLease(
    {
      directory: databaseLeaseFolder(request.stateDirectory),
      name: databaseLeaseName(request.database),
      purpose: 'restore table',
      owner: request.owner,
    },
    context,
  );
  try {
    return await withPrivateCopy(request, (file) => copyAll(request, file, context), context);
  } finally {
    lease.release();
  }
}

/** Name of the table that a restore in mode `new` makes. */
export function newTableName(name: string, suffix: string): string {
  return `${name}_restored_${suffix}`;
}

function copyAll(request: TableRequest, file: string, context: OperationContext): TableOutcome {
  const backup = openReadOnly(file, context);
  let wanted: TableDefinition[];
  try {
    wanted = request.tables.map((name) => requireTable(backup, name, 'the backup'));
  } finally {
    backup.close();
  }
  const connection = openReadWrite(request.database, fullProfile, { ...context, busyTimeoutMs: request.busyTimeoutMs });
  try {
    connection.pragma('foreign_keys = OFF');
    connection.run('ATTACH DATABASE ? AS restored', [file]);
    let result: TableOutcome = { outcome: 'different', differences: [] };
    try {
      connection.tx(() => {
        result = copyInside(connection, request, wanted);
        if (result.outcome !== 'copied') throw new TakenBack();
      });
    } catch (error) {
      if (!(error instanceof TakenBack)) throw error;
    }
    return result;
  } finally {
    connection.close();
  }
}

/** Ends the transaction without keeping anything. */
class TakenBack extends Error {
  override readonly name = 'TakenBack';
}

function copyInside(connection: Connection, request: TableRequest, wanted: readonly TableDefinition[]): TableOutcome {
  const copies = wanted.map((backup): TableCopy => {
    const as = request.mode === 'new' ? (request.as ?? newTableName(backup.name, request.suffix)) : backup.name;
    if (request.mode === 'new') {
      requireFree(connection, as);
      return { backup, live: undefined, as, mode: request.mode };
    }
    const live = requireTable(connection, as, 'the database');
    return { backup, live, as: live.name, mode: request.mode };
  });
  if (!request.columnsCommon) {
    const found = copies.flatMap(({ backup, live }) =>
      live === undefined ? [] : differences(backup, live).map((message) => ({ table: backup.name, message })),
    );
    if (found.length > 0) return { outcome: 'different', differences: found };
  }
  const affected = new Set(copies.map((copy) => copy.as));
  for (const { child, parent } of readReferences(connection)) {
    if (copies.some((copy) => sameName(copy.as, parent))) affected.add(child);
  }
  const isNew = (name: string): boolean => copies.some((copy) => copy.as === name && copy.live === undefined);
  const there = new Set([...affected].filter((name) => !isNew(name)));
  const before = new Set(violationsOf(connection, there).map(keyOf));
  const triggers = request.fireTriggers ? [] : dropTriggers(connection, copies);
  const tables = copies.map((copy) => copyTable(connection, copy));
  for (const sql of triggers) connection.exec(sql);
  const violations = violationsOf(connection, affected).filter((one) => !before.has(keyOf(one)));
  // A table that was only put beside the others is there to be looked at, whatever its rows point to.
  const outcome = violations.length > 0 && request.mode !== 'new' ? 'violated' : 'copied';
  return { outcome, tables, violations };
}

function requireTable(connection: Connection, name: string, where: string): TableDefinition {
  const found = findTable(connection, name);
  if (found !== undefined && 'table' in found) return found.table;
  if (found === undefined) {
    throw new TradedbError('backup_not_found', `there is no table ${JSON.stringify(name)} in ${where}`, {
      hint: 'see the tables of a backup with: tradedb restore table --list',
    });
  }
  throw new TradedbError(
    'unsupported',
    `${JSON.stringify(name)} is a ${found.kind} table in ${where}: it has no rows of its own`,
    {
      hint: 'restore the whole database beside it instead: tradedb restore --target <file>',
    },
  );
}

function requireFree(connection: Connection, name: string): void {
  const taken = connection.value('SELECT type FROM main.sqlite_schema WHERE name = ? COLLATE NOCASE', [name]);
  if (taken === undefined) return;
  throw new TradedbError('usage', `there is a ${taken} ${JSON.stringify(name)} already`, {
    hint: 'give another name with --as',
  });
}

function dropTriggers(connection: Connection, copies: readonly TableCopy[]): string[] {
  const dropped: string[] = [];
  for (const { as } of copies) {
    const triggers = connection.all<{ name: string; sql: string }>(
      "SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE ORDER BY rowid",
      [as],
    );
    for (const { name, sql } of triggers) {
      connection.exec(`DROP TRIGGER main.${quoteIdentifier(name)}`);
      dropped.push(sql);
    }
  }
  return dropped;
}

function violationsOf(connection: Connection, tables: ReadonlySet<string>): Violation[] {
  return [...tables].flatMap((name) =>
    connection.pragma(`main.foreign_key_check(${quoteIdentifier(name)})`).map(({ table, rowid, parent }) => ({
      table: String(table),
      rowid: rowid === null ? null : Number(rowid),
      parent: String(parent),
    })),
  );
}

function keyOf({ table, rowid, parent }: Violation): string {
  return JSON.stringify([table, rowid, parent]);
}

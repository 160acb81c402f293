import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { replayObjects } from '../schema/clone.ts';
import {
  type ForeignKeyInfo,
  listTables,
  readForeignKeys,
  readObjects,
  type SchemaObject,
} from '../schema/introspect.ts';
import { foldName } from '../schema/normalise.ts';
import { type Connection, type ConnectionPorts, openMemory } from '../sqlite/connection.ts';
import { plainSession } from './append.ts';
import { exactTableName } from './estimate.ts';
import { runStatements } from './execute-file.ts';
import type { Place } from './failure.ts';
import type { Migration, Section } from './migration.ts';
import { findNativeWay, type NativeWay } from './native-alter.ts';
import { type BrokenObjects, findBroken } from './post-check/broken-objects.ts';
import { schemaShadow } from './shadow.ts';
import { readTableDefinition } from './table-definition.ts';

/** The schema at one moment, as far as the rules look at it. */
export interface DatabaseShape {
  readonly objects: readonly SchemaObject[];
  readonly broken: BrokenObjects;
  /** Foreign keys by folded table name. */
  readonly foreignKeys: ReadonlyMap<string, readonly ForeignKeyInfo[]>;
  /** Columns of indexes and keys that a look-up can start with, by folded table name. */
  readonly indexed: ReadonlyMap<string, readonly (readonly string[])[]>;
  /** Whether ALTER TABLE leads from the table as it is here to the given definition. */
  nativeWay(table: string, wantedSql: string): NativeWay | undefined;
}

export interface LintWalk {
  readonly steps: readonly { readonly before: DatabaseShape; readonly after: DatabaseShape }[];
  readonly failure:
    | { readonly file: string; readonly reason: string; readonly line: number; readonly column: number }
    | undefined;
  rowsOf(table: string): number;
}

interface WalkSettings {
  readonly connection: Connection | undefined;
  readonly table: string;
}

/** Runs the files one after the other on a shadow of the schema, without the checks that `up` makes. */
export async function walkOnShadow(
  migrations: readonly Migration[],
  settings: WalkSettings,
  context: OperationContext,
): Promise<LintWalk> {
  const shadow = schemaShadow(settings.connection, settings.table, context);
  const session = plainSession(
    { connection: shadow.connection, table: settings.table, tool: 'lint', lockTimeoutMs: 0 },
    context,
  );
  const steps: { before: DatabaseShape; after: DatabaseShape }[] = [];
  let failure: LintWalk['failure'];
  try {
    shadow.connection.pragma('foreign_keys = OFF');
    let before = shapeOf(shadow.connection);
    for (const migration of migrations) {
      try {
        shadow.connection.exec('BEGIN');
        await runStatements(session, withinTransaction(migration.up), {
          version: migration.version,
          file: migration.file,
        });
        shadow.connection.exec('COMMIT');
      } catch (error) {
        failure = describe(error, migration.file);
        break;
      }
      const after = shapeOf(shadow.connection);
      steps.push({ before, after });
      before = after;
    }
  } finally {
    shadow.close();
  }
  return { steps, failure, rowsOf: rowCounter(settings.connection) };
}

/** What a file without a transaction does to the schema: batches have no rows here, and the rest is none of it. */
function withinTransaction(section: Section): Section {
  if (section.options.transaction && section.statements.every((one) => one.data === undefined)) return section;
  const attach = section.statements.findIndex((one) => one.kind === 'attach');
  const statements = section.statements
    .slice(0, attach < 0 ? undefined : attach)
    .filter((one) => one.data === undefined && one.kind !== 'vacuum' && one.kind !== 'pragma');
  return { ...section, statements };
}

function describe(error: unknown, file: string): NonNullable<LintWalk['failure']> {
  if (!(error instanceof TradedbError) || error.code === 'cancelled' || error.code === 'internal') throw error;
  const details = (error.details ?? {}) as Partial<Place> & { reason?: string };
  return { file, reason: details.reason ?? error.message, line: details.line ?? 1, column: details.column ?? 1 };
}

function shapeOf(connection: Connection): DatabaseShape {
  // What virtual tables make for themselves cannot be made again by hand.
  const shadows = new Set(
    listTables(connection)
      .filter((table) => table.kind === 'shadow')
      .map((table) => table.name),
  );
  const objects = readObjects(connection).filter((object) => !shadows.has(object.table));
  const tables = objects.filter((object) => object.type === 'table');
  return {
    objects,
    broken: findBroken(connection, objects),
    foreignKeys: new Map(tables.map((table) => [foldName(table.name), readForeignKeys(connection, table.name)])),
    indexed: new Map(tables.map((table) => [foldName(table.name), leadingColumns(connection, table.name)])),
    nativeWay: wayFinder(objects, connection.ports),
  };
}

function leadingColumns(connection: Connection, table: string): string[][] {
  const rows = connection.all<{ name: string; columns: string }>(
    `SELECT i.name, (SELECT json_group_array(x.name) FROM pragma_index_info(i.name, 'main') x) AS columns
     FROM pragma_index_list(?, 'main') i WHERE i.partial = 0`,
    [table],
  );
  const key = connection.all<{ name: string }>(
    `SELECT name FROM pragma_table_xinfo(?, 'main') WHERE pk > 0 ORDER BY pk`,
    [table],
  );
  const indexes = rows.map((row) => (JSON.parse(row.columns) as (string | null)[]).map((name) => foldName(name ?? '')));
  return [...indexes, key.map(({ name }) => foldName(name))];
}

/** The shadow moves on, so the question is answered on a clone of what the schema was. */
function wayFinder(objects: readonly SchemaObject[], ports: ConnectionPorts): DatabaseShape['nativeWay'] {
  return (table, wantedSql) => {
    const present = objects.find((object) => object.type === 'table' && foldName(object.name) === foldName(table));
    const [from, to] = [readTableDefinition(present?.sql ?? ''), readTableDefinition(wantedSql)];
    if (from === undefined || to === undefined) return undefined;
    const clone = openMemory(ports);
    replayObjects(clone, objects);
    return findNativeWay(clone, from, to);
  };
}

function rowCounter(connection: Connection | undefined): LintWalk['rowsOf'] {
  const known = new Map<string, number>();
  return (table) => {
    const key = foldName(table);
    let rows = known.get(key);
    if (rows === undefined) {
      rows = connection === undefined ? 0 : countRows(connection, table);
      known.set(key, rows);
    }
    return rows;
  };
}

/** Cells of the leaf pages: the exact number of rows, without reading them. */
function countRows(connection: Connection, table: string): number {
  const exact = exactTableName(connection, table);
  if (exact === undefined) return 0;
  return Number(connection.value(`SELECT sum(ncell) FROM dbstat WHERE name = ? AND pagetype = 'leaf'`, [exact]) ?? 0);
}

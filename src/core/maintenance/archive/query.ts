import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { fromFileSystem, TradedbError, throwIfCancelled } from '../../error.ts';
import { type Connection, openMemory } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { SqlValue } from '../../sqlite/statement.ts';
import { bindings, ExactStatements, placeholders } from '../retention/row.ts';
import { affinityOf } from './affinity.ts';
import { chunksOf, openTableFolders } from './chunk.ts';
import { openArchiveReader } from './format.ts';
import type { ArchivedTable, ArchiveManifest } from './manifest.ts';
import { chunkResult } from './process-chunk.ts';
import type { ArchiveResult, QueryAnswer } from './request.ts';
import { archivePaths, verifyArchive } from './verify.ts';

export interface QueryRequest extends Pick<ArchiveResult, 'database' | 'folder'> {
  readonly sql: string;
  /** Tables whose archives are looked at; empty: all. */
  readonly tables: readonly string[];
  /** A folder for the temporary database. */
  readonly scratch: string;
  readonly mostRows: number;
}

/** In each table, which archive a row is from. */
const archiveColumn = 'tradedb_archive';

/**
 * Answers a query over archives: they are verified and loaded into a temporary database, the tables under their names
 * without keys and constraints, since a row that changed meanwhile may be in several archives.
 */
export async function queryArchives(request: QueryRequest, context: OperationContext): Promise<ArchiveResult> {
  const { database, folder, tables } = request;
  const wanted = openTableFolders(folder)
    .filter(({ table }) => tables.length === 0 || tables.some((name) => name.toLowerCase() === table.toLowerCase()))
    .flatMap((one) => chunksOf(one).map((chunk) => ({ folder: one, chunk })))
    .filter(({ chunk }) => !['planned', 'written', 'dropped'].includes(chunk.state));
  if (wanted.length === 0) {
    throw new TradedbError('file_not_found', `there are no archives in ${JSON.stringify(folder)}`, {
      hint: 'see: tradedb vacuum archive --list',
    });
  }
  const scratch = makeScratch(request.scratch);
  try {
    const connection = openMemory(context);
    try {
      connection.prepare('ATTACH ? AS rows').run([join(scratch, 'rows.db')]);
      connection.exec('PRAGMA rows.journal_mode = OFF; PRAGMA rows.synchronous = OFF');
      for (const { folder: table, chunk } of wanted) {
        const manifest = await verifyArchive(table, chunk, context);
        await load(connection, manifest, archivePaths(table, manifest), context);
      }
      return {
        ...{
          database,
          folder,
          mode: 'query',
          dryRun: false,
          policies: [],
          restored: null,
          stoppedBy: 'done',
          idleWaitMs: 0,
          pending: [],
        },
        archives: wanted.map(({ chunk }) => chunkResult(chunk)),
        answer: answer(connection, request),
      };
    } finally {
      connection.close();
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function makeScratch(parent: string): string {
  try {
    return mkdtempSync(join(parent, 'tradedb-archive-'));
  } catch (error) {
    throw fromFileSystem(error, parent) as Error;
  }
}

async function load(
  connection: Connection,
  manifest: ArchiveManifest,
  paths: readonly string[],
  context: OperationContext,
): Promise<void> {
  const reader = await openArchiveReader(paths, manifest, context);
  const statements = new ExactStatements(connection);
  try {
    for (const [index, table] of manifest.tables.entries()) {
      makeTable(connection, table);
      const names = [archiveColumn, ...table.columns.map(({ name }) => name)].map(quoteIdentifier).join(', ');
      const into = `INSERT INTO rows.${quoteIdentifier(table.name)} (${names})`;
      for await (const page of reader.rows(index)) {
        connection.begin();
        for (const { row } of page) {
          const marks = ['?', ...placeholders(row)].join(', ');
          statements.run(`${into} VALUES (${marks})`, [manifest.archiveId, ...bindings(row)]);
        }
        connection.commit();
        throwIfCancelled(context.signal);
      }
    }
  } finally {
    if (connection.inTransaction) connection.rollback();
    reader.close();
  }
}

/** The columns of all archives of a table: an older one may lack some. */
function makeTable(connection: Connection, { name, columns }: ArchivedTable): void {
  const quoted = `rows.${quoteIdentifier(name)}`;
  connection.exec(`CREATE TABLE IF NOT EXISTS ${quoted} (${quoteIdentifier(archiveColumn)} TEXT)`);
  const known = connection
    .all<{ name: string }>('SELECT name FROM pragma_table_info(?, ?)', [name, 'rows'])
    .map((column) => column.name.toLowerCase());
  for (const column of columns) {
    if (known.includes(column.name.toLowerCase())) continue;
    // Only what decides how values compare: the declared type may hold anything.
    connection.exec(`ALTER TABLE ${quoted} ADD COLUMN ${quoteIdentifier(column.name)} ${affinityOf(column.type)}`);
  }
}

function answer(connection: Connection, { sql, mostRows }: QueryRequest): QueryAnswer {
  connection.pragma('query_only = ON');
  const statement = connection.prepare(sql);
  if (!statement.returnsRows || !statement.readOnly) {
    throw new TradedbError('usage', 'the query of --query must read', { hint: 'give one SELECT' });
  }
  const columns = statement.columns().map(({ name }) => name);
  const rows: (readonly SqlValue[])[] = [];
  let truncated = false;
  for (const row of statement.asArrays().withBigIntegers().iterate<SqlValue[]>()) {
    if (rows.length === mostRows) {
      truncated = true;
      break;
    }
    rows.push(row);
  }
  return { columns, rows: rows.map((row) => row.map(plain)), truncated };
}

/** As JSON can hold it: integers beyond 2^53 as text, blobs as hexadecimal. */
function plain(value: SqlValue): string | number | null {
  if (value instanceof Uint8Array) return `x'${Buffer.from(value).toString('hex')}'`;
  if (typeof value !== 'bigint') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}

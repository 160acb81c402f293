import { existsSync, linkSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { fromFileSystem, TradedbError, throwIfCancelled } from '../../error.ts';
import { openReadWrite } from '../../sqlite/connection.ts';
import { normalProfile } from '../../sqlite/pragma-profile.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { syncFolder } from '../../sync-folder.ts';
import { ExactStatements } from '../retention/row.ts';
import { readUnit, type UnitTable } from '../retention/unit.ts';
import { type ArchivedRow, openArchiveReader } from './format.ts';
import type { ArchivedTable } from './manifest.ts';
import { record } from './process-chunk.ts';
import { RestoreCounts, type Restored, type RestoreParts } from './restore-parts.ts';
import { columnMapping, insertStatement, type TableMapping } from './row-target.ts';
import { syncFile } from './sqlite-file.ts';
import { archivePaths } from './verify.ts';

/** The rows as a new database, with their tables as they were declared. */
export async function intoFile(parts: RestoreParts, to: string, context: OperationContext): Promise<Restored> {
  const { request, manifest, folder, chunk } = parts;
  if (existsSync(to))
    throw new TradedbError('database_exists', `${JSON.stringify(to)} exists already`, { hint: 'name a new file' });
  const counts = new RestoreCounts(manifest);
  if (request.dryRun) return { restored: counts.result(manifest, to), stoppedBy: 'done' };
  const partial = `${to}.partial`;
  rmSync(partial, { force: true });
  try {
    writeFileSync(partial, '', { flag: 'wx', mode: 0o600 });
  } catch (error) {
    throw fromFileSystem(error, partial);
  }
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

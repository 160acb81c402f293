import type { OperationContext } from '../context.ts';
import { type Connection, openMemory } from '../sqlite/connection.ts';
import type { MigrationFile } from './migration.ts';
import { defaultHistoryTable } from './state.ts';
import { applyMigrations, requireApplied } from './up.ts';

/** Applies the files to an empty database in memory, which the caller closes. Throws where one of them fails. */
export async function replayFiles(
  files: readonly MigrationFile[],
  context: OperationContext,
  table = defaultHistoryTable,
): Promise<Connection> {
  const connection = openMemory(context);
  try {
    const source = { directory: '', list: () => files };
    requireApplied(
      await applyMigrations(
        { connection, source, table, tool: 'replay', lockTimeoutMs: 0, atomic: false, rehearse: true },
        context,
      ),
    );
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

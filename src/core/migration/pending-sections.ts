import type { Connection } from '../sqlite/connection.ts';
import { isResumable } from './conflict.ts';
import type { MigrationSource, Section } from './migration.ts';
import { readMigrationState, type StateOptions } from './state.ts';
import { selectPending } from './up.ts';
import type { Version } from './version.ts';

/** What `up` would run; nothing while there are conflicts, because then it runs nothing. */
export function pendingSections(
  connection: Connection,
  source: MigrationSource,
  options: StateOptions & { readonly to?: Version; readonly steps?: number },
): Section[] {
  const state = readMigrationState(connection, source, options);
  if (state.conflicts.some((conflict) => !isResumable(conflict, 'up'))) return [];
  return selectPending(state, options).map((file) => file.load().up);
}

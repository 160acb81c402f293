import { existsSync, realpathSync } from 'node:fs';
import { TradedbError } from '../error.ts';

/** The note beside a database that says: its file is being exchanged (intent.ts). */
export function intentPath(database: string): string {
  return `${database}.restore-intent`;
}

/** The name behind symbolic links: SQLite looks for the files beside that one. */
export function realTarget(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

/** Throws `restore_pending` (exit 15) when the exchange of this database's file was interrupted. */
export function refusePendingRestore(database: string): void {
  if (!existsSync(intentPath(database)) && !existsSync(intentPath(realTarget(database)))) return;
  throw new TradedbError('restore_pending', `a restore of ${JSON.stringify(database)} was interrupted half-way`, {
    hint: 'finish it with: tradedb restore run --resume (or take it back with --abort)',
  });
}

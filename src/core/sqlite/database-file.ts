import { type Stats, statSync } from 'node:fs';
import { fromFileSystem, TradedbError } from '../error.ts';

/** Refuses what cannot be a database by `stat` alone: nothing is opened. An empty file is refused with `allowEmpty` off. */
export function requireDatabaseFile(path: string, options: { allowEmpty?: boolean } = {}): void {
  const stats = statOf(path);
  if (!stats.isFile()) {
    const kind = stats.isDirectory() ? 'a folder' : 'no regular file';
    throw new TradedbError('not_a_database', `${JSON.stringify(path)} is ${kind}, not a database`, {
      hint: 'give the path of the SQLite file itself',
    });
  }
  if (stats.size === 0 && options.allowEmpty !== true) {
    throw new TradedbError('database_empty', `${JSON.stringify(path)} is an empty file, not a database`, {
      hint: 'create a schema with: tradedb migrate up --create',
    });
  }
}

function statOf(path: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    const translated = fromFileSystem(error, path);
    if (!(translated instanceof TradedbError) || translated.code !== 'file_not_found') throw translated;
    throw new TradedbError('database_not_found', `database ${JSON.stringify(path)} does not exist`, {
      hint: 'check --database, or create one with: tradedb init',
      cause: error,
    });
  }
}

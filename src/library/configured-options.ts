import { statSync } from 'node:fs';
import { loadConfig } from '../core/config/load.ts';
import type { TradingDatabaseOptions } from './options.ts';

/**
 * The section `connection` (and `database.pageSize`) of a tradedb.config.json as options: the file itself, or the nearest
 * one from a folder upward. Values of TRADEDB_ variables replace those of the file, as they do for the commands.
 */
export function readConfiguredOptions(
  path: string,
  environment: (name: string) => string | undefined,
): TradingDatabaseOptions {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  const { given } = loadConfig({ path: isFolder ? undefined : path, folder: path, environment });
  const { connection, database } = given as { connection?: TradingDatabaseOptions; database?: { pageSize?: string } };
  return { ...connection, ...(database?.pageSize === undefined ? {} : { pageSize: database.pageSize }) };
}

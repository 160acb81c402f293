import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { configFileName } from '../../core/config/load.ts';
import { TradedbError } from '../../core/error.ts';
import type { CommandContext } from '../definition.ts';

/** Where the parts of a new database go. All paths are absolute. */
export interface InitLayout {
  readonly database: string;
  readonly configPath: string;
  /** The configuration was there before and names this database: it stays as it is. */
  readonly keepsConfig: boolean;
  readonly migrationsDirectory: string;
}

const defaultName = 'trading.db';

/**
 * Decides where everything goes: the configuration beside the database, the migration files in `migrations` beside the
 * configuration. Throws when one of them is there already: nothing is ever overwritten.
 */
export function planLayout(context: CommandContext, isSample: boolean): InitLayout {
  const database = context.databasePathIfAny() ?? (isSample ? context.resolve(defaultName) : context.databasePath());
  refuseExisting(database, statSync(database, { throwIfNoEntry: false }));
  const configPath = join(dirname(database), configFileName);
  const keepsConfig = existsSync(configPath);
  if (keepsConfig && (context.configPath !== configPath || configuredPath(context) !== database)) {
    throw new TradedbError('usage', `${JSON.stringify(configPath)} exists already and belongs to another database`, {
      hint: 'choose another folder with --database, or let that file name this database',
    });
  }
  const migrationsDirectory = keepsConfig
    ? context.resolveConfigured(context.config.migrations.directory)
    : join(dirname(database), 'migrations');
  if (existsSync(migrationsDirectory) && readdirSync(migrationsDirectory).length > 0) {
    throw new TradedbError(
      'usage',
      `the folder ${JSON.stringify(migrationsDirectory)} exists already and is not empty`,
      {
        hint: 'choose another folder with --database; to make a database from those files: tradedb migrate up --create',
      },
    );
  }
  return { database, configPath, keepsConfig, migrationsDirectory };
}

function configuredPath(context: CommandContext): string | undefined {
  const { path } = context.config.database;
  return path === undefined ? undefined : context.resolveConfigured(path);
}

function refuseExisting(path: string, stats: ReturnType<typeof statSync>): void {
  if (stats === undefined) return;
  if (stats.isDirectory()) {
    throw new TradedbError('usage', `${JSON.stringify(path)} is a folder`, {
      hint: 'give the path of the database file itself, such as trading.db',
    });
  }
  throw new TradedbError('database_exists', `${JSON.stringify(path)} exists already`, {
    hint: 'choose another path with --database; an existing database needs no init: point any command at it',
  });
}

/** Text of the configuration file of a new database. */
export function configText(layout: InitLayout): string {
  const config = {
    database: { path: basename(layout.database) },
    backup: { repositories: { local: { kind: 'folder', path: 'backups' } } },
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** `--config` for commands that are typed in the working directory; empty when they find the file by themselves. */
export function configArgument(layout: InitLayout, context: CommandContext): string {
  const inside = relative(dirname(layout.configPath), context.host.workingDirectory);
  if (!inside.startsWith('..')) return '';
  const path = relative(context.host.workingDirectory, layout.configPath);
  return ` --config ${/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`}`;
}

import { statSync } from 'node:fs';
import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { type Connection, createDatabase, openReadWrite } from '../sqlite/connection.ts';
import { fullProfile } from '../sqlite/pragma-profile.ts';
import { isBusy } from '../sqlite/translate-error.ts';

export interface OpenOptions {
  /** Make the database when it does not exist or is an empty file. */
  readonly create: boolean;
  readonly lockTimeoutMs: number;
}

/**
 * A connection for a migration. Waiting for locks is done by the session, so its own busy timeout is short. Several
 * processes may create the same database at once: one wins, the others open what it made.
 */
export async function openForMigration(
  path: string,
  options: OpenOptions,
  context: OperationContext,
): Promise<Connection> {
  const { clock } = context;
  const started = clock.now();
  for (;;) {
    try {
      return openOnce(path, options.create, context);
    } catch (error) {
      const raced =
        isBusy(error) ||
        (error instanceof TradedbError && (error.code === 'database_exists' || error.code === 'database_locked'));
      if (!raced || clock.now() - started >= options.lockTimeoutMs) throw withCreateHint(error);
      await clock.sleep(5, context.signal);
    }
  }
}

function openOnce(path: string, create: boolean, context: OperationContext): Connection {
  const settings = { clock: context.clock, random: context.random, busyTimeoutMs: 0 };
  const profile = { ...fullProfile, foreignKeys: false };
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (create && (size === undefined || size === 0)) return createDatabase(path, profile, settings);
  if (size === 0) {
    throw new TradedbError('database_empty', `${JSON.stringify(path)} is an empty file, not a database`);
  }
  return openReadWrite(path, profile, settings);
}

function withCreateHint(error: unknown): unknown {
  if (!(error instanceof TradedbError) || (error.code !== 'database_not_found' && error.code !== 'database_empty'))
    return error;
  return new TradedbError(error.code, error.message, {
    hint: 'check --database, or make a new database with --create',
    cause: error,
  });
}

/** Device and inode: another pair behind the same path means that the database was replaced, for example by a restore. */
export interface FileIdentity {
  readonly device: number;
  readonly inode: number;
}

export function fileIdentity(path: string): FileIdentity | undefined {
  if (path === ':memory:') return undefined;
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? { device: -1, inode: -1 } : { device: stats.dev, inode: stats.ino };
}

export function requireSameFile(path: string, opened: FileIdentity | undefined): void {
  const now = fileIdentity(path);
  if (now?.device === opened?.device && now?.inode === opened?.inode) return;
  throw new TradedbError(
    'database_replaced',
    `database ${JSON.stringify(path)} was replaced by another file while migrations ran`,
    {
      hint: 'find out who replaced it (a restore?), then run: tradedb migrate status',
    },
  );
}

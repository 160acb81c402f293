import { statSync } from 'node:fs';
import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { type Connection, createDatabase, openReadOnly, openReadWrite } from '../sqlite/connection.ts';
import { fullProfile } from '../sqlite/pragma-profile.ts';
import { isBusy } from '../sqlite/translate-error.ts';
import { schemaShadow } from './shadow.ts';

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

/** The database for reading; undefined when it is still to be made. */
export function openForPlan(path: string, create: boolean, context: OperationContext): Connection | undefined {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (create && (size === undefined || size === 0)) return undefined;
  try {
    return openReadOnly(path, { clock: context.clock, random: context.random });
  } catch (error) {
    throw withCreateHint(error);
  }
}

/** The database itself, or for a dry run a shadow of its schema. */
export async function openForDown(
  path: string,
  options: { readonly dryRun: boolean; readonly table: string; readonly lockTimeoutMs: number },
  context: OperationContext,
): Promise<{ connection: Connection; close(): void }> {
  if (!options.dryRun) {
    const connection = await openForMigration(path, { create: false, lockTimeoutMs: options.lockTimeoutMs }, context);
    return { connection, close: () => connection.close() };
  }
  const source = openReadOnly(path, { clock: context.clock, random: context.random });
  try {
    return schemaShadow(source, options.table, context);
  } finally {
    source.close();
  }
}

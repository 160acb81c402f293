import { existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { TradedbError } from '../../core/error.ts';
import type { Connection } from '../../core/sqlite/connection.ts';
import type { CommandContext } from '../definition.ts';
import type { SafetyBackup } from './safety-backup.ts';
import { openForReading } from './settings.ts';

export interface TargetChoice {
  readonly path: string;
  /** Make it when it is not there. */
  readonly create: boolean;
  readonly copyLimitBytes: number;
  readonly backup: {
    readonly mode: 'auto' | 'always' | 'never';
    /** The source that comes in. */
    readonly system: string;
    readonly name: string;
  };
}

interface Done<T> {
  readonly result: T;
  readonly backup: SafetyBackup | null;
}

/** Calls `work` with the target; in a dry run with a private copy of it, so that everything is tried and nothing written. */
export async function withTarget<T>(
  target: TargetChoice,
  context: CommandContext,
  work: (connection: Connection) => Promise<T>,
): Promise<Done<T>> {
  const isThere = (statSync(target.path, { throwIfNoEntry: false })?.size ?? 0) > 0;
  if (!isThere && !target.create) {
    throw new TradedbError('database_not_found', `database ${JSON.stringify(target.path)} does not exist`, {
      hint: 'make it with --create, or with: tradedb init',
    });
  }
  if (context.dryRun) return { result: await inScratch(target, isThere, context, work), backup: null };
  const { underDatabaseLease } = await import('../vacuum/database-lease.ts');
  // The backup takes the lease itself.
  const backup = isThere ? await backUp(target, context) : null;
  const result = await underDatabaseLease(target.path, 'migrate import', context, async () => {
    if (!isThere) await createTarget(target.path, context);
    return onConnection(target.path, context, work);
  });
  return { result, backup };
}

async function backUp({ path, backup }: TargetChoice, context: CommandContext): Promise<SafetyBackup | null> {
  if (backup.mode === 'never') return null;
  if (backup.mode === 'auto' && !(await isNewIn(path, backup, context))) return null;
  const { makeBackup } = await import('./safety-backup.ts');
  return makeBackup(`before-import ${backup.name}`, context);
}

/** True when the database holds rows and this source has brought none of them. */
async function isNewIn(path: string, source: TargetChoice['backup'], context: CommandContext): Promise<boolean> {
  const { hasReferenceSchema } = await import('../../core/trading/reference-schema.ts');
  const connection = await openForReading(path, context);
  try {
    if (!hasReferenceSchema(connection)) return false;
    const known = connection.value('SELECT 1 FROM import_sources WHERE system = ? AND name = ?', [
      source.system,
      source.name,
    ]);
    if (known !== undefined) return false;
    const tables = ['orders', 'candles', 'ticks', 'quotes', 'journal'];
    return tables.some((table) => connection.value(`SELECT 1 FROM ${table} LIMIT 1`) !== undefined);
  } finally {
    connection.close();
  }
}

async function onConnection<T>(
  path: string,
  context: CommandContext,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const { openReadWrite } = await import('../../core/sqlite/connection.ts');
  const { normalProfile } = await import('../../core/sqlite/pragma-profile.ts');
  const { hasReferenceSchema } = await import('../../core/trading/reference-schema.ts');
  // Losing the last batches in a power failure is harmless: the next run takes up where the target stands.
  const profile = { ...normalProfile, cacheSizeBytes: 64 * 1024 * 1024 };
  const connection = openReadWrite(path, profile, {
    clock: context.clock,
    random: context.random,
    busyTimeoutMs: context.config.connection.busyTimeout,
    statementCacheSize: 512,
  });
  try {
    if (!hasReferenceSchema(connection)) {
      throw new TradedbError('schema_missing', `${JSON.stringify(path)} does not have the trading schema`, {
        hint: 'import into a database of its own, made with --create or with: tradedb init',
      });
    }
    return await work(connection);
  } finally {
    connection.close();
  }
}

/** The database appears whole under its name, with its migrations recorded as applied. */
async function createTarget(path: string, context: CommandContext): Promise<void> {
  const partial = `${path}.import-partial`;
  const remove = (): void => {
    for (const end of ['', '-wal', '-shm', '-journal']) rmSync(partial + end, { force: true });
  };
  remove();
  try {
    await applySchema(partial, context);
    if (existsSync(path) && statSync(path).size > 0) {
      throw new TradedbError('database_exists', `${JSON.stringify(path)} was made by another process meanwhile`);
    }
    renameSync(partial, path);
  } finally {
    remove();
  }
}

async function applySchema(path: string, context: CommandContext): Promise<void> {
  const { createDatabase } = await import('../../core/sqlite/connection.ts');
  const { fullProfile } = await import('../../core/sqlite/pragma-profile.ts');
  const { applyMigrations, requireApplied } = await import('../../core/migration/up.ts');
  const { folderSource } = await import('../../core/migration/source-folder.ts');
  const { referenceMigrationsFolder } = await import('../../core/trading/migrations-folder.ts');
  const pageSizeBytes = context.config.database.pageSize;
  const connection = createDatabase(path, { ...fullProfile, foreignKeys: false, pageSizeBytes }, context);
  try {
    const result = await applyMigrations(
      {
        connection,
        source: folderSource(referenceMigrationsFolder),
        table: context.config.migrations.table,
        tool: `tradedb ${context.host.version}`,
        lockTimeoutMs: context.config.migrations.lockTimeout,
      },
      context,
    );
    requireApplied(result);
    connection.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    connection.close();
  }
}

async function inScratch<T>(
  target: TargetChoice,
  isThere: boolean,
  context: CommandContext,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(context.host.temporaryDirectory, 'tradedb-import-'));
  const path = join(folder, 'target.db');
  try {
    if (isThere) await copyTarget(target, path, context);
    else await applySchema(path, context);
    return await onConnection(path, context, work);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function copyTarget({ path, copyLimitBytes }: TargetChoice, to: string, context: CommandContext): Promise<void> {
  if (statSync(path).size > copyLimitBytes) {
    throw new TradedbError(
      'unsupported',
      'a dry run works on a copy of the target, which is larger than --copy-limit',
      {
        hint: 'raise --copy-limit, or try it on a new file: -d trial.db --create',
      },
    );
  }
  const { openWithoutTrace } = await import('../../core/maintenance/open-without-trace.ts');
  const connection = openWithoutTrace(path, context);
  try {
    await connection.backupTo(to, 1000, () => {});
  } finally {
    connection.close();
  }
}

import { statSync } from 'node:fs';
import type { Connection } from '../../core/sqlite/connection.ts';
import type { ImportedSource } from '../../core/trading/import/result.ts';
import type { CommandContext } from '../definition.ts';

export type SourceAccess = Pick<ImportedSource, 'sizeBytes' | 'journalMode' | 'connectedProcesses' | 'readFrom'>;

export interface OpenedSource {
  readonly connection: Connection;
  readonly access: SourceAccess;
  /** Somebody may write while we read. */
  readonly isLive: boolean;
  close(): void;
}

/**
 * Opens the file of a bot for reading, so that the bot notices nothing and no file stays behind: in place while somebody has
 * it open, otherwise a private copy, because even a reader of a closed file in WAL mode leaves files beside it.
 */
export async function openSource(path: string, copyLimitBytes: number, context: CommandContext): Promise<OpenedSource> {
  const { requireDatabaseFile } = await import('../../core/sqlite/database-file.ts');
  requireDatabaseFile(path);
  const { connectionProbe } = await import('../../core/maintenance/connected.ts');
  const connected = connectionProbe(context.host.pid)(path);
  const connectedProcesses = connected.processes.length + (connected.unnamed ? 1 : 0);
  const sizeBytes = statSync(path).size;
  const copy = connectedProcesses > 0 ? undefined : await copyOf(path, copyLimitBytes, context);
  const connection = copy === undefined ? await openInPlace(path, context) : await openCopy(copy.path, path, context);
  const readFrom = copy === undefined ? ('place' as const) : ('copy' as const);
  return {
    connection,
    access: { sizeBytes, journalMode: copy?.journalMode ?? journalModeOf(connection), connectedProcesses, readFrom },
    isLive: copy === undefined,
    close: () => {
      connection.close();
      copy?.remove();
    },
  };
}

const journalModeOf = (connection: Connection): string => String(connection.pragmaValue('journal_mode')).toUpperCase();

async function openInPlace(path: string, context: CommandContext): Promise<Connection> {
  const { openReadOnly } = await import('../../core/sqlite/connection.ts');
  return openReadOnly(path, {
    clock: context.clock,
    random: context.random,
    busyTimeoutMs: context.config.connection.busyTimeout,
  });
}

/** A copy is ours: what an interrupted transaction of the bot has left is rolled back in it. */
async function openCopy(copy: string, path: string, context: CommandContext): Promise<Connection> {
  const { openReadWrite } = await import('../../core/sqlite/connection.ts');
  const { normalProfile } = await import('../../core/sqlite/pragma-profile.ts');
  const { TradedbError } = await import('../../core/error.ts');
  try {
    const settings = { clock: context.clock, random: context.random };
    const connection = openReadWrite(copy, { ...normalProfile, foreignKeys: false }, settings);
    connection.pragma('query_only = 1');
    return connection;
  } catch (error) {
    if (!(error instanceof TradedbError)) throw error;
    // Nobody knows the copy: the message is about the file that the operator named.
    const message = error.message.replaceAll(JSON.stringify(copy), JSON.stringify(path));
    throw new TradedbError(error.code, message, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    });
  }
}

interface Copy {
  readonly path: string;
  readonly journalMode: string;
  remove(): void;
}

/** Undefined where a copy is not needed, or cannot be made. */
async function copyOf(path: string, copyLimitBytes: number, context: CommandContext): Promise<Copy | undefined> {
  const { gatherTarget } = await import('../../core/health/target.ts');
  const { makePrivateCopy } = await import('../../core/health/sql/private-copy.ts');
  const target = gatherTarget(path);
  try {
    const isWal = target.walExists || target.headerBytes[18] === 2;
    if (!isWal && target.journal?.header === undefined) return undefined;
    const limits = { temporaryDirectory: context.host.temporaryDirectory, copyLimitBytes };
    const copy = await makePrivateCopy(target, limits, context);
    if (typeof copy !== 'string') return { ...copy, journalMode: isWal ? 'WAL' : 'DELETE' };
    context.log.warn(`the source is read in place: ${copy}`);
    return undefined;
  } finally {
    target.files.close();
  }
}

import { basename } from 'node:path';
import type { BackupHooks } from '../../core/backup/create.ts';
import type { Keyring } from '../../core/backup/encryption/keyring.ts';
import type { HookSettings } from '../../core/backup/hook.ts';
import type { RepositoryLocation } from '../../core/backup/repository/open-repository.ts';
import type { Repository } from '../../core/backup/repository/repository.ts';
import type { Finding } from '../../core/report.ts';
import type { Storage } from '../../core/storage/storage.ts';
import type { CommandContext } from '../definition.ts';

/** What the commands of backup and restore share. */

export const repositoryOption = {
  type: 'text',
  value: 'name',
  short: 'R',
  summary: 'repository: a name of backup.repositories, a folder such as ./backups, or an address',
  env: 'TRADEDB_REPOSITORY',
  config: 'backup.repositories',
} as const;

export const workersOption = {
  type: 'integer',
  value: 'count',
  minimum: 1,
  maximum: 16,
  summary: 'threads that hash and compress',
  config: 'backup.workers',
} as const;

/** The repository that is meant, not opened yet. */
export async function chosenLocation(context: CommandContext, wanted: string | undefined): Promise<RepositoryLocation> {
  const { chooseRepository } = await import('../../core/backup/repository/open-repository.ts');
  return chooseRepository({
    configured: context.config.backup.repositories,
    fallbackPath: 'backups',
    wanted,
    resolve: context.resolve,
    resolveConfigured: context.resolveConfigured,
  });
}

/** The place of a repository, whether there is one yet or not. */
export async function storageOf(context: CommandContext, location: RepositoryLocation): Promise<Storage> {
  const { openStorage } = await import('../../core/backup/repository/open-repository.ts');
  const stateDirectory = context.stateDirectory();
  return openStorage(location, { ...context, stateDirectory, environment: context.host.environment });
}

/** Opens the repository that is meant; `backup_not_found` when there is none. */
export async function openChosen(context: CommandContext, wanted: string | undefined): Promise<Repository> {
  const { Repository } = await import('../../core/backup/repository/repository.ts');
  const location = await chosenLocation(context, wanted);
  const storage = await storageOf(context, location);
  return Repository.open(storage, location.name, { random: context.random, keyring: await keyringOf(context) });
}

/** The same, or undefined when there is none. */
export async function openIfThere(
  context: CommandContext,
  wanted: string | undefined,
): Promise<Repository | undefined> {
  const { TradedbError } = await import('../../core/error.ts');
  try {
    return await openChosen(context, wanted);
  } catch (error) {
    if (error instanceof TradedbError && error.code === 'backup_not_found') return undefined;
    throw error;
  }
}

/** Opens the repository without looking for keys: for commands that only ask what is there. */
export async function openLocked(context: CommandContext): Promise<Repository> {
  const { Repository } = await import('../../core/backup/repository/repository.ts');
  const location = await chosenLocation(context, undefined);
  return Repository.open(await storageOf(context, location), location.name);
}

async function keyringOf(context: CommandContext): Promise<Keyring> {
  const { Keyring } = await import('../../core/backup/encryption/keyring.ts');
  const { recipients, identityFile, passphraseFile } = context.config.backup.encryption;
  const file = (path: string | undefined) => (path === undefined ? undefined : context.resolveConfigured(path));
  return new Keyring({
    recipients,
    identityFile: file(identityFile),
    passphraseFile: file(passphraseFile),
    environment: context.host.environment,
    resolve: context.resolve,
    stateDirectory: context.stateDirectory(),
  });
}

/** Opens the repository, or makes one in an empty place. */
export async function openOrCreate(context: CommandContext, location: RepositoryLocation): Promise<Repository> {
  return openOrCreateIn(context, await storageOf(context, location), location.name);
}

export async function openOrCreateIn(context: CommandContext, storage: Storage, name: string): Promise<Repository> {
  const { Repository } = await import('../../core/backup/repository/repository.ts');
  return Repository.openOrCreate(storage, name, {
    ...context,
    owner: ownerOf(context),
    leases: context.config.backup.leases,
    keyring: await keyringOf(context),
  });
}

/** Marks, epochs and tombstones that were met and could not be used. */
export function recordFindings({ records }: Repository): Finding[] {
  return records.problems.map(({ key, message }) => ({
    id: 'backup.record_damaged',
    severity: 'warning',
    subject: key,
    message: `the record is left out: ${message}`,
    hint: 'what depends on it is not known; tradedb backup verify',
  }));
}

/** Name of a database in the repositories. */
export function databaseLabel(context: CommandContext, database: string): string {
  return context.config.backup.label ?? basename(database);
}

/** Folder name of the configured database in the repositories; undefined when no database is named. */
export async function databaseIdIfAny(context: CommandContext, all = false): Promise<string | undefined> {
  const database = all ? undefined : context.databasePathIfAny();
  if (database === undefined) return undefined;
  const { databaseIdOf } = await import('../../core/backup/repository/object-name.ts');
  return databaseIdOf(databaseLabel(context, database));
}

export function workerCount(context: CommandContext, wanted: number | undefined): number {
  const configured = wanted ?? context.config.backup.workers;
  return configured > 0 ? configured : Math.max(1, Math.min(4, context.host.cores));
}

export function ownerOf(context: CommandContext): { pid: number; hostname: string } {
  return { pid: context.host.pid, hostname: context.host.hostname };
}

/** The programs of backup.hooks, with the environment of this process. */
export function hooksOf(context: CommandContext): BackupHooks {
  return { ...context.config.backup.hooks, ...hookSettings(context) };
}

export function hookSettings(context: CommandContext): HookSettings {
  const { environment, environmentNames, workingDirectory } = context.host;
  const variables = environmentNames().map((name) => [name, environment(name) ?? ''] as const);
  return {
    environment: Object.fromEntries(variables),
    workingDirectory,
    timeoutMs: context.config.backup.hooks.timeout,
  };
}

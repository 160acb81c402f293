import { readFileSync } from 'node:fs';
import type { RepositorySettings } from '../../config/section/repository.ts';
import type { Clock, Random } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { LocalFolder } from '../../storage/local-folder.ts';
import type { Storage } from '../../storage/storage.ts';
import { fromStorage } from '../../storage/storage-error.ts';
import { parseRepositoryAddress } from './repository-address.ts';

/** One repository: an entry of `backup.repositories`, or what was typed for `--repository`. */
export type RepositoryLocation = RepositorySettings & {
  readonly name: string;
  /** For people: the absolute path, or the address of the server. */
  readonly location: string;
};

export interface RepositoryChoice {
  /** In the order of the configuration; the first is the primary one. */
  readonly configured: Readonly<Record<string, RepositorySettings>>;
  /** Path that is used when none is configured. */
  readonly fallbackPath: string;
  /** What the operator asked for: a configured name, a folder, or an address. */
  readonly wanted?: string | undefined;
  /** Makes an absolute path of what the operator typed. */
  readonly resolve: (path: string) => string;
  /** Makes an absolute path of what the configuration says. */
  readonly resolveConfigured: (path: string) => string;
}

/** The repository that is meant: by name, by folder, by address, the first configured one, or the default folder. */
export function chooseRepository(choice: RepositoryChoice): RepositoryLocation {
  const { configured, wanted, resolveConfigured } = choice;
  const first = Object.entries(configured)[0];
  if (wanted === undefined) {
    if (first !== undefined) return located(first[0], first[1], resolveConfigured);
    return located('backups', { kind: 'folder', path: choice.fallbackPath }, resolveConfigured);
  }
  const byName = configured[wanted];
  if (byName !== undefined) return located(wanted, byName, resolveConfigured);
  const address = parseRepositoryAddress(wanted);
  if (address !== undefined) return located(wanted, address, choice.resolve);
  if (/[\\/]/.test(wanted) || wanted === '.') return located(wanted, { kind: 'folder', path: wanted }, choice.resolve);
  const names = Object.keys(configured);
  throw new TradedbError('usage', `there is no repository ${JSON.stringify(wanted)} in backup.repositories`, {
    hint: names.length === 0 ? 'give a folder, such as ./backups' : `configured: ${names.join(', ')}`,
  });
}

function located(name: string, settings: RepositorySettings, resolve: (path: string) => string): RepositoryLocation {
  const file = (path: string | undefined) => (path === undefined ? undefined : resolve(path));
  switch (settings.kind) {
    case 'folder': {
      const path = resolve(settings.path);
      return { ...settings, name, path, location: path };
    }
    case 's3': {
      const { accessKeyIdFile, secretAccessKeyFile, endpoint, bucket, prefix } = settings;
      const files = { accessKeyIdFile: file(accessKeyIdFile), secretAccessKeyFile: file(secretAccessKeyFile) };
      const location = `s3:${endpoint.replace(/\/$/, '')}/${bucket}${prefix === '' ? '' : `/${prefix}`}`;
      return { ...settings, ...files, name, location };
    }
    case 'sftp': {
      const { user, host, port, path } = settings;
      const files = { knownHostsFile: file(settings.knownHostsFile), privateKeyFile: file(settings.privateKeyFile) };
      const location = `sftp://${user}@${host}${port === 22 ? '' : `:${port}`}/${path.replace(/^\//, '')}`;
      return { ...settings, ...files, name, location };
    }
  }
}

export interface StorageAccess {
  readonly clock: Clock;
  readonly random: Random;
  /** Where capabilities are remembered and objects for servers are prepared. */
  readonly stateDirectory: string;
  readonly environment: (name: string) => string | undefined;
}

const sftpTimeoutMs = 60_000;

/** Opens the place; the libraries for servers are loaded only when one is meant. No connection is made yet. */
export async function openStorage(location: RepositoryLocation, access: StorageAccess): Promise<Storage> {
  const unique = Buffer.from(access.random.bytes(6)).toString('hex');
  const { stateDirectory, environment } = access;
  switch (location.kind) {
    case 'folder':
      return new LocalFolder(location.path, unique);
    case 's3': {
      const { S3Bucket } = await import('../../storage/s3.ts');
      const accessKeyId = secret(location.accessKeyIdFile, 'TRADEDB_S3_ACCESS_KEY_ID', location, environment);
      const secretAccessKey = secret(
        location.secretAccessKeyFile,
        'TRADEDB_S3_SECRET_ACCESS_KEY',
        location,
        environment,
      );
      return new S3Bucket({ ...location, accessKeyId, secretAccessKey, stateDirectory, unique }, access);
    }
    case 'sftp': {
      const { SftpFolder } = await import('../../storage/sftp.ts');
      const knownHostsFile = location.knownHostsFile ?? `${environment('HOME') ?? ''}/.ssh/known_hosts`;
      const login = {
        privateKeyFile: location.privateKeyFile,
        passphrase: environment('TRADEDB_SFTP_PASSPHRASE') || undefined,
        agent: environment('SSH_AUTH_SOCK') || undefined,
      };
      return new SftpFolder(
        { ...location, ...login, knownHostsFile, timeoutMs: sftpTimeoutMs, stateDirectory, unique },
        access,
      );
    }
  }
}

/** First line of the file, or the variable. */
function secret(
  file: string | undefined,
  variable: string,
  { location }: RepositoryLocation,
  environment: StorageAccess['environment'],
): string {
  const found = file === undefined ? environment(variable) : firstLine(file);
  if (found !== undefined && found.trim() !== '') return found.trim();
  throw new TradedbError('config_invalid', `there is no access key for ${location}`, {
    hint: `set ${variable}, or name a file that holds it in the configuration of the repository`,
  });
}

function firstLine(file: string): string {
  try {
    return readFileSync(file, 'utf8').split('\n')[0] ?? '';
  } catch (error) {
    throw fromStorage(error, file);
  }
}

import type { Random } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { LocalFolder } from '../../storage/local-folder.ts';
import type { Storage } from '../../storage/storage.ts';

/** One entry of `backup.repositories`. */
export interface RepositoryLocation {
  readonly name: string;
  readonly kind: 'folder';
  /** Absolute. */
  readonly path: string;
}

export interface RepositoryChoice {
  /** In the order of the configuration; the first is the primary one. */
  readonly configured: readonly RepositoryLocation[];
  /** Absolute path that is used when none is configured. */
  readonly fallbackPath: string;
  /** What the operator asked for: a configured name, or a folder. */
  readonly wanted?: string | undefined;
  /** Makes an absolute path of what the operator typed. */
  readonly resolve: (path: string) => string;
}

/** The repository that is meant: by name, by folder, the first configured one, or the default folder. */
export function chooseRepository(choice: RepositoryChoice): RepositoryLocation {
  const { configured, wanted } = choice;
  if (wanted === undefined) return configured[0] ?? { name: 'backups', kind: 'folder', path: choice.fallbackPath };
  const byName = configured.find((location) => location.name === wanted);
  if (byName !== undefined) return byName;
  if (/[\\/]/.test(wanted) || wanted === '.') return { name: wanted, kind: 'folder', path: choice.resolve(wanted) };
  const names = configured.map((location) => location.name);
  throw new TradedbError('usage', `there is no repository ${JSON.stringify(wanted)} in backup.repositories`, {
    hint: names.length === 0 ? 'give a folder, such as ./backups' : `configured: ${names.join(', ')}`,
  });
}

export function openStorage(location: RepositoryLocation, random: Random): Storage {
  return new LocalFolder(location.path, Buffer.from(random.bytes(6)).toString('hex'));
}

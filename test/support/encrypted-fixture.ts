import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Keyring } from '../../src/core/backup/encryption/keyring.ts';
import { databaseIdOf } from '../../src/core/backup/repository/object-name.ts';
import { Repository } from '../../src/core/backup/repository/repository.ts';
import { LocalFolder } from '../../src/core/storage/local-folder.ts';
import { testPorts } from './context.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** The encrypted repository of the first release that encrypted, from before records had MACs. */

export const encryptedFixtureId = databaseIdOf('trading.db');
export const encryptedFixtureIdentity = fileURLToPath(
  new URL('../../fixtures/repository-1-encrypted.identity.txt', import.meta.url),
);

/** A folder with a copy of it in `backups`. */
export function copyOfEncryptedFixture(): string {
  const folder = temporaryFolder();
  const fixture = fileURLToPath(new URL('../../fixtures/repository-1-encrypted', import.meta.url));
  cpSync(fixture, join(folder, 'backups'), { recursive: true });
  return folder;
}

let opened = 0;

/** Opens it with its key, or locked. */
export function openEncryptedFixture(folder: string, { locked = false } = {}): Promise<Repository> {
  const storage = new LocalFolder(join(folder, 'backups'), `encrypted-${opened++}`);
  const keyring = new Keyring({
    recipients: [],
    identityFile: locked ? undefined : encryptedFixtureIdentity,
    passphraseFile: undefined,
    environment: () => undefined,
    resolve: (path) => path,
    stateDirectory: join(folder, 'state'),
  });
  return Repository.open(storage, 'main', { random: testPorts.random, keyring });
}

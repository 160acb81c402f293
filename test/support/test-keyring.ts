import { join } from 'node:path';
import { Keyring } from '../../src/core/backup/encryption/keyring.ts';

export interface Secrets {
  readonly recipients?: readonly string[];
  readonly identity?: string;
  readonly passphrase?: string;
}

/** The keys of a test, as an environment would give them. */
export function testKeyring(folder: string, { recipients = [], identity, passphrase }: Secrets): Keyring {
  const environment: Record<string, string | undefined> = {
    TRADEDB_BACKUP_IDENTITY: identity,
    TRADEDB_BACKUP_PASSPHRASE: passphrase,
  };
  return new Keyring({
    recipients,
    identityFile: undefined,
    passphraseFile: undefined,
    environment: (name) => environment[name],
    resolve: (path) => join(folder, path),
    stateDirectory: join(folder, 'state'),
  });
}

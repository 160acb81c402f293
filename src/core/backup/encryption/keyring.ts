import { readFileSync } from 'node:fs';
import { TradedbError } from '../../error.ts';
import { fromStorage } from '../../storage/storage-error.ts';

/** Who shall be able to read the backups, and what this machine opens them with. Secrets are read when they are needed. */
export interface KeyringSettings {
  /** age recipients (`age1...`). */
  readonly recipients: readonly string[];
  /** Files of the configuration, absolute. */
  readonly identityFile: string | undefined;
  readonly passphraseFile: string | undefined;
  readonly environment: (name: string) => string | undefined;
  readonly resolve: (path: string) => string;
  /** Where plain parts are prepared before they are encrypted. */
  readonly stateDirectory: string;
}

export class Keyring {
  readonly #settings: KeyringSettings;

  constructor(settings: KeyringSettings) {
    this.#settings = settings;
  }

  get recipients(): readonly string[] {
    return this.#settings.recipients;
  }

  get stateDirectory(): string {
    return this.#settings.stateDirectory;
  }

  /** New repositories shall be encrypted. */
  get isWanted(): boolean {
    return this.recipients.length > 0 || this.passphrase() !== undefined;
  }

  get hasSecret(): boolean {
    return this.passphrase() !== undefined || this.identities().length > 0;
  }

  /** `AGE-SECRET-KEY-...` of the variable, which may also name a file, or of the configured file. */
  identities(): readonly string[] {
    const { environment, identityFile, resolve } = this.#settings;
    const given = environment('TRADEDB_BACKUP_IDENTITY') || undefined;
    const isKey = given?.includes('AGE-SECRET-KEY-') === true;
    const file = isKey ? undefined : given === undefined ? identityFile : resolve(given);
    const text = isKey ? given : file === undefined ? '' : readText(file);
    const found = text.split('\n').map((line) => line.trim());
    const identities = found.filter((line) => line.startsWith('AGE-SECRET-KEY-'));
    if (file !== undefined && identities.length === 0) {
      throw new TradedbError('config_invalid', `${JSON.stringify(file)} holds no age identity`, {
        hint: 'make one with: age-keygen -o identity.txt',
      });
    }
    return identities;
  }

  passphrase(): string | undefined {
    const { environment, passphraseFile } = this.#settings;
    const given = environment('TRADEDB_BACKUP_PASSPHRASE') || undefined;
    if (given !== undefined || passphraseFile === undefined) return given;
    const [line = ''] = readText(passphraseFile).split('\n');
    if (line !== '') return line;
    throw new TradedbError('config_invalid', `${JSON.stringify(passphraseFile)} is empty`);
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw fromStorage(error, file);
  }
}

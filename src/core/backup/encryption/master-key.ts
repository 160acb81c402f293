import { createHmac, hkdfSync } from 'node:crypto';
import type { Random } from '../../context.ts';
import { hex } from '../chunk/pack-format.ts';
import { type RepositoryFormat, recordMacsFeature } from '../repository/format-version.ts';

type KeyPurpose = 'object' | 'manifest mac' | 'record mac' | 'passphrase' | 'key id' | 'key id record-macs';

/** The 32 bytes that everything in an encrypted repository follows from (docs/formats/encryption.md). */
export class MasterKey {
  readonly repositoryId: string;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, repositoryId: string) {
    this.#bytes = bytes;
    this.repositoryId = repositoryId;
  }

  static make(random: Random, repositoryId: string): MasterKey {
    return new MasterKey(random.bytes(32), repositoryId);
  }

  /**
   * Names the key without telling anything of it. With `record-macs` it is another name, which nobody without the key can
   * compute: a FORMAT from which somebody took the feature does not fit any more.
   */
  idFor({ required }: Pick<RepositoryFormat, 'required'>): string {
    const purpose = required.includes(recordMacsFeature) ? 'key id record-macs' : 'key id';
    return hex(this.derive(purpose, new Uint8Array(0))).slice(0, 16);
  }

  /** HKDF-SHA256 with `tradedb <purpose> <repository id>` as info; 32 bytes. */
  derive(purpose: KeyPurpose, salt: Uint8Array): Uint8Array {
    return new Uint8Array(hkdfSync('sha256', this.#bytes, salt, `tradedb ${purpose} ${this.repositoryId}`, 32));
  }

  mac(purpose: 'manifest mac' | 'record mac' | 'passphrase', text: string): string {
    return createHmac('sha256', this.derive(purpose, new Uint8Array(0)))
      .update(text)
      .digest('hex');
  }

  /** What an age file of `keys/` holds. */
  toText(): string {
    return `tradedb-master-key 1\nrepository ${this.repositoryId}\nkey ${hex(this.#bytes)}\n`;
  }

  /** Undefined for a text that is no key of this repository. */
  static fromText(text: string, repositoryId: string): MasterKey | undefined {
    const match = /^tradedb-master-key 1\nrepository ([0-9a-f]{32})\nkey ([0-9a-f]{64})\n$/.exec(text);
    if (match === null || match[1] !== repositoryId) return undefined;
    return new MasterKey(Buffer.from(match[2] ?? '', 'hex'), repositoryId);
  }
}

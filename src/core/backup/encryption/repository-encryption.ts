import type { Random } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { encryptionFeature, type RepositoryFormat, recordMacsFeature } from '../repository/format-version.ts';
import type { RecordMac } from '../repository/sealed-json.ts';
import { EncryptedStorage } from './encrypted-storage.ts';
import { followRecipients, readSlots, unlock } from './key-slot.ts';
import type { Keyring } from './keyring.ts';
import { MasterKey } from './master-key.ts';
import { sealManifest, unsealManifest } from './sealed-manifest.ts';

interface Keys {
  readonly random: Random;
  readonly keyring: Keyring;
}

/** The encrypted side of one open repository; locked without a master key. */
export class RepositoryEncryption {
  readonly storage: EncryptedStorage;
  readonly #master: MasterKey | undefined;
  readonly #random: Random;
  #keySlots: number;

  constructor(storage: EncryptedStorage, master: MasterKey | undefined, random: Random, keySlots: number) {
    this.storage = storage;
    this.#master = master;
    this.#random = random;
    this.#keySlots = keySlots;
  }

  get keySlots(): number {
    return this.#keySlots;
  }

  /** Makes the slots follow the configuration, where it says anything. */
  async follow(inner: Storage, keyring: Keyring): Promise<void> {
    this.storage.requireKey();
    const master = this.#master as MasterKey;
    if (keyring.isWanted) this.#keySlots = (await followRecipients(inner, master, keyring)).total;
  }

  sealManifest(manifest: Manifest): Uint8Array {
    this.storage.requireKey();
    const master = this.#master as MasterKey;
    return sealManifest(manifest, { master, keySlots: this.#keySlots, random: this.#random });
  }

  /**
   * Computes the MACs of the record `name` (its key without a digest); a record that is put in another's place has a
   * wrong one. Undefined without the key.
   */
  recordMac(name: string): RecordMac | undefined {
    const master = this.#master;
    return master === undefined ? undefined : (text) => master.mac('record mac', `${name}\n${text}`);
  }

  /** Undefined for one that has everything; throws `key_required` without the key. */
  newerFormat(format: RepositoryFormat): RepositoryFormat | undefined {
    if (format.required.includes(recordMacsFeature)) return undefined;
    this.storage.requireKey();
    return named({ ...format, required: [...format.required, recordMacsFeature] }, this.#master as MasterKey);
  }

  /** Without a key, the manifest as it is stored: without its digest and its place in the WAL. */
  unsealManifest(stored: Manifest, bytes: Uint8Array): Manifest {
    return this.#master === undefined ? stored : unsealManifest(stored, bytes, this.#master);
  }
}

/** Undefined for a repository that is not encrypted. Throws `key_rejected` when no given secret opens it. */
export async function openEncryption(
  inner: Storage,
  format: RepositoryFormat,
  keys: Keys | undefined,
): Promise<RepositoryEncryption | undefined> {
  if (!format.required.includes(encryptionFeature)) return undefined;
  const random = keys?.random ?? noRandom;
  const master = keys?.keyring.hasSecret === true ? await unlock(inner, format, keys.keyring) : undefined;
  const ports = { random, stateDirectory: keys?.keyring.stateDirectory ?? '' };
  const slots = (await readSlots(inner)).length;
  return new RepositoryEncryption(new EncryptedStorage(inner, master, ports), master, random, slots);
}

/** Makes the master key of a new repository and its slots; the FORMAT that is returned has to be written after them. */
export async function makeEncrypted(inner: Storage, plain: RepositoryFormat, keys: Keys): Promise<RepositoryFormat> {
  const { keyring, random } = keys;
  if (!keyring.hasSecret) {
    throw new TradedbError('key_required', 'later backups could not be made: there are recipients, but no identity', {
      hint: 'set backup.encryption.identityFile or TRADEDB_BACKUP_IDENTITY to the identity of one of them',
    });
  }
  for (const { key } of await readSlots(inner)) await inner.delete(key);
  const master = MasterKey.make(random, plain.id);
  const format = named({ ...plain, required: [...plain.required, encryptionFeature, recordMacsFeature] }, master);
  await followRecipients(inner, master, keyring);
  // The proof that it can be opened again comes before anything is stored in it.
  await unlock(inner, format, keyring);
  return format;
}

function named(format: RepositoryFormat, master: MasterKey): RepositoryFormat {
  return { ...format, key: master.idFor(format) };
}

/** Locked storages write nothing, so they draw nothing; the name of their spool is never used. */
const noRandom: Random = { next: () => 0, bytes: (length) => new Uint8Array(length) };

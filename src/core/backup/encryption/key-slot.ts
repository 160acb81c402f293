import { createHash } from 'node:crypto';
import { TradedbError } from '../../error.ts';
import type { Storage } from '../../storage/storage.ts';
import { hex, sha256 } from '../chunk/pack-format.ts';
import type { RepositoryFormat } from '../repository/format-version.ts';
import type { Keyring } from './keyring.ts';
import { MasterKey } from './master-key.ts';

/**
 * The slots of an encrypted repository: `keys/<slot>-<sha256>.age`, the master key wrapped for one recipient or by a
 * passphrase. age-encryption is loaded only here.
 */

export interface KeySlot {
  readonly key: string;
  /** `r-` and 16 digits of the recipient's sha256, or `p-` and 16 digits that only the key's owner can compute. */
  readonly slot: string;
  readonly digest: string;
}

export async function readSlots(storage: Storage): Promise<readonly KeySlot[]> {
  const slots: KeySlot[] = [];
  for await (const { key } of storage.list('keys')) {
    const match = /^keys\/([rp]-[0-9a-f]{16})-([0-9a-f]{64})\.age$/.exec(key);
    if (match !== null) slots.push({ key, slot: match[1] ?? '', digest: match[2] ?? '' });
  }
  return slots;
}

/** Opens the repository with the secrets of the keyring; throws `key_rejected` when none of them fits. */
export async function unlock(
  storage: Storage,
  { id, key, required }: Pick<RepositoryFormat, 'id' | 'key' | 'required'>,
  keyring: Keyring,
): Promise<MasterKey> {
  const slots = await readSlots(storage);
  const identities = keyring.identities();
  const passphrase = keyring.passphrase();
  let damaged = 0;
  let opened = false;
  for (const { key: name, slot, digest } of slots) {
    const secrets = slot.startsWith('r-') ? { identities } : { passphrase };
    if (secrets.identities?.length === 0 || ('passphrase' in secrets && secrets.passphrase === undefined)) continue;
    const file = await storage.read(name);
    if (hex(sha256(file)) !== digest) {
      damaged += 1;
      continue;
    }
    const text = await decrypt(file, secrets);
    const master = text === undefined ? undefined : MasterKey.fromText(text, id);
    if (master !== undefined && master.idFor({ required }) === key) return master;
    if (master !== undefined) opened = true;
  }
  if (opened) throw changedFormat(storage);
  const broken = damaged === 0 ? '' : `; ${damaged} of them ${damaged === 1 ? 'is' : 'are'} damaged`;
  const count = slots.length === 1 ? 'the key slot' : `none of the ${slots.length} key slots`;
  const verb = slots.length === 1 ? 'does not open' : 'opens';
  throw new TradedbError(
    'key_rejected',
    `${count} of ${storage.location} ${verb} with the identity or passphrase that was given${broken}`,
    { hint: 'check TRADEDB_BACKUP_IDENTITY, TRADEDB_BACKUP_PASSPHRASE and backup.encryption' },
  );
}

/** The key is the right one, and its name in FORMAT is not that of these features. */
function changedFormat({ location }: Storage): TradedbError {
  return new TradedbError(
    'checksum_mismatch',
    `the FORMAT of ${location} was changed: it does not fit the master key`,
    {
      hint: 'somebody changed its features; put the FORMAT of a copy of the repository back',
    },
  );
}

export interface SlotChange {
  readonly total: number;
  readonly added: number;
  readonly removed: number;
}

/**
 * Makes the slots follow the configuration: new recipients first, then those that are gone. A passphrase that is not
 * known here keeps its slot; one that was changed loses it.
 */
export async function followRecipients(storage: Storage, master: MasterKey, keyring: Keyring): Promise<SlotChange> {
  const slots = await readSlots(storage);
  const passphrase = keyring.passphrase();
  const wanted = new Map<string, () => Promise<Uint8Array>>();
  for (const recipient of keyring.recipients) {
    wanted.set(slotOf(recipient), () => wrap(master, { recipient }));
  }
  if (passphrase !== undefined) {
    wanted.set(`p-${master.mac('passphrase', passphrase).slice(0, 16)}`, () => wrap(master, { passphrase }));
  }
  let added = 0;
  for (const [slot, make] of wanted) {
    if (slots.some((one) => one.slot === slot)) continue;
    const file = await make();
    await storage.write(`keys/${slot}-${hex(sha256(file))}.age`, file);
    added += 1;
  }
  const gone = slots.filter(({ slot }) => {
    if (wanted.has(slot)) return false;
    return slot.startsWith('r-') ? keyring.recipients.length > 0 : passphrase !== undefined;
  });
  for (const { key } of gone) await storage.delete(key);
  return { total: new Set([...slots, ...wanted.keys()].map(nameOf)).size - gone.length, added, removed: gone.length };
}

function nameOf(one: KeySlot | string): string {
  return typeof one === 'string' ? one : one.slot;
}

function slotOf(recipient: string): string {
  return `r-${createHash('sha256').update(recipient).digest('hex').slice(0, 16)}`;
}

async function wrap(
  master: MasterKey,
  by: { readonly recipient: string } | { readonly passphrase: string },
): Promise<Uint8Array> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  try {
    if ('passphrase' in by) encrypter.setPassphrase(by.passphrase);
    else encrypter.addRecipient(by.recipient);
  } catch (error) {
    const what = 'recipient' in by ? `${JSON.stringify(by.recipient)} is no age recipient` : 'the passphrase is unfit';
    throw new TradedbError('config_invalid', `backup.encryption: ${what}`, {
      hint: 'a recipient begins with age1; see: age-keygen -y identity.txt',
      cause: error,
    });
  }
  return encrypter.encrypt(master.toText());
}

async function decrypt(
  file: Uint8Array,
  secrets: { readonly identities?: readonly string[]; readonly passphrase?: string | undefined },
): Promise<string | undefined> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  try {
    for (const identity of secrets.identities ?? []) decrypter.addIdentity(identity);
  } catch {
    // The message of the library would repeat the secret.
    throw new TradedbError('config_invalid', 'an age identity cannot be read', {
      hint: 'it begins with AGE-SECRET-KEY-1',
    });
  }
  if (secrets.passphrase !== undefined) decrypter.addPassphrase(secrets.passphrase);
  try {
    return await decrypter.decrypt(file, 'text');
  } catch {
    return undefined;
  }
}

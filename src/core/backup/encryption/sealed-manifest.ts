import { timingSafeEqual } from 'node:crypto';
import type { Random } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { MasterKey } from './master-key.ts';
import { seal, unseal } from './sealed-object.ts';

/**
 * A manifest in an encrypted repository stays readable, so that list, prune and verify 1 and 2 need no key; what follows
 * from page content (the digest, the place in the WAL, the head of the audit log) is sealed, and a MAC covers the text with an empty `mac`.
 */

const emptyMac = '"mac": ""';
const anyMac = /"mac": "([0-9a-f]*)"/;

/** The text that is stored. `digest` is replaced by a MAC of it, `position` by null, `audit` is left out. */
export function sealManifest(
  manifest: Manifest,
  { master, keySlots, random }: { master: MasterKey; keySlots: number; random: Random },
): Uint8Array {
  const { digest, position, audit, ...open } = manifest;
  const secret = Buffer.from(JSON.stringify({ digest, position, audit }));
  const sealed = Buffer.from(seal(master, nameOf(manifest), secret, random.bytes(32))).toString('base64');
  const text = JSON.stringify(
    {
      ...open,
      position: null,
      digest: master.mac('manifest mac', digest),
      encryption: { cipher: 'aes-256-gcm', keySlots, sealed, mac: '' },
    },
    null,
    2,
  );
  return Buffer.from(`${text.replace(emptyMac, `"mac": "${master.mac('manifest mac', text)}"`)}\n`);
}

/** The manifest as it was made; throws `checksum_mismatch` for one that somebody without the key has changed. */
export function unsealManifest(stored: Manifest, bytes: Uint8Array, master: MasterKey): Manifest {
  const text = Buffer.from(bytes).toString('utf8').trimEnd();
  const expected = Buffer.from(master.mac('manifest mac', text.replace(anyMac, emptyMac)));
  const found = Buffer.from(anyMac.exec(text)?.[1] ?? '');
  if (stored.encryption === null || found.length !== expected.length || !timingSafeEqual(found, expected)) {
    throw new TradedbError('checksum_mismatch', `the manifest of backup ${stored.id} was changed: its MAC differs`);
  }
  const secret = unseal(master, nameOf(stored), Buffer.from(stored.encryption.sealed, 'base64'));
  const sealed = JSON.parse(Buffer.from(secret).toString('utf8')) as Pick<Manifest, 'digest' | 'position' | 'audit'>;
  return { ...stored, ...sealed };
}

function nameOf({ database, id }: Manifest): string {
  return `db/${database.id}/points/${id}/manifest`;
}

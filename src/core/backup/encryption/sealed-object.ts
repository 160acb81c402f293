import { createCipheriv, createDecipheriv } from 'node:crypto';
import { TradedbError } from '../../error.ts';
import { hex, sha256 } from '../chunk/pack-format.ts';
import type { MasterKey } from './master-key.ts';

/**
 * Layout of an encrypted object (docs/formats/encryption.md):
 *
 *     "TDBSEAL1"  salt[32]  plainBytes:u64  frames ...  sha256 of everything before [32]
 *     frame: up to 32 KiB of AES-256-GCM, and its tag [16]
 *
 * The key of an object follows from the master key and the salt; the nonce is the number of the frame, so that no key
 * ever meets a nonce twice. Header and name of the object are authenticated with every frame. There is always a frame.
 */

export const sealHeaderBytes = 48;
export const frameBytes = 32 * 1024;
export const sealTrailerBytes = 32;
const tagBytes = 16;
export const sealedFrameBytes = frameBytes + tagBytes;
const saltBytes = 32;
const magic = Buffer.from('TDBSEAL1', 'latin1');
const cipherName = 'aes-256-gcm';

export interface SealHeader {
  readonly bytes: Uint8Array;
  readonly salt: Uint8Array;
  readonly plainBytes: number;
}

function frameCount(plainBytes: number): number {
  return Math.max(1, Math.ceil(plainBytes / frameBytes));
}

export function sealedBytes(plainBytes: number): number {
  return sealHeaderBytes + plainBytes + frameCount(plainBytes) * tagBytes + sealTrailerBytes;
}

/** Bytes of the content by the size of the object; -1 for a size that no object can have. */
export function plainBytesOf(sizeBytes: number): number {
  const body = sizeBytes - sealHeaderBytes - sealTrailerBytes;
  const plainBytes = body - Math.ceil(body / sealedFrameBytes) * tagBytes;
  return body < tagBytes || sealedBytes(plainBytes) !== sizeBytes ? -1 : plainBytes;
}

export function encodeSealHeader(salt: Uint8Array, plainBytes: number): SealHeader {
  const bytes = Buffer.alloc(sealHeaderBytes);
  magic.copy(bytes);
  bytes.set(salt, magic.length);
  bytes.writeBigUInt64LE(BigInt(plainBytes), magic.length + saltBytes);
  return { bytes, salt, plainBytes };
}

export function decodeSealHeader(bytes: Uint8Array, key: string): SealHeader {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < sealHeaderBytes || !buffer.subarray(0, magic.length).equals(magic))
    throw damaged(key, 'its header');
  const plainBytes = Number(buffer.readBigUInt64LE(magic.length + saltBytes));
  return { bytes: buffer.subarray(0, sealHeaderBytes), salt: buffer.subarray(magic.length, 40), plainBytes };
}

/** Encrypts and decrypts the frames of one object. */
export class FrameCipher {
  readonly #header: SealHeader;
  readonly #name: string;
  readonly #key: Uint8Array;
  readonly #authenticated: Uint8Array;

  constructor(master: MasterKey, header: SealHeader, name: string) {
    this.#header = header;
    this.#name = name;
    this.#key = master.derive('object', header.salt);
    this.#authenticated = Buffer.concat([header.bytes, Buffer.from(name)]);
  }

  get count(): number {
    return frameCount(this.#header.plainBytes);
  }

  seal(number: number, plain: Uint8Array): Uint8Array {
    const cipher = createCipheriv(cipherName, this.#key, nonceOf(number));
    cipher.setAAD(this.#authenticated);
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  /** Throws `checksum_mismatch` for bytes that are not those that were sealed in this place. */
  open(number: number, sealed: Uint8Array): Uint8Array {
    const length = sealed.length - tagBytes;
    const cipher = createDecipheriv(cipherName, this.#key, nonceOf(number), { authTagLength: tagBytes });
    cipher.setAAD(this.#authenticated);
    cipher.setAuthTag(sealed.subarray(Math.max(0, length)));
    try {
      const plain = cipher.update(sealed.subarray(0, length));
      cipher.final();
      return plain;
    } catch (error) {
      throw damaged(this.#name, `frame ${number}`, error);
    }
  }

  /** Bytes of a frame without its tag. */
  plainBytes(number: number): number {
    return Math.min(frameBytes, this.#header.plainBytes - number * frameBytes);
  }
}

export function seal(master: MasterKey, name: string, plain: Uint8Array, salt: Uint8Array): Uint8Array {
  const header = encodeSealHeader(salt, plain.length);
  const cipher = new FrameCipher(master, header, name);
  const parts: Uint8Array[] = [header.bytes];
  for (let number = 0; number < cipher.count; number++) {
    parts.push(cipher.seal(number, plain.subarray(number * frameBytes, (number + 1) * frameBytes)));
  }
  const body = Buffer.concat(parts);
  return Buffer.concat([body, sha256(body)]);
}

/** Checks every byte of a whole object, and gives its content. */
export function unseal(master: MasterKey, name: string, sealed: Uint8Array): Uint8Array {
  requireStored(name, sealed);
  const header = decodeSealHeader(sealed, name);
  const cipher = new FrameCipher(master, header, name);
  const plain = new Uint8Array(header.plainBytes);
  for (let number = 0; number < cipher.count; number++) {
    const start = sealHeaderBytes + number * sealedFrameBytes;
    const frame = sealed.subarray(start, start + cipher.plainBytes(number) + tagBytes);
    plain.set(cipher.open(number, frame), number * frameBytes);
  }
  return plain;
}

/** What can be checked without a key: that the bytes are those that were stored. */
export function requireStored(name: string, sealed: Uint8Array): void {
  const end = sealed.length - sealTrailerBytes;
  if (plainBytesOf(sealed.length) === -1) throw damaged(name, 'its size');
  if (decodeSealHeader(sealed, name).plainBytes !== plainBytesOf(sealed.length)) throw damaged(name, 'its size');
  if (hex(sha256(sealed.subarray(0, end))) !== hex(sealed.subarray(end))) throw damaged(name, 'sha256 differs');
}

function nonceOf(number: number): Uint8Array {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32LE(number);
  return nonce;
}

function damaged(name: string, what: string, cause?: unknown): TradedbError {
  return new TradedbError('checksum_mismatch', `${name} is damaged: ${what}`, { cause, details: { key: name } });
}

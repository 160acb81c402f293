import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { TradedbError } from '../../error.ts';

/** Compression of chunks. Whole blocks, never streams: faster, and each chunk can be read alone. */

export const codecNames = ['none', 'zstd', 'gzip'] as const;
export type CodecName = (typeof codecNames)[number];

export interface Codec {
  readonly name: CodecName;
  /** zstd 1 to 19, gzip 1 to 9; 0 for none. */
  readonly level: number;
}

/** Reads `none`, `gzip`, `zstd` (level 1) or `zstd:<level>`. */
export function parseCodec(text: string): Codec {
  const match = /^(?:(none)|(gzip)|zstd(?::([1-9]|1[0-9]))?)$/.exec(text);
  if (match === null) {
    throw new TradedbError('usage', `${JSON.stringify(text)} is no codec`, {
      hint: 'use none, gzip, zstd or zstd:1 to zstd:19',
    });
  }
  if (match[1] !== undefined) return { name: 'none', level: 0 };
  if (match[2] !== undefined) return { name: 'gzip', level: 1 };
  return { name: 'zstd', level: Number(match[3] ?? 1) };
}

export function formatCodec(codec: Codec): string {
  return codec.name === 'zstd' ? `zstd:${codec.level}` : codec.name;
}

/** The stored form; `none` comes back when compression does not make the bytes smaller. */
export function encode(plain: Uint8Array, codec: Codec): { codec: CodecName; stored: Uint8Array } {
  const stored =
    codec.name === 'zstd'
      ? zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: codec.level } })
      : codec.name === 'gzip'
        ? gzipSync(plain, { level: codec.level })
        : plain;
  return stored.length < plain.length ? { codec: codec.name, stored } : { codec: 'none', stored: plain };
}

/** The plain form; throws `checksum_mismatch` when the bytes cannot be decompressed to exactly `plainBytes`. */
export function decode(stored: Uint8Array, codec: CodecName, plainBytes: number): Uint8Array {
  let plain = stored;
  try {
    if (codec === 'zstd') plain = zstdDecompressSync(stored, { maxOutputLength: Math.max(plainBytes, 1) });
    if (codec === 'gzip') plain = gunzipSync(stored, { maxOutputLength: Math.max(plainBytes, 1) });
  } catch (error) {
    throw new TradedbError('checksum_mismatch', `a chunk cannot be decompressed (${codec})`, { cause: error });
  }
  if (plain.length === plainBytes) return plain;
  throw new TradedbError('checksum_mismatch', `a chunk has ${plain.length} bytes instead of ${plainBytes}`);
}

import type { Random } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { hex, sha256 } from '../chunk/pack-format.ts';

/** The FORMAT object: says that a folder is a repository, and which release can read it. */

const supportedFormat = 1;

export interface RepositoryFormat {
  readonly id: string;
  /** Features without which the repository cannot be understood. */
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** Name of the master key, where the repository is encrypted. */
  readonly key?: string;
}

export const encryptionFeature = 'encryption';
/** Marks, epochs, tombstones and what is known of a database carry MACs (docs/formats/encryption.md). */
export const recordMacsFeature = 'record-macs';

const knownFeatures: ReadonlySet<string> = new Set([encryptionFeature, recordMacsFeature]);

export function newFormat(random: Random): RepositoryFormat {
  return { id: hex(random.bytes(16)), required: [], optional: [] };
}

export function encodeFormat(format: RepositoryFormat): Uint8Array {
  const lines = [
    `tradedb-repository ${supportedFormat}`,
    `id ${format.id}`,
    `required ${format.required.join(' ')}`.trimEnd(),
    `optional ${format.optional.join(' ')}`.trimEnd(),
    ...(format.key === undefined ? [] : [`key ${format.key}`]),
  ];
  const body = `${lines.join('\n')}\n`;
  return Buffer.from(`${body}sha256 ${hex(sha256(Buffer.from(body)))}\n`);
}

/** Throws `repository_invalid` for another format, `checksum_mismatch` for a damaged object. */
export function decodeFormat(bytes: Uint8Array, location: string): RepositoryFormat {
  const text = Buffer.from(bytes).toString('utf8');
  const version = /^tradedb-repository (\d+)\n/.exec(text);
  if (version === null) {
    throw new TradedbError('repository_invalid', `${JSON.stringify(location)} is no backup repository`, {
      hint: 'give an empty or new folder, or check backup.repositories',
    });
  }
  if (Number(version[1]) > supportedFormat) {
    throw new TradedbError(
      'repository_invalid',
      `the repository ${JSON.stringify(location)} has format ${version[1]}; this release reads up to ${supportedFormat}`,
      { hint: 'use a newer release of tradedb' },
    );
  }
  const match = /^([\s\S]*\n)sha256 ([0-9a-f]{64})\n$/.exec(text);
  const body = match?.[1] ?? '';
  if (match === null || hex(sha256(Buffer.from(body))) !== match[2]) {
    throw new TradedbError('checksum_mismatch', `the FORMAT of the repository ${JSON.stringify(location)} is damaged`);
  }
  const words = (name: string): string[] =>
    (new RegExp(`^${name}(?: (.*))?$`, 'm').exec(body)?.[1] ?? '').split(' ').filter((word) => word !== '');
  const required = words('required');
  const unknown = required.filter((word) => !knownFeatures.has(word));
  if (unknown.length > 0) {
    throw new TradedbError(
      'repository_invalid',
      `the repository ${JSON.stringify(location)} needs ${unknown.join(', ')}, which this release does not know`,
      { hint: 'use a newer release of tradedb' },
    );
  }
  const key = words('key')[0];
  return { id: words('id')[0] ?? '', required, optional: words('optional'), ...(key === undefined ? {} : { key }) };
}

import { hex, sha256 } from '../chunk/pack-format.ts';

/**
 * A small JSON object that carries its own digest: `sha256` is that of the JSON without it. In an encrypted repository a
 * `mac` comes before it, over the JSON without both, so that nobody without the key can make one. Written without spaces,
 * so that no single flipped bit leaves the meaning and the digest as they were.
 */

/** Computes the MAC of the JSON text of a record. */
export type RecordMac = (text: string) => string;

export function sealJson(record: Readonly<Record<string, unknown>>, mac?: RecordMac): Uint8Array {
  const signed = mac === undefined ? record : { ...record, mac: mac(JSON.stringify(record)) };
  return Buffer.from(`${JSON.stringify({ ...signed, sha256: digestOf(signed) })}\n`);
}

export interface OpenedRecord {
  readonly record: Readonly<Record<string, unknown>>;
  readonly digest: 'right' | 'wrong' | 'absent';
  readonly mac: string | undefined;
}

/** Undefined when it is no JSON object. */
export function openSealed(bytes: Uint8Array): OpenedRecord | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { sha256: digest, ...signed } = parsed as Record<string, unknown>;
  const { mac, ...record } = signed;
  const state = digest === undefined ? 'absent' : digest === digestOf(signed) ? 'right' : 'wrong';
  return { record, digest: state, mac: typeof mac === 'string' ? mac : undefined };
}

function digestOf(record: Readonly<Record<string, unknown>>): string {
  return hex(sha256(Buffer.from(JSON.stringify(record))));
}

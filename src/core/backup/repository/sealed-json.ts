import { hex, sha256 } from '../chunk/pack-format.ts';

/**
 * A small JSON object that carries its own digest, for objects whose name cannot: `sha256` is that of the JSON without
 * it. Written without spaces, so that no single flipped bit leaves the meaning and the digest as they were.
 */
export function sealJson(record: Readonly<Record<string, unknown>>): Uint8Array {
  return Buffer.from(`${JSON.stringify({ ...record, sha256: digestOf(record) })}\n`);
}

/** The object with whether its digest is right; undefined when it is no JSON object. */
export function openSealed(bytes: Uint8Array): { record: Record<string, unknown>; sealed: boolean } | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { sha256: digest, ...record } = parsed as Record<string, unknown>;
  return { record, sealed: digest === digestOf(record) };
}

function digestOf(record: Readonly<Record<string, unknown>>): string {
  return hex(sha256(Buffer.from(JSON.stringify(record))));
}

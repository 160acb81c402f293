import { createHmac } from 'node:crypto';

/** Reads `known_hosts` of OpenSSH (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): plain, hashed and `[host]:port` names. */

export interface KnownHost {
  /** Such as `ssh-ed25519`. */
  readonly type: string;
  readonly key: Buffer;
  readonly revoked: boolean;
}

/** The keys that the file holds for one host. Lines of certificate authorities are left out: we check plain keys. */
export function knownHostKeys(text: string, host: string, port: number): readonly KnownHost[] {
  const names = port === 22 ? [host, `[${host}]:22`] : [`[${host}]:${port}`];
  const found: KnownHost[] = [];
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    if (words[0] === undefined || words[0] === '' || words[0].startsWith('#')) continue;
    const marker = words[0].startsWith('@') ? words.shift() : undefined;
    const [patterns = '', type = '', key = ''] = words;
    if (marker === '@cert-authority' || !names.some((name) => matches(patterns, name))) continue;
    found.push({ type, key: Buffer.from(key, 'base64'), revoked: marker === '@revoked' });
  }
  return found;
}

/** Whether the key that a server shows is known for it and not revoked. */
export function isKnownKey(known: readonly KnownHost[], shown: Buffer): boolean {
  const same = known.filter(({ key }) => key.equals(shown));
  return same.length > 0 && same.every(({ revoked }) => !revoked);
}

/** Algorithms to ask the server for, so that it shows a key that we know. */
export function hostKeyAlgorithms(known: readonly KnownHost[]): readonly string[] {
  const types = new Set(known.filter(({ revoked }) => !revoked).map(({ type }) => type));
  return [...types].flatMap((type) => (type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type]));
}

function matches(patterns: string, name: string): boolean {
  let found = false;
  for (const pattern of patterns.split(',')) {
    if (pattern.startsWith('!') && matchesOne(pattern.slice(1), name)) return false;
    found ||= matchesOne(pattern, name);
  }
  return found;
}

function matchesOne(pattern: string, name: string): boolean {
  const hashed = /^\|1\|([^|]+)\|(.+)$/.exec(pattern);
  if (hashed !== null) {
    const salt = Buffer.from(hashed[1] ?? '', 'base64');
    return createHmac('sha1', salt).update(name).digest('base64') === hashed[2];
  }
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${escaped}$`, 'i').test(name);
}

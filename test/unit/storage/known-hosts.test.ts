import { createHmac, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { hostKeyAlgorithms, isKnownKey, knownHostKeys } from '../../../src/core/storage/known-hosts.ts';

const key = (seed: number): Buffer => Buffer.alloc(51, seed);
const line = (names: string, seed: number, type = 'ssh-ed25519'): string =>
  `${names} ${type} ${key(seed).toString('base64')} comment`;

describe('known_hosts', () => {
  it('finds plain names, ports and patterns, and nothing of other hosts', () => {
    const text = [
      '# comment',
      '',
      line('a.example.org,10.0.0.1', 1),
      line('[b.example.org]:2222', 2),
      line('*.lan,!x.lan', 3),
    ].join('\n');
    const seeds = (host: string, port: number): number[] =>
      knownHostKeys(text, host, port).map((one) => one.key[0] ?? 0);
    expect(seeds('a.example.org', 22)).toEqual([1]);
    expect(seeds('10.0.0.1', 22)).toEqual([1]);
    expect(seeds('a.example.org', 2222)).toEqual([]);
    expect(seeds('b.example.org', 2222)).toEqual([2]);
    expect(seeds('b.example.org', 22)).toEqual([]);
    expect(seeds('desk.lan', 22)).toEqual([3]);
    expect(seeds('x.lan', 22)).toEqual([]);
    expect(seeds('axexample.org', 22)).toEqual([]);
  });

  it('finds hashed names', () => {
    const salt = randomBytes(20);
    const hash = createHmac('sha1', salt).update('[h.example.org]:2200').digest('base64');
    const text = line(`|1|${salt.toString('base64')}|${hash}`, 7);
    expect(knownHostKeys(text, 'h.example.org', 2200)).toHaveLength(1);
    expect(knownHostKeys(text, 'h.example.org', 22)).toHaveLength(0);
  });

  it('refuses a revoked key, and leaves authorities out', () => {
    const text = [line('h', 1), line('@revoked h', 1), line('@cert-authority h', 2), line('h', 3, 'ssh-rsa')].join(
      '\n',
    );
    const known = knownHostKeys(text, 'h', 22);
    expect(isKnownKey(known, key(1))).toBe(false);
    expect(isKnownKey(known, key(2))).toBe(false);
    expect(isKnownKey(known, key(3))).toBe(true);
    expect(hostKeyAlgorithms(known)).toEqual(['ssh-ed25519', 'rsa-sha2-512', 'rsa-sha2-256']);
  });
});

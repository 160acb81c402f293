import type { RepositorySettings } from '../../config/section/repository.ts';
import { TradedbError } from '../../error.ts';

/**
 * Reads the address of a repository on a server: `sftp://user@host[:port]/path` (`/~/path` for a path below the login
 * folder) or `s3:https://host/bucket[/prefix]`. Undefined for anything else; throws `usage` for a broken one.
 */
export function parseRepositoryAddress(text: string): RepositorySettings | undefined {
  if (text.startsWith('sftp:')) return sftp(text);
  if (/^s3:https?:/.test(text)) return s3(text.slice(3));
  if (/^[a-z][a-z0-9+]*:\/\//i.test(text)) throw broken(text);
  return undefined;
}

function sftp(text: string): RepositorySettings {
  const url = parsed(text);
  if (url.username === '' || url.hostname === '' || url.pathname.length < 2) throw broken(text);
  const path = decodeURIComponent(url.pathname);
  return {
    kind: 'sftp',
    host: url.hostname,
    port: url.port === '' ? 22 : Number(url.port),
    user: decodeURIComponent(url.username),
    path: path.startsWith('/~/') ? path.slice(3) : path,
  };
}

function s3(address: string): RepositorySettings {
  const url = parsed(address);
  const [bucket = '', ...rest] = decodeURIComponent(url.pathname)
    .split('/')
    .filter((part) => part !== '');
  if (url.username !== '' || bucket === '') throw broken(address);
  return { kind: 's3', endpoint: url.origin, bucket, region: 'us-east-1', prefix: rest.join('/') };
}

function parsed(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // An address may end up in a shell history and in reports: no place for a secret.
  if (url === undefined || url.password !== '') throw broken('the address');
  return url;
}

function broken(text: string): TradedbError {
  return new TradedbError('usage', `${JSON.stringify(text)} is no address of a repository`, {
    hint: 'use sftp://user@host:port/path or s3:https://host/bucket/prefix, without a password',
  });
}

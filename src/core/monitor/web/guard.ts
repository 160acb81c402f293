import { createHash, timingSafeEqual } from 'node:crypto';

/** Who may ask the server what. Pure. */

export interface GuardSettings {
  /** Names that may stand in the Host header, without port. */
  readonly hosts: readonly string[];
  /** Undefined: nobody has to prove anything, which is only for the loopback address. */
  readonly token: string | undefined;
  /** Opens `/metrics` alone, for a collector that must not see more. */
  readonly metricsToken: string | undefined;
}

export interface AskedRequest {
  readonly method: string;
  readonly path: string;
  readonly host: string | undefined;
  readonly authorization: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site` and `Sec-Fetch-Mode` of browsers. */
  readonly fetchSite: string | undefined;
  readonly fetchMode: string | undefined;
  /** The cookie names a session that is valid. */
  readonly hasSession: boolean;
}

export type Verdict = 'allowed' | { readonly status: 401 | 403 | 405 | 421 };

/** Paths that answer without the token: they tell neither a name nor a number. */
const open = ['/live', '/login', '/login.js', '/app.css'];

export function judgeRequest(request: AskedRequest, settings: GuardSettings): Verdict {
  // A foreign page that points its own name at our address (DNS rebinding) sends its own name.
  if (!settings.hosts.includes(hostName(request.host))) return { status: 421 };
  if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405 };
  if (isForeign(request, settings.hosts)) return { status: 403 };
  if (settings.token === undefined || open.includes(request.path) || request.hasSession) return 'allowed';
  if (bearsToken(request.authorization, settings.token)) return 'allowed';
  const { metricsToken } = settings;
  const forMetrics = request.path === '/metrics' && metricsToken !== undefined;
  return forMetrics && bearsToken(request.authorization, metricsToken) ? 'allowed' : { status: 401 };
}

/** Sent by a page of another site. Following a link to the page itself is no harm. */
function isForeign({ origin, fetchSite, fetchMode }: AskedRequest, hosts: readonly string[]): boolean {
  if (origin !== undefined) {
    const name = /^https?:\/\/(.+)$/i.exec(origin)?.[1];
    if (name === undefined || !hosts.includes(hostName(name))) return true;
  }
  return fetchSite === 'cross-site' && fetchMode !== 'navigate';
}

/** `example.org` of `example.org:9853`, `::1` of `[::1]:9853`, in lower case. */
export function hostName(host: string | undefined): string {
  const text = (host ?? '').trim().toLowerCase();
  const bracketed = /^\[([0-9a-f:.]+)\](?::\d+)?$/.exec(text);
  return bracketed?.[1] ?? text.replace(/:\d+$/, '');
}

/** Compared in constant time; digests make the lengths equal. */
export function bearsToken(authorization: string | undefined, token: string): boolean {
  const given = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? '';
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

export interface Listen {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:9853`, `[::1]:9853`; undefined when it is neither. */
export function parseListen(text: string): Listen | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { type GuardSettings, judgeRequest, type Listen } from './guard.ts';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Answers by exact path; no request path reaches the file system. */
export type Routes = Readonly<Record<string, (accept: string) => Answer>>;

export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

const headers = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
} as const;

const mostConnections = 64;
const headerTimeoutMs = 10_000;
const mostHeaderBytes = 8192;

/** Reasons that are worth a line in the log only now and then: a scanner must not fill the disk. */
const logEveryMs = 10_000;

/** Starts a read-only server. Fails with `usage` when the address cannot be had. */
export function startServer(
  listen: Listen,
  routes: Routes,
  guard: GuardSettings,
  ports: { readonly log: Logger; readonly now: () => number },
): Promise<MetricsServer> {
  let loggedAt = Number.NEGATIVE_INFINITY;
  const refused = (status: number): void => {
    if (ports.now() - loggedAt < logEveryMs) return;
    loggedAt = ports.now();
    ports.log.warn('request_refused', { status });
  };
  const server = createServer(
    { maxHeaderSize: mostHeaderBytes, headersTimeout: headerTimeoutMs },
    (request, response) => {
      answer(request, response, routes, guard, refused);
    },
  );
  server.maxConnections = mostConnections;
  server.requestTimeout = headerTimeoutMs;
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const where = `${listen.host}:${listen.port}`;
      reject(
        new TradedbError('usage', `cannot listen on ${where}: ${error.message}`, {
          hint: 'choose another address with --listen',
          cause: error,
        }),
      );
    });
    server.listen(listen.port, listen.host, () => {
      const { port } = server.address() as AddressInfo;
      resolve({ port, close: () => close(server) });
    });
  });
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  routes: Routes,
  guard: GuardSettings,
  refused: (status: number) => void,
): void {
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const { method = '' } = request;
  const verdict = judgeRequest(
    { method, path, host: request.headers.host, authorization: request.headers.authorization },
    guard,
  );
  if (verdict !== 'allowed') {
    refused(verdict.status);
    const extra = verdict.status === 401 ? { 'www-authenticate': 'Bearer' } : {};
    send(response, { status: verdict.status, type: 'text/plain; charset=utf-8', body: 'refused\n' }, method, extra);
    return;
  }
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (route === undefined) {
    send(response, { status: 404, type: 'text/plain; charset=utf-8', body: 'not found\n' }, method);
    return;
  }
  send(response, route(request.headers.accept ?? ''), method);
}

function send(
  response: ServerResponse,
  { status, type, body }: Answer,
  method: string,
  extra: Record<string, string> = {},
): void {
  response.writeHead(status, { ...headers, ...extra, 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(method === 'HEAD' ? undefined : body);
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
